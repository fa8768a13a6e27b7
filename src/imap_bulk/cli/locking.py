"""`imap-bulk lock`: a query becomes a lock file, or a lock file is brought up to date."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli import caching, events, filters, options, pins, words
from imap_bulk.cli.console import Console
from imap_bulk.cli.ending import ExitCode, code_of, run
from imap_bulk.cli.place import Place
from imap_bulk.cli.recording import recorded
from imap_bulk.cli.wishes import Wishes, wishes_of
from imap_bulk.cli.words import Verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imap_bulk.archives.imap import ImapArchive, ImapQuery
    from imap_bulk.lockfile import Change, LockFile, Pin
    from imap_bulk.model import RemoteFile


@click.command(short_help="Pin a query to exact files, in a lock file.")
@filters.search_options
@click.option(
    "-o", "--output", type=options.FILE, metavar="FILE", help="The lock file to make.  [default: data.lock]"
)
@click.option("--update", "updated", type=options.FILE, metavar="FILE", help="Bring this lock file up to date.")
@click.option("--check", is_flag=True, help="With --update: tell what would change, and exit with 1 if anything.")
@caching.cache_options
@options.transfer_options
@click.pass_obj
def lock(
    place: Place, /, output: Path | None, updated: Path | None, check: bool,
    cache_dir: Path | None, no_cache: bool, **given: Any,
) -> ExitCode:  # fmt: skip
    """Pin what matches the filters to exact files, sizes and sha256 digests: a lock file for `pull --locked`.

    Archives tell neither sizes nor digests, so what is pinned has to be here: files that are not in the data
    directory yet are pulled into it. Every pin says what confirmed its bytes. --update asks the recorded query
    again, and pulls what is new, or was archived again under its name; other pins stay as they are. To pin a file
    anew, delete its line and update with --overwrite. --today and --days-ago are recorded as dates.

    \b
    Examples:
      imap-bulk lock --instrument mag --data-level l2 --version latest -o data.lock
      imap-bulk lock --update data.lock
      imap-bulk lock --update data.lock --check
    """
    from imap_bulk import lockfile
    from imap_bulk.archives.imap import ImapQuery

    cache = caching.chosen(cache_dir, no_cache, usually=False)
    wishes = replace(wishes_of(given), cache=cache)
    _check_usage(filters.any_given(given), output, updated, check)
    data_dir = place.data_dir
    target = updated or output or Path("data.lock")
    known = lockfile.read(updated) if updated else None
    query = ImapQuery.of(**known.query) if known else filters.query_of(given)
    archive = place.imap(wishes.settings)
    files = run(_found(archive, query))
    if not files:
        click.echo(f"No file matches; {target} is left as it is." if updated else "No file matches.", err=True)
        return ExitCode.FAILED
    if known is None:
        if wishes.dry_run:
            click.echo(f"Would pin {words.files(len(files))} in {target}; nothing was written.")
            return ExitCode.DONE
        return _pin(archive, query, files, (), target, data_dir, wishes)
    again, changes = _news(known, files)
    _tell(changes, target, wishes)
    if check or wishes.dry_run:
        return ExitCode.FAILED if changes and check else ExitCode.DONE
    kept = [pin for pin in known.pins if pin.key not in again]
    if again:  # what is here under these names is not what the archive has now
        wishes = replace(wishes, settings=replace(wishes.settings, overwrite=True))
    return _pin(archive, query, files, kept, target, data_dir, wishes)


def _check_usage(by_filters: bool, output: Path | None, updated: Path | None, check: bool) -> None:
    """Raise click.UsageError where the options contradict each other."""
    if updated and (by_filters or output):
        raise click.UsageError(f"{updated} holds its query already; make a new lock file to ask another one.")
    if check and not updated:
        raise click.UsageError("--check goes with --update: it tells whether that lock file is up to date.")
    if not updated and not by_filters:
        raise click.UsageError("Say what to pin: filters, as in --instrument mag, or --update FILE.")
    target = output or Path("data.lock")
    if hindrance := options.hindrance_to_write(target):
        raise click.UsageError(f"{hindrance}.")
    if not updated and target.exists():
        raise click.UsageError(f"{target} is there already: give it by --update, or choose another name by -o.")


async def _found(archive: "ImapArchive", query: "ImapQuery") -> "list[RemoteFile]":
    async with archive:
        return [file async for file in archive.search(query)]


def _news(known: "LockFile", files: "Sequence[RemoteFile]") -> "tuple[set[str], list[Change]]":
    """Return the keys of pinned files that were archived again, and all that has changed since the pins."""
    from imap_bulk import lockfile
    from imap_bulk.archives.imap.records import ingested

    again = lockfile.archived_again(known.pins, {file.key: ingested(file.meta) for file in files})
    return again, lockfile.diff((pin.key for pin in known.pins), (file.key for file in files), again)


def _tell(changes: "Sequence[Change]", target: Path, wishes: Wishes) -> None:
    for change in changes:
        if wishes.as_json:
            click.echo(events.change(change, pins.kind(change)))
        elif not wishes.quiet:
            click.echo(pins.change(change))
    if not wishes.quiet:
        told = f"is out of date: {pins.count(changes)}" if changes else "is up to date"
        click.echo(f"{target} {told}.", err=wishes.as_json)


def _pin(
    archive: "ImapArchive", query: "ImapQuery", files: "Sequence[RemoteFile]", known: "Sequence[Pin]",
    target: Path, data_dir: Path, wishes: Wishes,
) -> ExitCode:  # fmt: skip
    """Pull what is not pinned yet, and write the lock file if all of it came."""
    from imap_bulk import lockfile, pinning

    listed = {file.key for file in files}
    kept = {pin.key: pin for pin in known if pin.key in listed}
    fresh = [file for file in files if file.key not in kept]
    with (
        Console(Verb.PULL, quiet=wishes.quiet, json=wishes.as_json) as console,
        recorded(console, Verb.PULL, archive, data_dir, wishes) as report,
    ):
        work = pinning.pin(archive, fresh, data_dir, wishes.settings, report, cache=wishes.cache)
        result, came = run(work)
        if not result.complete:
            console.tell(f"{target} was not written: all of it has to be pinned.")
            return code_of(result)
        pinned = lockfile.LockFile(archive.name, query.conditions(), (*kept.values(), *came))
        lockfile.write(target, pinned)
        console.tell(f"{target} pins {pins.pinned(pinned.pins)}.")
        if complaint := caching.complaint(wishes.cache):
            console.tell(complaint)
    return ExitCode.DONE
