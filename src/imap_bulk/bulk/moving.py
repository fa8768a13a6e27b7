"""A pull and a push: plan, move, count."""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imap_bulk import processes
from imap_bulk.archives.base import Archive
from imap_bulk.bulk.planning import Planner
from imap_bulk.bulk.tally import Report, Tally, ignore
from imap_bulk.bulk.wanting import Batch, downloads, uploads
from imap_bulk.cache import Cache
from imap_bulk.engine.attempts import Report as EngineReport
from imap_bulk.engine.places import Remains
from imap_bulk.engine.together import together
from imap_bulk.journal import Journal
from imap_bulk.listing import ListedFiles
from imap_bulk.model import Direction, Outcome, RemoteFile, Result, Transfer
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

    `files` is usually `archive.search(query)`; it is read after the archive was opened. Those of a very long list
    that was checked (`sources.files_of`) begin to move before all is decided. Files of known sha256 are taken from
    `cache`, and what was verified enters it. When `offline`, the archive is asked for no file: those
    that are not on this machine fail. Files for a `destination` go there, below `data_dir` is but the journal, and
    `cache` is filled alone; a `move` of another kind has to know the destination by itself. Raises BulkError when
    the search fails, OSError when this machine cannot go on; a file that fails is counted instead.
    """
    keep, open_delivery = cache.keep if cache else None, destination.opened if destination else None
    by = move or partial(processes.move, keep=keep, open_delivery=open_delivery)
    stock = _Stock(None if destination else cache, offline)
    wanted = downloads(files, data_dir)
    shipment: Shipment | None = None
    if destination:
        shipment = destination.shipment(data_dir, archive.name, settings, create=not dry_run)
        wanted = _aside(wanted, shipment)
    run = _Run(Direction.PULL, archive, data_dir, settings, report, by, stock, shipment)
    # A search may still fail, a cluster is dealt its share of the whole, and a bucket is held against all of it.
    may_begin_early = isinstance(files, ListedFiles) and move is None and stock == _NO_STOCK and not shipment
    return await run.to_the_end(wanted, dry_run=dry_run, may_begin_early=may_begin_early)


async def _aside(batches: AsyncIterator[Batch], shipment: "Shipment") -> AsyncIterator[Batch]:
    """Have part files lie where those of a shipment belong."""
    async for batch in batches:
        wanted = [each._replace(path=str(shipment.place_of(each.key))) for each in batch.wanted]
        yield batch._replace(wanted=wanted)


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
    run = _Run(Direction.PUSH, archive, data_dir, settings, report, processes.move)
    return await run.to_the_end(uploads(sources), dry_run=dry_run)


class _Run(NamedTuple):
    """A run, from its plan to its count."""

    direction: Direction
    archive: Archive
    data_dir: Path
    settings: Settings
    report: Report
    move: Move
    stock: _Stock = _NO_STOCK
    shipment: "Shipment | None" = None

    async def to_the_end(
        self, wanted: AsyncIterator[Batch], *, dry_run: bool, may_begin_early: bool = False
    ) -> Result:
        """Plan and move. With `may_begin_early`, what is planned moves before the plan of very many is whole."""
        with (
            Journal(self.data_dir, self.archive.name, self.direction, create=not dry_run) as journal,
            self.shipment or nullcontext(),
        ):
            tally = Tally(self.report, self.shipment.notebook(journal) if self.shipment else journal)
            remains = None if dry_run else Remains()
            planner = Planner(self.direction, journal, self.settings, tally, remains)
            async with self.archive:
                if self.shipment:
                    await self.shipment.check()
                if dry_run:
                    await self._plan(planner, journal, wanted)
                    for transfer in planner.todo():
                        self.report(transfer)
                elif may_begin_early:
                    await together([self._plan(planner, journal, wanted), self._begin(planner, journal, tally)])
                else:
                    await self._plan(planner, journal, wanted)
                    await self._begin(planner, journal, tally)
            return tally.result()

    async def _plan(self, planner: Planner, journal: Journal, wanted: AsyncIterator[Batch]) -> None:
        await planner.plan(wanted)
        if self.shipment:
            await self.shipment.leave_out(journal, planner.leave_out)
        self.report(planner.told())

    async def _begin(self, planner: Planner, journal: Journal, tally: Tally) -> None:
        """Move what is planned, once that is enough to begin with; count up also when stopped."""
        await planner.enough.wait()
        if not planner.whole.is_set():
            self.report(planner.told())
        journal.begin_run()
        tally.begin()
        try:
            taken = await _take_from(self.stock, journal, self.data_dir, self.settings, tally)
            await self._move(planner, planner.left - taken, tally)
            await planner.whole.wait()
            if left := planner.left:  # those who move were quicker than the planner, who had much to hash, say
                await self._move(planner, left, tally)
        finally:
            tally.wanted += planner.told().files
            journal.end_run(tally.result())
            self.report(tally.result())

    async def _move(self, planner: Planner, count: int, tally: Tally) -> None:
        root = self.shipment.scratch if self.shipment else self.data_dir
        await self.move(self.archive, planner.todo(), count, root, self.settings, tally.take)


async def _take_from(stock: _Stock, journal: Journal, data_dir: Path, settings: Settings, tally: Tally) -> int:
    """Place what is in stock; offline, all that is left to do has failed. Return how many files that were."""
    taken = 0

    def take(outcome: Outcome) -> None:
        nonlocal taken
        taken += 1
        journal.take_out([outcome.transfer])
        tally.take(outcome)

    if stock.cache and not settings.overwrite:
        await Placing(stock.cache, data_dir, settings).place_all(journal.todo(), take)
    if stock.offline:
        for transfer in journal.todo():
            take(missing(transfer))
    return taken
