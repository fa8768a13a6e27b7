"""Files on disk, held to their digests."""

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from imap_bulk.bulk.tally import Report, Tally, ignore
from imap_bulk.bulk.wanting import BATCH
from imap_bulk.digest import Digest
from imap_bulk.engine.behind import to_the_end
from imap_bulk.engine.places import safe_path
from imap_bulk.engine.together import together
from imap_bulk.errors import BulkError, Corrupted, Unverified
from imap_bulk.journal import Journal
from imap_bulk.model import (
    Direction,
    Outcome,
    Plan,
    Proof,
    RemoteFile,
    Result,
    Sample,
    Status,
    Transfer,
    Wanted,
)
from imap_bulk.settings import Settings

_HASHED_BYTES, _HASHED_FILES = 4 << 20, 32
"""What one thread hashes before it tells of it: as much, or as many."""


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
    with Journal(data_dir, "", Direction.PULL, create=False, is_needed=files is None) as journal:
        tally = Tally(report)
        transfers = _recorded(journal, data_dir) if files is None else _listed(files, data_dir)
        while batch := list(islice(transfers, BATCH)):
            journal.add([Wanted.of(transfer) for transfer in batch])
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


async def _verify_all(transfers: Iterator[Transfer], proof: Proof, settings: Settings, tally: Tally) -> None:
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
    finally:  # waits for the threads also when cancelled: else the interpreter would, deaf to a second interrupt
        await to_the_end(pool.shutdown, cancel_futures=True)


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
