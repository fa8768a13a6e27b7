"""A pull and a push: plan, move, count."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imap_bulk import processes
from imap_bulk.archives.base import Archive
from imap_bulk.bulk.planning import plan
from imap_bulk.bulk.tally import Report, Tally, ignore
from imap_bulk.cache import Cache
from imap_bulk.engine.attempts import Report as EngineReport
from imap_bulk.engine.places import safe_path
from imap_bulk.errors import UnsafePath
from imap_bulk.journal import Journal
from imap_bulk.model import Direction, Outcome, Plan, RemoteFile, Result, Status, Transfer
from imap_bulk.placing import Placing, missing
from imap_bulk.settings import Settings

if TYPE_CHECKING:  # needs the extra s3
    from imap_bulk.delivery import Destination, Shipment

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
    destination: "Destination | None" = None,
) -> Result:
    """Bring `files` of `archive` to their places below `data_dir`, by `move` if not by this process.

    `files` is usually `archive.search(query)`; it is read after the archive was opened. Files of known sha256 are
    taken from `cache`, and what was verified enters it. When `offline`, the archive is asked for no file: those
    that are not on this machine fail. Files for a `destination` go there, below `data_dir` is but the journal, and
    `cache` is filled alone; a `move` of another kind has to know the destination by itself. Raises BulkError when
    the search fails, OSError when this machine cannot go on; a file that fails is counted instead.
    """
    shipment: Shipment | None = None
    if destination:
        shipment = destination.shipment(data_dir, archive.name, settings, create=not dry_run)

    async def wanted() -> AsyncIterator[Transfer | Outcome]:
        async for file in files:
            placed = _placed(file, data_dir)
            if shipment and isinstance(placed, Transfer):
                placed = replace(placed, path=shipment.place_of(file.key))
            yield placed

    stock = _Stock(None if destination else cache, offline)
    by = move or partial(
        processes.move,
        keep=cache.keep if cache else None,
        open_delivery=destination.opened if destination else None,
    )
    return await _run(Direction.PULL, archive, wanted(), data_dir, settings, report, dry_run, by, stock, shipment)


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

    async def wanted() -> AsyncIterator[Transfer | Outcome]:
        for transfer in sources:
            yield transfer

    return await _run(Direction.PUSH, archive, wanted(), data_dir, settings, report, dry_run, processes.move)


def _placed(file: RemoteFile, data_dir: Path) -> Transfer | Outcome:
    """Give a remote file its place, or its failure: a bad key of one file must not stop the others."""
    try:
        path = safe_path(data_dir, file.key)
    except UnsafePath as error:
        return Outcome(Transfer(Direction.PULL, file.key, data_dir), Status.FAILED, error=error)
    return Transfer(Direction.PULL, file.key, path, file.size, file.digest, file.source)


async def _run(
    direction: Direction,
    archive: Archive,
    wanted: AsyncIterator[Transfer | Outcome],
    data_dir: Path,
    settings: Settings,
    report: Report,
    dry_run: bool,
    move: Move,
    stock: _Stock = _NO_STOCK,
    shipment: "Shipment | None" = None,
) -> Result:
    with Journal(data_dir, archive.name, direction, create=not dry_run) as journal, shipment or nullcontext():
        tally = Tally(report, shipment.notebook(journal) if shipment else journal)
        async with archive:
            if shipment:
                await shipment.check()
            await plan(wanted, journal, settings, tally)
            if shipment:
                await shipment.leave_out(journal, tally.take_at_once)
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
                root = shipment.scratch if shipment else data_dir
                await move(archive, journal.todo(), left, root, settings, tally.take)
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
