"""The verbs, each told from beginning to end: pull, push, verify. The only place where archive and engine meet."""

import asyncio
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

from imap_bulk.archives.base import Archive
from imap_bulk.cache import Cache
from imap_bulk.digest import Digest
from imap_bulk.engine.attempts import Report as EngineReport
from imap_bulk.engine.download import Keep
from imap_bulk.engine.engine import Engine
from imap_bulk.engine.places import safe_path
from imap_bulk.engine.together import together
from imap_bulk.errors import BulkError, Corrupted, TransientError, UnsafePath, Unverified
from imap_bulk.journal import Journal, Record
from imap_bulk.model import (
    Direction,
    Event,
    Outcome,
    Plan,
    Proof,
    RemoteFile,
    Result,
    Sample,
    Status,
    Transfer,
)
from imap_bulk.placing import Placing, missing
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

Report = Callable[[Event], None]

Move = Callable[[Archive, Iterable[Transfer], int, Path, Settings, EngineReport], Awaitable[None]]
"""Moves transfers, so many, below a data directory and reports how each ended: here, or on a cluster."""

MOST_FAILURES_KEPT = 1000

_HASHED_BYTES, _HASHED_FILES = 4 << 20, 32
"""What one thread hashes before it tells of it: as much, or as many."""

_BATCH = 500
"""Transfers that are planned together."""


class _Stock(NamedTuple):
    """What a run may take files from beside the archive, and whether it may ask that at all."""

    cache: Cache | None = None
    offline: bool = False


_NO_STOCK = _Stock()


def ignore(_: Event) -> None:
    """Report to nobody."""


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

    async def wanted() -> AsyncIterator[Transfer | Outcome]:
        async for file in files:
            yield _placed(file, data_dir)

    by = move or partial(move_here, keep=cache.keep if cache else None)
    stock = _Stock(cache, offline)
    return await _run(Direction.PULL, archive, wanted(), data_dir, settings, report, dry_run, by, stock)


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

    return await _run(Direction.PUSH, archive, wanted(), data_dir, settings, report, dry_run, move_here)


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
) -> Result:
    with Journal(data_dir, archive.name, direction, create=not dry_run) as journal:
        tally = _Tally(report, journal)
        async with archive:
            await _plan(wanted, journal, settings, tally)
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


async def _take_from(stock: _Stock, journal: Journal, data_dir: Path, settings: Settings, tally: "_Tally") -> None:
    """Place what is in stock; offline, all that is left to do has failed."""

    def take(outcome: Outcome) -> None:
        journal.take_out([outcome.transfer])
        tally.take(outcome)

    if stock.cache and not settings.overwrite:
        await Placing(stock.cache, data_dir, settings).place_all(journal.todo(), take)
    if stock.offline:
        for transfer in journal.todo():
            take(missing(transfer))


async def _plan(
    wanted: AsyncIterator[Transfer | Outcome], journal: Journal, settings: Settings, tally: "_Tally"
) -> None:
    """Decide before anything moves: what is there and right is skipped, the rest goes into the journal's plan."""
    batch: list[Transfer] = []
    async for transfer in wanted:
        if isinstance(transfer, Outcome):
            tally.take_at_once(transfer)
            continue
        batch.append(transfer)
        if len(batch) == _BATCH:
            await _plan_some(batch, journal, settings, tally)
            batch.clear()
    await _plan_some(batch, journal, settings, tally)


async def _plan_some(batch: list[Transfer], journal: Journal, settings: Settings, tally: "_Tally") -> None:
    added = journal.add(batch)
    await asyncio.sleep(0)  # who waits for the event loop, an interrupt say, waits for no more than a batch
    if settings.overwrite:
        return
    needless: list[Transfer] = []
    for transfer, record in added:
        skipped = _vouched_for(transfer, record, settings)
        if skipped or (_may_prove(transfer) and (skipped := await _proven_on_disk(transfer))):
            needless.append(transfer)
            tally.take_at_once(skipped)
            if record is None or record.verified_by is not skipped.verified_by:
                journal.write(skipped)
    journal.take_out(needless)


