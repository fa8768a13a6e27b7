"""Pinning: what a query finds becomes the pins of a lock file."""

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

from imap_bulk import bulk
from imap_bulk.archives.base import Archive
from imap_bulk.archives.imap.records import ingested
from imap_bulk.cache import Cache
from imap_bulk.digest import Digest, hasher
from imap_bulk.engine.together import together
from imap_bulk.errors import Corrupted
from imap_bulk.journal import forget_older
from imap_bulk.lockfile import Pin
from imap_bulk.model import Event, Outcome, RemoteFile, Result, Skipped, Status
from imap_bulk.settings import Settings

_READ_BYTES = 1 << 20


async def pin(
    archive: Archive,
    files: Iterable[RemoteFile],
    data_dir: Path,
    settings: Settings,
    report: bulk.Report = bulk.ignore,
    *,
    cache: Cache | None = None,
) -> tuple[Result, tuple[Pin, ...]]:
    """Pull `files`, for archives tell neither sizes nor digests, and pin what came or was there already.

    The bytes that are pinned are those that were verified, when they came or now; what the archive has taken in
    again since then is fetched again. `cache` has all of them afterwards.
    Raises as `bulk.pull`, and Corrupted when a file on disk is no longer what was verified.
    """
    outcomes: list[Outcome] = []

    def take(event: Event) -> None:
        if isinstance(event, Outcome) and event.status in (Status.DONE, Status.SKIPPED):
            outcomes.append(event)
        elif isinstance(event, Skipped):
            outcomes.extend(event.outcomes())
        report(event)

    wanted = list(files)
    forget_older(data_dir, archive.name, [(file.key, when) for file in wanted if (when := ingested(file.meta))])
    result = await bulk.pull(archive, bulk.each(wanted), data_dir, settings, take, cache=cache)
    archived = {file.key: ingested(file.meta) or None for file in wanted}
    pins: list[Pin] = []
    shared = iter(outcomes)

    async def work() -> None:
        for outcome in shared:
            pin = await asyncio.to_thread(_pin, outcome, cache)
            pins.append(pin._replace(archived=archived[pin.key]))

    await together(work() for _ in range(min(settings.jobs, os.cpu_count() or 1)))
    return result, tuple(pins)


def _pin(outcome: Outcome, cache: Cache | None) -> Pin:
    """Pin one file, and have it in the cache. Raises Corrupted, OSError."""
    path, known = outcome.transfer.path, outcome.digest
    digest = known if known and known.algorithm == "sha256" else _held_to(path, known)
    if cache:
        cache.keep(path, digest)
    return Pin(outcome.transfer.key, path.stat().st_size, digest, outcome.verified_by)


def _held_to(path: Path, known: Digest | None) -> Digest:
    """Compute the sha256 of what is on disk while it is held to another digest. Raises Corrupted, OSError."""
    sha256, other = hasher("sha256"), hasher(known.algorithm if known else "sha256")
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_READ_BYTES):
            sha256.update(chunk)
            other.update(chunk)
    if known and other.hexdigest() != known.value:
        raise Corrupted(f"{path} is no longer what was verified when it came; delete it and run again")
    return Digest("sha256", sha256.hexdigest())
