"""The data sources of AuroraX, listed and changed."""

import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from imap_bulk.cli import options
from imap_bulk.cli.aurorax import consent, filters, forms
from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.filters import refuse_unreadable
from imap_bulk.cli.place import Place
from imap_bulk.errors import BadManifest, BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from imap_bulk.archives.aurorax.keys import Triple
    from imap_bulk.archives.aurorax.sources import SourceDraft, Sources

T = TypeVar("T")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group(invoke_without_command=True, short_help="List data sources; add, update, delete them.")
@filters.chosen
@click.option("--source-type", metavar="TYPE", help="Kind of source: ground, leo, heo, lunar, event_list.")
@click.option("--owner", metavar="EMAIL", help="Sources of this owner.")
@click.option("--stats", is_flag=True, help="Count their records too.")
@forms.output_format
@click.pass_context
def sources(ctx: click.Context, /, **given: Any) -> ExitCode:
    """List the data sources that match all filters, or change one by a command.

    \b
    Examples:
      imap-bulk aurorax sources --program swarm --stats
      imap-bulk aurorax sources get 103
      imap-bulk aurorax sources update 400 --display-name "My camera"
    """
    if ctx.invoked_subcommand is None:
        filters.refuse_unfit(given)
        run(_list(ctx.obj, given))
    return ExitCode.DONE


async def _list(place: Place, given: dict[str, Any]) -> None:
    async with filters.archive_at(place, options.DEFAULT) as archive:
        form = given["output_format"]
        found = await archive.sources.listed(
            filters.chosen_of(given),
            source_type=given["source_type"],
            owner=given["owner"],
            form="basic_info" if form == "table" else "full_record",
            stats=given["stats"],
        )
    await forms.show("sources", "data sources", forms.each(found), form)


@sources.command(short_help="Print all that is known of one.")
@click.argument("identifier", type=int)
@click.pass_obj
def get(place: Place, identifier: int) -> ExitCode:
    """Print the whole record of the data source with this IDENTIFIER, its counts included, as JSON."""
    _print(_with_sources(place, lambda sources: sources.get(identifier, stats=True)))
    return ExitCode.DONE


_draft_options = options.all_of(
    click.option("--program", metavar="NAME", help="At most 200 characters."),
    click.option("--platform", metavar="NAME", help="At most 50 characters."),
    click.option("--instrument-type", metavar="NAME", help="At most 200 characters."),
    click.option("--source-type", metavar="TYPE", help="ground, leo, heo, lunar, event_list."),
    click.option("--display-name", metavar="NAME", help="At most 50 characters."),
    click.option("--owner", metavar="EMAIL", help="Whose it is; else yours."),
    click.option(
        "--from", "document", type=_FILE, metavar="FILE",
        help="A JSON object with any fields of a source; options win over it.",
    ),
)  # fmt: skip


@sources.command(short_help="Add one.")
@_draft_options
@click.option("--identifier", type=int, metavar="N", help="Its number; else the archive chooses one.")
@click.pass_obj
def add(place: Place, /, **given: Any) -> ExitCode:
    """Add a data source, and print its record."""
    draft = _draft(given)
    draft.whole()
    _print(_with_sources(place, lambda sources: sources.add(draft)))
    return ExitCode.DONE


@sources.command(short_help="Change one.")
@click.argument("identifier", type=int)
@_draft_options
@click.pass_obj
def update(place: Place, /, identifier: int, **given: Any) -> ExitCode:
    """Change those fields of the data source with this IDENTIFIER that are given, and print its record."""
    draft = _draft(given)
    if not draft.body():
        raise click.UsageError("Say what to change, as in --display-name 'My camera'.")
    _print(_with_sources(place, lambda sources: sources.update(identifier, draft)))
    return ExitCode.DONE


@sources.command(short_help="Delete one that has no data left.")
@click.argument("identifier", type=int)
@consent.yes
@click.pass_obj
def delete(place: Place, identifier: int, yes: bool) -> ExitCode:
    """Delete the data source with this IDENTIFIER; the archive refuses while it has records."""
    source = _with_sources(place, lambda sources: sources.get(identifier))
    if not consent.agreed(f"Delete the data source {identifier}, {forms.source_name(source)}?", yes=yes):
        return ExitCode.FAILED
    _with_sources(place, lambda sources: sources.delete(identifier))
    click.echo(f"Deleted the data source {identifier}, {forms.source_name(source)}.")
    return ExitCode.DONE


def read_draft(path: Path) -> "SourceDraft":
    """Read what a source is to be from a JSON document. Raises BadManifest, which names it."""
    from imap_bulk.archives.aurorax.sources import SourceDraft

    with _named(path):
        return SourceDraft.of(_object_of(path))


@contextmanager
def _named(path: Path) -> "Iterator[None]":
    """Have what is wrong with a document told with its name."""
    try:
        yield
    except BadQuery as error:
        raise BadManifest(f"{path}: {error.spelled(str)}") from None


def read_draft_of(path: Path, wanted: "int | Triple") -> "SourceDraft":
    """Read what the source that is `wanted` is to be, should there be none. Raises BadManifest."""
    draft = read_draft(path)
    with _named(path):
        draft.whole()
    if isinstance(wanted, int):
        if draft.identifier not in (None, wanted):
            raise BadManifest(f"{path} describes data source {draft.identifier}, not {wanted}; see to --source-id")
        return replace(draft, identifier=wanted)
    told = (draft.program, draft.platform, draft.instrument_type)
    if told != wanted:
        names = "/".join(filter(None, told))
        raise BadManifest(f"{path} describes {names}, not {'/'.join(wanted)}; see to --source")
    return draft


def _object_of(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise BadManifest(f"{path} holds no JSON object; write one with program, platform and so on.")
    return told


def _draft(given: dict[str, Any]) -> "SourceDraft":
    from imap_bulk.archives.aurorax.sources import SourceDraft

    refuse_unreadable(given)
    path: Path | None = given.pop("document")
    told = {name: value for name, value in given.items() if value is not None}
    return SourceDraft.of((read_draft(path).body() if path else {}) | told)


def _with_sources(place: Place, ask: "Callable[[Sources], Coroutine[Any, Any, T]]") -> T:
    async def work() -> T:
        async with filters.archive_at(place, options.DEFAULT) as archive:
            return await ask(archive.sources)

    return run(work())


def _print(record: forms.Record) -> None:
    click.echo(json.dumps(record, indent=2))