def _vouched_for(transfer: Transfer, record: Record | None, settings: Settings) -> Outcome | None:
    """Return a skipped outcome if the journal's record is proof enough that nothing need move."""
    if record is None or not _satisfies(record, transfer, settings):
        return None
    proof = Proof.MANIFEST if transfer.digest else record.verified_by
    return Outcome(transfer, Status.SKIPPED, digest=record.digest, verified_by=proof)


def _may_prove(transfer: Transfer) -> bool:
    """Tell whether there is something on disk that a digest could prove to be what is wanted."""
    # Most are not there: to be told so by an exception, as by is_file() alone, takes three times as long.
    return (
        transfer.direction is Direction.PULL and transfer.digest is not None and os.access(transfer.path, os.F_OK)
    )


async def _proven_on_disk(transfer: Transfer) -> Outcome | None:
    """Return a skipped outcome if the bytes on disk prove that nothing need move."""
    if transfer.digest and transfer.path.is_file():
        found = await asyncio.to_thread(Digest.of, transfer.path, transfer.digest.algorithm)
        if found == transfer.digest:
            return Outcome(transfer, Status.SKIPPED, digest=found, verified_by=Proof.MANIFEST)
    return None


def _satisfies(record: Record, transfer: Transfer, settings: Settings) -> bool:
    if transfer.digest and transfer.digest != record.digest:
        return False
    verified = transfer.digest is not None or (record.verified_by is not None and record.verified_by.verifies)
    return verified or not settings.require_verified


class _Notebook(Protocol):
    """Where a tally writes down how transfers ended."""

    def write(self, outcome: Outcome) -> None: ...


class _Tally:
    """Counts a run while passing its events on, so that wanted = done + skipped + failed + cancelled."""

    def __init__(self, report: Report, notebook: _Notebook | None = None) -> None:
        self._report = report
        self._notebook = notebook
        self._started = time.monotonic()
        self._counts = dict.fromkeys((Status.DONE, Status.SKIPPED, Status.FAILED), 0)
        self._failures: list[Outcome] = []
        self._passing = self._verified = self._bytes = self._cached = 0
        self.wanted = 0

    @property
    def skipped(self) -> int:
        return self._counts[Status.SKIPPED]

    def take_at_once(self, outcome: Outcome) -> None:
        """Take an outcome that was clear before anything moved; it brings nothing to write down."""
        self.wanted += 1
        self._count(outcome)
        self._report(outcome)

    def write_failures(self) -> None:
        """Write down what failed before the run has begun."""
        if self._notebook:
            for outcome in self._failures:
                self._notebook.write(outcome)

    def take(self, event: Event) -> None:
        if isinstance(event, Outcome):
            self._count(event)
            if self._notebook:
                self._notebook.write(event)
        self._report(event)

    def _count(self, outcome: Outcome) -> None:
        if outcome.status is Status.CANCELLED:
            return
        self._counts[outcome.status] += 1
        self._bytes += outcome.bytes
        self._cached += outcome.is_cached
        self._verified += bool(outcome.verified_by and outcome.verified_by.verifies)
        self._passing += isinstance(outcome.error, TransientError)
        if outcome.status is Status.FAILED and len(self._failures) < MOST_FAILURES_KEPT:
            self._failures.append(outcome)

    def result(self) -> Result:
        """Count up; what was wanted and has no outcome was cancelled."""
        done, skipped, failed = self._counts.values()
        return Result(
            wanted=self.wanted,
            done=done,
            skipped=skipped,
            failed=failed,
            cancelled=self.wanted - done - skipped - failed,
            passing=self._passing,
            verified=self._verified,
            bytes=self._bytes,
            seconds=time.monotonic() - self._started,
            failures=tuple(self._failures),
            cached=self._cached,
        )


