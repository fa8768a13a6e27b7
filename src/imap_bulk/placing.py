"""Files that come from the cache instead of the archive: copied, proven, committed like any other."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from imap_bulk.cache import Cache
from imap_bulk.digest import Digest
from imap_bulk.engine.behind import to_the_end
from imap_bulk.engine.commit import PartFile
from imap_bulk.engine.group import GroupCommit
from imap_bulk.engine.places import Places
from imap_bulk.engine.together import together
from imap_bulk.errors import BulkError, NotCached
from imap_bulk.model import Outcome, Proof, Status, Transfer
from imap_bulk.settings import Settings
from imap_bulk.stamp import Stamp

Take = Callable[[Outcome], None]


class Placing:
    """Brings files from `cache` to their places below `root`."""

    def __init__(self, cache: Cache, root: Path, settings: Settings) -> None:
        self._cache = cache
        self._places = Places(root)
        self._settings = settings
        self._group = GroupCommit()

    async def place_all(self, transfers: Iterator[Transfer], take: Take) -> None:
        """Place what the cache has, and tell how each of these ended; pass over the rest. Raises OSError."""

        async def work() -> None:
            for transfer in transfers:
                if outcome := await self.place(transfer):
                    take(outcome)

        # More than there are processors, because what is ready together goes to the disk together.
        await together(work() for _ in range(self._settings.jobs))

    async def place(self, transfer: Transfer) -> Outcome | None:
        """Place one file, or return None if the cache does not have it. Raises OSError."""
        digest = transfer.digest
        if digest is None or not self._cache.has(digest):
            return None
        started = time.monotonic()
        try:
            stamp = await self._copied(transfer.path, digest)
        except BulkError as error:
            return Outcome(transfer, Status.FAILED, error=error)
        if not stamp:
            return None
        seconds, proof = time.monotonic() - started, Proof.MANIFEST
        return Outcome(
            transfer, Status.DONE, 0, seconds, digest=digest, verified_by=proof, is_cached=True, stamp=stamp
        )

    async def _copied(self, path: Path, digest: Digest) -> Stamp | None:
        """Copy an entry, commit and return the copy; None if it turned out wrong. Raises UnsafePath, OSError."""
        self._places.prepare(path)
        part = PartFile(path)
        try:
            if not await to_the_end(self._cache.copy_to, part.path, digest):
                return None
            if self._settings.fsync:
                await self._group.commit(part, part.path.stat().st_size)
            else:
                part.rename()
        except OSError as error:
            error.filename = os.fspath(path)
            raise
        finally:
            part.discard()
        self._places.remove_abandoned(path)
        return part.stamp


def missing(transfer: Transfer) -> Outcome:
    """Tell that a file is nowhere on this machine, where that is the end of it."""
    error = NotCached(f"{transfer.key}: offline, and neither the data directory nor the cache has it")
    return Outcome(transfer, Status.FAILED, error=error)
