"""lsst query: the answer to a statement in SQL, asked for in parts, and written as they come."""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from imap_bulk.cli import words
from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.filters import refuse_unreadable
from imap_bulk.cli.lsst.door import door
from imap_bulk.cli.options import FILE, writable
from imap_bulk.cli.place import Place
from imap_bulk.errors import Rejected
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.archives.lsst.service import Service

_LOG = logging.getLogger(__name__)

_FORMS = ("csv", "json", "jsonl", "votable", "fits")
_ENDINGS = {".vot": "votable", ".xml": "votable", ".fit": "fits", ".ndjson": "jsonl"}


@dataclass(frozen=True, slots=True)
class _Question:
    """A statement, the parts in which it is asked, and what becomes of the answer."""

    sql: str
    parts: tuple[str, ...]
    form: str
    output: Path | None
    verify: bool
    jobs: int
    timeout: int
    """Seconds."""
    deadline: int | None
    """Seconds for one that is asked for asynchronously; None for one that is not."""


@click.command(short_help="Ask in SQL.")
@click.option("--sql", required=True, metavar="SQL|@FILE", help="The statement, or @ and a file that holds it.")
@click.option(
    "--partition", metavar="COLUMN:LO:HI:N",
    help="Ask in N ranges of a column at once, cut between LO and HI; rows outside of them come as well.",
)  # fmt: skip
@click.option("--output-format", type=click.Choice(_FORMS), help="Form; else what FILE ends in, else csv.")
@click.option(
    "-o", "--output", type=FILE, callback=writable, metavar="FILE",
    help="Write to this file, which appears when it is whole, instead of printing.",
)  # fmt: skip
@click.option("--verify", is_flag=True, help="Hold the number of rows to what SELECT COUNT(*) says.")
@click.option(
    "--timeout", type=click.IntRange(1), default=180, show_default=True, metavar="SECONDS",
    help="How long the archive may take over one statement.",
)  # fmt: skip
@click.option("--async", "by_job", is_flag=True, help="Have the archive work on it, and wait until it is done.")
@click.option(
    "--deadline", type=click.IntRange(1), default=600, show_default=True, metavar="SECONDS",
    help="How long one statement may take with --async.",
)  # fmt: skip
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 64), default=4, show_default=True, metavar="N",
    help="Ranges that are asked for at once.",
)  # fmt: skip
@click.pass_obj
def query(place: Place, /, sql: str, partition: str | None, output: Path | None, **given: Any) -> ExitCode:
    """Print the answer to a statement. Integers are exact; columns of bytes are base64.

    A server makes the whole answer in its memory: ask for a large one in ranges of a column. votable and fits need
    astropy: pip install 'imap-bulk[lsst]'.

    \b
    Examples:
      imap-bulk lsst query --sql 'SELECT id, ra, decl FROM DR1.Object WHERE ra < 10'
      imap-bulk lsst query --sql @all.sql --partition id:0:200000:16 --verify -o objects.csv
    """
    from imap_bulk.archives.lsst.statement import Partition, statements

    text = _sql(sql)
    refuse_unreadable({"sql": text, "partition": partition})
    parts = statements(text, None if partition is None else Partition.parse(partition))
    form = given["output_format"] or _form_of(output)
    deadline = given["deadline"] if given["by_job"] else None
    question = _Question(text, parts, form, output, given["verify"], given["jobs"], given["timeout"], deadline)
    url, token = door(place)
    run(_answer(url, token, question))
    return ExitCode.DONE


def _form_of(output: Path | None) -> str:
    """Tell a form by how the name of a file ends."""
    ending = output.suffix.lower() if output else ""
    form = _ENDINGS.get(ending, ending.removeprefix("."))
    return form if form in _FORMS else "csv"


def _sql(text: str) -> str:
    """Read the statement. Raises click.BadParameter."""
    if text == "@":
        raise click.BadParameter("name a file behind @.", param_hint="--sql")
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise click.BadParameter(f"{text[1:]} cannot be read: {reason}", param_hint="--sql") from error
    if not text.strip():
        raise click.BadParameter("there is no statement in it", param_hint="--sql")
    return text.strip()


async def _answer(url: str, token: str | None, question: _Question) -> None:
    """Write the whole answer. Raises Rejected if it has not as many rows as the archive counts, OSError."""
    from imap_bulk.archives.lsst import statement
    from imap_bulk.archives.lsst.service import Service

    if question.verify:
        statement.parse(question.sql, "for its number of rows")
    started = time.monotonic()
    async with Service(url, token, Settings(idle_timeout=question.timeout)) as service:
        with _sink(question.output) as stream:
            rows = await _write(service, question, stream)
            if question.verify:
                await _hold_to_count(service, question.sql, rows)
    _tell(question, rows, time.monotonic() - started)


async def _write(service: "Service", question: _Question, stream: BinaryIO) -> int:
    from imap_bulk.archives.lsst import queries
    from imap_bulk.archives.lsst.forms import writer
    from imap_bulk.archives.lsst.jobs import Patience

    patience = Patience(question.deadline) if question.deadline else None
    writing, rows, of = writer(question.form, stream), 0, len(question.parts)
    try:
        async with aclosing(queries.ask_each(service, question.parts, question.jobs, patience)) as tables:
            part = 0
            async for table in tables:
                part += 1
                rows += len(table.rows)
                _LOG.info("part %d of %d: %d rows", part, of, len(table.rows))
                _show(f"{rows} rows, {part} of {of} parts" if question.output else "")
                writing.add(table)
                del table
    finally:
        _show("")
    writing.end()
    return rows


def _show(text: str) -> None:
    """Show on a terminal how far it is, in a line that the next one replaces."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[K{text}", nl=False, err=True)


async def _hold_to_count(service: "Service", sql: str, rows: int) -> None:
    from imap_bulk.archives.lsst import queries

    counted = await queries.count(service, sql)
    if counted != rows:
        raise Rejected(f"{rows} rows came, but the archive counts {counted}; has the table changed meanwhile?")


def _tell(question: _Question, rows: int, seconds: float) -> None:
    """Say what was written, if that has not gone to where words go."""
    if not rows:
        click.echo("The answer has no rows, so that servers do not tell its columns.", err=True)
    if question.output is None:
        return
    parts = f" in {len(question.parts)} parts" if len(question.parts) > 1 else ""
    counted = ", as many as the archive counts" if question.verify else ""
    click.echo(f"{rows} rows{parts} to {question.output}{counted}; {words.duration(seconds)}")


@contextmanager
def _sink(output: Path | None) -> Iterator[BinaryIO]:
    """Open what is written to, whose errors name it. Raises OSError."""
    if output is None:
        yield sys.stdout.buffer
        return
    target = Path(os.path.realpath(output))  # a link stays one
    try:
        with _in_place(target) if target.exists() and not target.is_file() else _when_whole(target) as stream:
            yield stream
    except OSError as error:
        error.filename = os.fspath(output)
        raise


def _in_place(target: Path) -> BinaryIO:
    """Open a pipe or a device: it must not give way to a file of its name, least of all /dev/null."""
    return target.open("wb")


@contextmanager
def _when_whole(target: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name when it is whole."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())  # or a power cut could leave the name without the rows
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
