"""lsst pull: images, and cutouts of them."""

import contextlib
import io
import re
import shutil
import sys
import tempfile
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import click

from imap_bulk.cli import delivering, options
from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.filters import refuse_empty, refuse_unreadable
from imap_bulk.cli.lsst.door import collection, door, level
from imap_bulk.cli.moving import pull_files
from imap_bulk.cli.place import Place
from imap_bulk.cli.wishes import wishes_of
from imap_bulk.errors import BadManifest, BadQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from imap_bulk.archives.lsst.cutouts import Position, Size

_MOST_IN_MEMORY = 1 << 20
_DAY = re.compile(r"[0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PLANES = ("data", "mask", "variance")
_CREATION = "Notice: the dates are those on which images were created, not those of observation."


def _day(_context: click.Context, _parameter: click.Parameter, text: str | None) -> date | None:
    """Read a day. Raises click.BadParameter."""
    if text is None:
        return None
    with contextlib.suppress(ValueError):
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    raise click.BadParameter("write a day as YYYYMMDD, as in 20150514.")


def _box(_context: click.Context, _parameter: click.Parameter, text: str | None) -> "Size | None":
    """Read the size of cutouts. Raises click.BadParameter."""
    from imap_bulk.archives.lsst.cutouts import Size

    try:
        return None if text is None else Size.parse(text)
    except BadQuery as error:
        raise click.BadParameter(str(error)) from error


@click.command(short_help="Bring images, or cutouts of them.")
@level
@collection
@click.option("--kind", required=True, metavar="KIND", help="Kind of images, as in raw, calexp, deepCoadd.")
@click.option("--id", "ids", multiple=True, metavar="N,...", help="Images; repeat, or separate by commas.")
@click.option("--plane", type=click.Choice(_PLANES), help="One plane instead of all three.")
@click.option(
    "--cutouts", metavar="FILE",
    help="Cut at the positions of a CSV file: id,ra,dec or id,x,y; also width, height, name. - is standard input.",
)  # fmt: skip
@click.option("--size", callback=_box, metavar="SIZE", help="30arcsec, 30x45arcsec, 2arcmin or 100pix.")
@click.option("--async", "by_job", is_flag=True, help="Have the archive make them, and wait until it is done.")
@click.option(
    "--deadline", type=click.IntRange(1), default=600, show_default=True, metavar="SECONDS",
    help="How long one may take with --async.",
)  # fmt: skip
@click.option("--start-date", callback=_day, metavar="YYYYMMDD", help="First day of creation.")
@click.option("--end-date", callback=_day, metavar="YYYYMMDD", help="Last day of creation.")
@click.option("--owner", metavar="NAME", help="Whose images.")
@click.option("--require-stable", is_flag=True, help="Refuse a list that changes while it is read.")
@click.option("--deployed-form", is_flag=True, help="Ask as the servers once wanted it: by kind and id alone.")
@delivering.to
@options.transfer_options
@click.pass_obj
def pull(place: Place, /, **given: Any) -> ExitCode:
    """Bring all images of a kind, or those with --id, or --cutouts of them.

    Each is held to the checksums within it. Without astropy, only its form is looked at, and the summary says so;
    pip install 'imap-bulk[lsst]' brings it.

    \b
    Examples:
      imap-bulk lsst pull --level L2 --collection DR1 --kind deepCoadd
      imap-bulk lsst pull --level L2 --collection DR1 --kind calexp --id 5646240694 --plane mask
      imap-bulk lsst pull --level L2 --collection DR1 --kind calexp --cutouts stars.csv --size 30arcsec
    """
    from imap_bulk.archives.lsst import ImageQuery, LsstArchive
    from imap_bulk.archives.lsst.jobs import Patience

    wishes = wishes_of(given)
    refuse_unreadable({name: value for name, value in given.items() if name != "cutouts"})
    refuse_empty({"owner": given["owner"]})
    ids = tuple(image.strip() for told in given["ids"] for image in told.split(",") if image.strip())
    if given["ids"] and not ids:  # an empty variable of a shell, say: it does not stand for everything
        raise click.UsageError("--id names no image; leave it out to bring all of them.")
    if given["size"] and not given["cutouts"]:
        raise click.UsageError("--size is that of cutouts: say where, by --cutouts.")
    if given["cutouts"] == "":
        raise click.UsageError("--cutouts names no file of positions; leave it out to bring whole images.")
    start, end = given["start_date"], given["end_date"]
    if start and end and start > end:
        raise click.UsageError(f"the start {start} comes after the end {end}; swap them.")
    url, token = door(place)
    with _positions(given["cutouts"], given["size"], ids) as cutouts:
        query = ImageQuery.of(
            given["level"] or "", given["collection"] or "", given["kind"],
            ids=ids, plane=given["plane"] or "", cutouts=cutouts, created_after=start,
            created_before=end + timedelta(days=1) if end and end < date.max else None, owner=given["owner"] or "",
            by_job=given["by_job"], deployed=given["deployed_form"], stable=given["require_stable"],
        )  # fmt: skip
        if (start or end) and not wishes.quiet:
            click.echo(_CREATION, err=True)
        archive = LsstArchive(url, token, wishes.settings, Patience(given["deadline"]))
        return pull_files(archive, archive.search(query), place.data_dir, wishes)


class _Positions:
    """The positions of a file, read as often as they are needed, so that none of them stays in memory."""

    def __init__(self, file: IO[str], name: str, size: "Size | None") -> None:
        self._file = file
        self._name = name
        self._size = size

    def __iter__(self) -> "Iterator[Position]":
        from imap_bulk.archives.lsst.cutouts import read_positions

        self._file.seek(0)
        return read_positions(self._file, self._name, self._size)


@contextmanager
def _positions(source: str | None, size: "Size | None", ids: tuple[str, ...]) -> "Iterator[_Positions | None]":
    """Open a list of positions, all of which are checked first: each names an image, or `ids` do.

    Raises BadManifest.
    """
    if source is None:
        yield None
        return
    name = "standard input" if source == "-" else source
    try:
        with _open(source) as file:
            positions = _Positions(file, name, size)
            for position in positions:
                if not position.image and not ids:
                    where = f"{name} line {position.line}"
                    raise BadManifest(f"{where} names no image to cut; fill in its id, or give --id")
            yield positions
    except UnicodeDecodeError as error:
        raise BadManifest(f"{name} looks like a binary file; give positions as CSV in UTF-8") from error


def _open(source: str) -> IO[str]:
    try:
        if source == "-":
            return _as_text(_kept(sys.stdin.buffer))
        file = Path(source).open("rb")  # noqa: SIM115  closed with what wraps it
        if file.seekable():
            return _as_text(file)
        with file:
            return _as_text(_kept(file))
    except OSError as error:
        raise BadManifest(f"the positions {source} cannot be read: {error.strerror}") from error


def _kept(pipe: BinaryIO) -> BinaryIO:
    """Keep what can be read once only."""
    spool = tempfile.SpooledTemporaryFile(_MOST_IN_MEMORY)  # noqa: SIM115  closed with what wraps it
    shutil.copyfileobj(pipe, spool)
    return cast("BinaryIO", spool)


def _as_text(file: BinaryIO) -> IO[str]:
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
