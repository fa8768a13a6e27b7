"""The verbs of the command line: query, pull, push."""

import sys
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli import caching, delivering, filters, options, tables
from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.moving import pull_files, push_files
from imap_bulk.cli.place import Place
from imap_bulk.cli.wishes import Wishes, wishes_of

if TYPE_CHECKING:
    from imap_bulk.archives.imap import ImapArchive, ImapQuery
    from imap_bulk.model import RemoteFile

_FORMATS = ("table", "json", "jsonl", "csv", "manifest")


@click.command(short_help="List what the archive has.")
@filters.search_options
@click.option(
    "--output-format", type=click.Choice(_FORMATS), default="table", show_default=True,
    help="csv, jsonl and manifest can be given to pull.",
)  # fmt: skip
@click.pass_obj
def query(place: Place, /, output_format: str, **given: Any) -> ExitCode:
    """List the files that match all the given filters; at least one is needed.

    \b
    Examples:
      imap-bulk query --instrument mag --data-level l1a,l1b --days-ago 7
      imap-bulk query --table spice --type spin --output-format manifest > spin.txt
    """
    wanted = filters.query_of(given)
    run(_print_matches(place.imap(options.DEFAULT), wanted, output_format))
    return ExitCode.DONE


async def _print_matches(archive: "ImapArchive", query: "ImapQuery", output_format: str) -> None:
    async with archive:
        files = archive.search(query)
        if output_format in ("table", "json"):
            found = await _print_whole(files, query.table, output_format)
        else:
            found = await _print_stream(files, output_format)
        if not found and (hint := archive.hint_when_empty()):
            click.echo(f"Hint: {hint}", err=True)


async def _print_whole(files: AsyncIterator["RemoteFile"], table: str, output_format: str) -> int:
    records = [file.meta async for file in files]
    sys.stdout.write(
        (tables.table(table, records) if output_format == "table" else tables.json_array(records)) + "\n"
    )
    return len(records)


async def _print_stream(files: AsyncIterator["RemoteFile"], output_format: str) -> int:
    line: Callable[[RemoteFile], str] = {
        "jsonl": tables.json_line,
        "csv": tables.Csv().line,
        "manifest": tables.manifest_line,
    }[output_format]
    found = 0
    async for file in files:
        sys.stdout.write(line(file) + "\n")
        found += 1
    return found


@click.command(short_help="Bring files from the archive.")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@filters.search_options
@click.option(
    "--since", metavar="last|YYYYMMDD",
    help="Mirror: what was archived since the last complete run, or that day. Goes with filters.",
)  # fmt: skip
@click.option(
    "--locked", type=options.FILE, metavar="FILE",
    help="Pull exactly what this lock file pins, from the cache where it has it.",
)  # fmt: skip
@click.option(
    "--offline", is_flag=True,
    help="Send no request: what is neither here nor in the cache fails. Not with filters.",
)  # fmt: skip
@caching.cache_options
@click.option(
    "--summary-markdown", "summary", type=options.FILE, metavar="FILE",
    help="Append a summary in Markdown, as to $GITHUB_STEP_SUMMARY.",
)  # fmt: skip
@delivering.to
@options.dask
@options.transfer_options
@click.pass_obj
def pull(
    place: Place, /, sources: tuple[str, ...], since: str | None, locked: Path | None, offline: bool,
    cache_dir: Path | None, no_cache: bool, summary: Path | None, dask: str | None, **given: Any,
) -> ExitCode:  # fmt: skip
    """Bring everything that matches the filters, or else what each SOURCE names or a lock file pins.

    A SOURCE is a file name, an archive path, a manifest file, or - for a manifest on standard input. Files go
    below the data directory, in the archive's own layout. What is there and right does not move again.

    --since last keeps a mirror up to date, each run asking for what was archived since the one before; it tells
    what is new, changed or withdrawn, and deletes nothing.

    --locked uses and fills the user's cache; other pulls do so when --cache-dir or IMAP_BULK_CACHE_DIR names one.

    --to puts each file into a bucket, at PREFIX and its archive path, once it was verified; the data directory
    holds the journal and what is on its way. What the bucket still holds as it was does not move again.

    \b
    Examples:
      imap-bulk pull --instrument mag --data-level l2 --version latest
      imap-bulk --data-dir /data pull wanted.txt --jobs 16
      imap-bulk pull --instrument mag --since last
      imap-bulk pull --locked data.lock --offline
      imap-bulk pull --instrument mag --to s3://bucket/imap-data
    """
    to = given["to"]
    delivering.check(to, since=since, offline=offline, has_cache_dir=cache_dir is not None)
    cache = caching.chosen(cache_dir, no_cache or to is not None, usually=locked is not None)
    wishes = replace(wishes_of(given), cache=cache, offline=offline, summary=summary, dask=dask)
    by_filters = filters.any_given(given)
    if since is not None:
        _check_since(given, by_filters=by_filters, named=bool(sources or locked))
    _check_usage(wishes, by_filters=by_filters, named=bool(sources), locked=locked is not None)
    if locked:
        return _pull_locked(place, locked, wishes)
    wanted = filters.query_of(given) if by_filters else None
    if wanted and since is not None:
        return _pull_since(place, wanted, since, wishes)
    return _pull(place, wanted, sources, wishes)