async def verify(
    data_dir: Path,
    files: Iterable[RemoteFile] | None,
    settings: Settings,
    report: Report = ignore,
    sample: Sample | None = None,
) -> Result:
    """Re-read what is on disk: `files` with the digests of a manifest, or else all that the journal records.

    A file that is missing or wrong is counted as failed; with a `sample`, only some are looked at. Raises OSError
    when one cannot be read.
    """
    with Journal(data_dir, "", Direction.PULL, create=False) as journal:
        tally = _Tally(report)
        transfers = _recorded(journal, data_dir) if files is None else _listed(files, data_dir)
        while batch := list(islice(transfers, _BATCH)):
            journal.add(batch)
        if sample:
            journal.sample(sample.of(journal.totals()[0]), sample.seed)
        tally.wanted, known_bytes, unsized = journal.totals()
        report(Plan(tally.wanted, known_bytes, unsized, 0))
        proof = Proof.RECORD if files is None else Proof.MANIFEST
        try:
            await _verify_all(journal.todo(), proof, settings, tally)
        finally:
            report(tally.result())
    return tally.result()


def _recorded(journal: Journal, data_dir: Path) -> Iterator[Transfer]:
    absolute, spelled = f"{data_dir.absolute()}{os.sep}", f"{data_dir}{os.sep}"
    for record in journal.records():
        path = record.path  # told as the data directory is spelled
        if path.startswith(absolute):
            path = spelled + path.removeprefix(absolute)
        yield Transfer(Direction.PULL, record.key, Path(path), record.size, record.digest)


def _listed(files: Iterable[RemoteFile], data_dir: Path) -> Iterator[Transfer]:
    for file in files:
        yield Transfer(Direction.PULL, file.key, safe_path(data_dir, file.key), file.size, file.digest)


async def _verify_all(transfers: Iterator[Transfer], proof: Proof, settings: Settings, tally: _Tally) -> None:
    """Hash in as many threads as `settings.jobs` says.

    More than there are cores: 4000 small files, not in the cache, took 8 threads on 2 cores a quarter of the time
    that one took, because the disk answers several at once; for large files it makes no difference.
    """
    loop = asyncio.get_running_loop()

    async def work() -> None:
        while batch := _some(transfers):
            for outcome in await loop.run_in_executor(pool, _verify_some, batch, proof):
                tally.take(outcome)

    pool = ThreadPoolExecutor(settings.jobs, "verify")
    try:
        await together(work() for _ in range(settings.jobs))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _some(transfers: Iterator[Transfer]) -> list[Transfer]:
    """Take as many small files, or one large one, as are worth a thread's attention."""
    some: list[Transfer] = []
    size = 0
    for transfer in transfers:
        some.append(transfer)
        size += transfer.size or _HASHED_BYTES
        if size >= _HASHED_BYTES or len(some) == _HASHED_FILES:
            break
    return some


def _verify_some(transfers: Iterable[Transfer], proof: Proof) -> list[Outcome]:
    return [_verify_one(transfer, proof) for transfer in transfers]


def _verify_one(transfer: Transfer, proof: Proof) -> Outcome:
    """Hold one file on disk to its digest."""
    started = time.monotonic()
    try:
        size = _hold_to_digest(transfer.path, transfer.digest)
    except BulkError as error:
        return Outcome(transfer, Status.FAILED, 1, time.monotonic() - started, error=error)
    return Outcome(transfer, Status.DONE, 1, time.monotonic() - started, size, transfer.digest, proof)


def _hold_to_digest(path: Path, digest: Digest | None) -> int:
    """Return the size in bytes. Raises Corrupted, Unverified."""
    if digest is None:
        raise Unverified(f"{path}: no digest is known to hold it to; list it with one in a manifest")
    try:
        found = Digest.of(path, digest.algorithm)
    except FileNotFoundError as error:
        raise Corrupted(f"{path} is missing; pull it again") from error
    if found != digest:
        raise Corrupted(f"{path} is {found}, but should be {digest}; pull it again")
    return path.stat().st_size
