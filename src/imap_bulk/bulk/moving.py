"""A pull and a push: plan, move, count."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from imap_bulk.archives.base import Archive
from imap_bulk.bulk.planning import plan
from imap_bulk.bulk.tally import Report, Tally, ignore
from imap_bulk.bulk.wanting import Batch, downloads, uploads
from imap_bulk.cache import Cache
from imap_bulk.engine.attempts import Report as EngineReport
from imap_bulk.engine.download import Keep
from imap_bulk.engine.engine import Engine
from imap_bulk.journal import Journal
from imap_bulk.model import Direction, Outcome, Plan, RemoteFile, Result, Transfer
from imap_bulk.placing import Placing, missing
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

Move = Callable[[Archive, Iterable[Transfer], int, Path, Settings, EngineReport], Awaitable[None]]
"""Moves transfers, so many, below a data directory and reports how each ended: here, or on a cluster."""


class _Stock(NamedTuple):
    """What a run may take files from beside the archive, and whether it may ask that at all."""

    cache: Cache | None = None
    offline: bool = False


_NO_STOCK = _Stock()


async def pull(
    archive: Archive,
    files: AsyncIterable[RemoteFile],
    data_dir: Path,
    settings: Settings,
    report: Report = ignore,
    *,
    dry_run: bool = False,
    move: Move | None = None,
    cache: Cache | None = None,
    offline: bool = False,
) -> Result:
    """Bring `files` of `archive` to their places below `data_dir`, by `move` if not by this process.

    `files` is usually `archive.search(query)`; it is read after the archive was opened. Files of known sha256 are
    taken from `cache`, and what was verified enters it. When `offline`, the archive is asked for no file: those
    that are not on this machine fail. Raises BulkError when the search fails, OSError when this machine cannot go
    on; a file that fails is counted instead.
    """
    by = move or partial(move_here, keep=cache.keep if cache else None)
    stock = _Stock(cache, offline)
    return await _run(
        Direction.PULL, archive, downloads(files, data_dir), data_dir, settings, report, dry_run, by, stock
    )


async def push(
    archive: Archive,
    sources: Iterable[Transfer],
    data_dir: Path,
    settings: Settings,
    report: Report = ignore,
    *,
    dry_run: bool = False,
) -> Result:
    """Send `sources` to `archive`; the journal of `data_dir` remembers what has arrived. Raises as `pull`."""
    return await _run(Direction.PUSH, archive, uploads(sources), data_dir, settings, report, dry_run, move_here)


async def move_here(
    archive: Archive,
    transfers: Iterable[Transfer],
    count: int,
    data_dir: Path,
    settings: Settings,
    report: EngineReport,
    *,
    keep: Keep | None = None,
) -> None:
    """Move transfers by an engine in this process, which gives what it has verified to `keep`. See `Move`."""
    async with StorageTransport(settings, archive.name) as transport:
        await Engine(archive, transport, data_dir, settings, keep).run(transfers, report)


async def _run(
    direction: Direction,
    archive: Archive,
    wanted: AsyncIterator[Batch],
    data_dir: Path,
    settings: Settings,
    report: Report,
    dry_run: bool,
    move: Move,
    stock: _Stock = _NO_STOCK,
) -> Result:
    with Journal(data_dir, archive.name, direction, create=not dry_run) as journal:
        tally = Tally(report, journal)
        async with archive:
            await plan(wanted, direction, journal, settings, tally)
            files, known_bytes, unsized = journal.totals()
            report(Plan(files, known_bytes, unsized, tally.skipped))
            if dry_run:
                for transfer in journal.todo():
                    report(transfer)
                return tally.result()
            tally.wanted += files
            journal.begin_run()
            tally.write_failures()
            try:
                await _take_from(stock, journal, data_dir, settings, tally)
                left, _, _ = journal.totals()
                await move(archive, journal.todo(), left, data_dir, settings, tally.take)
            finally:
                journal.end_run(tally.result())
                report(tally.result())
        return tally.result()


async def _take_from(stock: _Stock, journal: Journal, data_dir: Path, settings: Settings, tally: Tally) -> None:
    """Place what is in stock; offline, all that is left to do has failed."""

    def take(outcome: Outcome) -> None:
        journal.take_out([outcome.transfer])
        tally.take(outcome)

    if stock.cache and not settings.overwrite:
        await Placing(stock.cache, data_dir, settings).place_all(journal.todo(), take)
    if stock.offline:
        for transfer in journal.todo():
            take(missing(transfer))