def _check_usage(wishes: Wishes, *, by_filters: bool, named: bool, locked: bool) -> None:
    """Raise click.UsageError unless what is to be pulled is said once, and can be found the way that is asked."""
    if locked and (by_filters or named):
        raise click.UsageError("--locked pulls what the lock file pins and nothing else; leave the rest out.")
    if wishes.offline and by_filters:
        raise click.UsageError("--offline asks nobody, and filters are for the archive to answer; use --locked.")
    if wishes.offline and wishes.settings.overwrite:
        raise click.UsageError(
            "--overwrite fetches everything anew, and --offline nothing; leave one of them out."
        )
    if locked:
        return
    if by_filters and named:
        raise click.UsageError("Give filters or sources, not both: a file of names cannot be filtered.")
    if not by_filters and not named:
        raise click.UsageError("Say what to pull: filters, as in --instrument mag, or file names, or a manifest.")


_NOT_SINCE = ("ingestion_start_date", "ingestion_end_date", "today", "days_ago", "filename")


def _check_since(given: dict[str, Any], *, by_filters: bool, named: bool) -> None:
    """Raise click.UsageError where something contradicts --since."""
    if named or not by_filters:
        raise click.UsageError("--since goes with filters alone, as in --instrument mag --since last.")
    for name in _NOT_SINCE:
        if filters.any_given({name: given[name]}):
            raise click.UsageError(
                f"--since goes by when files were archived, under the same filters each time; leave "
                f"--{name.replace('_', '-')} out."
            )


def _pull_since(place: Place, query: "ImapQuery", since: str, wishes: Wishes) -> ExitCode:
    from imap_bulk.mirror import Mirror

    archive = place.imap(wishes.settings)
    day = None if since == "last" else since
    with Mirror(archive, query, place.data_dir, day, dry_run=wishes.dry_run) as mirror:
        return pull_files(archive, mirror.files(), place.data_dir, wishes, archive.hint_when_empty, mirror)


def _pull_locked(place: Place, path: Path, wishes: Wishes) -> ExitCode:
    from imap_bulk import bulk, lockfile

    lock = lockfile.read(path)
    archive = place.imap(wishes.settings)
    code = pull_files(archive, bulk.each(lockfile.files_of(lock)), place.data_dir, wishes)
    if code is not ExitCode.DONE and lock.archive != archive.name and not wishes.offline:
        click.echo(f"Hint: {path} was made with {lock.archive}, and {archive.name} was asked.", err=True)
    return code


def _pull(place: Place, query: "ImapQuery | None", named: tuple[str, ...], wishes: Wishes) -> ExitCode:
    files = None if query else _named(named)
    from imap_bulk import bulk

    archive = place.imap(wishes.settings)
    wanted = archive.search(query) if query else bulk.each(files or [])
    return pull_files(archive, wanted, place.data_dir, wishes, archive.hint_when_empty)


def _named(sources: tuple[str, ...]) -> "Iterable[RemoteFile]":
    from imap_bulk.sources import files_of

    return files_of(sources)


@click.command(short_help="Send files to the archive.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@options.transfer_options
@click.pass_obj
def push(place: Place, /, sources: tuple[str, ...], **given: Any) -> ExitCode:
    """Send what each SOURCE names: data files, directories, manifest files, or - (a manifest on standard input).

    All names are checked before anything moves. Digests of a manifest are held to while sending: a file that
    is not what its manifest says is not stored. What the archive has already is skipped.

    \b
    Examples:
      sha256sum imap_* > sums.txt; imap-bulk push sums.txt
      imap-bulk push outbox/ --dry-run
    """
    from imap_bulk.sources import uploads_of

    wishes = wishes_of(given)
    transfers = uploads_of(sources)
    return push_files(place.imap(wishes.settings), transfers, place.data_dir, wishes)
