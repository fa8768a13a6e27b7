"""One file's way down: GET -> part file -> verified -> committed, over all its attempts.

What an attempt has proven is kept for the next one, and, beside the part file, for the next run. It is gone on
from only behind `If-Match`, and only if the answer is the right part of the very same object; otherwise the
download starts over. Never a mix of two objects.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from imap_bulk import errors
from imap_bulk.digest import Digest
from imap_bulk.engine.behind import to_the_end
from imap_bulk.engine.commit import PartFile
from imap_bulk.engine.delivery import Delivery
from imap_bulk.engine.group import GroupCommit
from imap_bulk.engine.pace.buckets import Budget
from imap_bulk.engine.partial import Identity, Partial, resumable
from imap_bulk.engine.places import Places
from imap_bulk.engine.promise import PART_STATUSES, Promise, check_part, content_length, promise_of
from imap_bulk.engine.proving import judged, verified
from imap_bulk.engine.ranges import Ranges
from imap_bulk.engine.receipt import Receipt
from imap_bulk.engine.signer import Signer
from imap_bulk.engine.stream import Stream, memory_of_stream
from imap_bulk.model import Proof, SignedUrl, Status, Stored, Transfer
from imap_bulk.settings import Settings
from imap_bulk.stamp import Stamp
from imap_bulk.transport import Response, Transport, refusal

MOST_RESTARTS = 2
"""Times that a download begins anew because the archive's object has changed under it."""

MOST_OTHER_SIZES = 1
"""Times that storage may name another size than the manifest before it is believed."""

MOST_WRONG_PARTS = 2
"""Times that storage may send wrong parts before it is asked for whole objects alone."""


Keep = Callable[[Path, Digest], None]


@dataclass(frozen=True, slots=True)
class Way:
    """What all downloads of a run share."""

    transport: Transport
    places: Places
    settings: Settings
    signer: Signer
    budget: Budget
    group: GroupCommit
    keep: Keep | None = None
    delivery: Delivery | None = None


class Download:
    """One transfer's download."""

    def __init__(self, way: Way, transfer: Transfer, progress: Callable[[int], None]) -> None:
        self._way = way
        self._transfer = transfer
        self._place = os.fspath(transfer.path)
        self._progress = progress
        self._promise: Promise | None = None
        self._partial: Partial | None = None
        self._verified: tuple[Digest, Proof | None] | None = None
        self._is_fresh = True
        self._resumed_from = 0
        self._restarts = 0
        self._wrong_parts = 0
        self._other_sizes = 0

    @property
    def _trusts_ranges(self) -> bool:
        return self._wrong_parts <= MOST_WRONG_PARTS

    @property
    def position(self) -> int:
        """Bytes that are here, over all attempts."""
        return self._partial.position if self._partial else 0

    @property
    def is_verified(self) -> bool:
        """Whether all bytes are here and right, and only their delivery is still to be done."""
        return self._verified is not None

    async def attempt(self, signed: SignedUrl) -> Receipt:
        """Try to bring the file to its place.

        Raises BulkError when this attempt failed, OSError when this machine cannot go on.
        """
        try:
            return await self._try(signed)
        except errors.ObjectChanged as error:
            self._forget()
            self._restarts += 1
            if self._restarts > MOST_RESTARTS:
                raise errors.Rejected(f"{error}; it changes faster than it can be fetched") from error
            raise
        except errors.WrongPart:
            self._wrong_parts += 1
            if self._wrong_parts > MOST_WRONG_PARTS:
                self._forget()
            raise
        except errors.OtherSize as error:
            self._forget()
            self._other_sizes += 1
            if self._other_sizes > MOST_OTHER_SIZES:
                raise errors.Rejected(f"{error}; the archive has another file than the manifest lists") from error
            raise
        except errors.DigestMismatch:
            self._forget()
            raise

    async def close(self) -> None:
        """Leave what a later run can go on from, and nothing else; after success there is nothing to leave."""
        partial, self._partial = self._partial, None
        if partial:
            await to_the_end(partial.close)

    async def _try(self, signed: SignedUrl) -> Receipt:
        way = self._way
        if self._is_fresh and not way.settings.overwrite:
            await self._adopt()
        self._is_fresh = False
        with await way.transport.get(signed, self._wanted_range()) as response:
            promise = self._going_on(response) or await self._beginning(response)
            if not self._partial:
                if stamp := await self._is_there_already(promise):
                    way.places.settle(self._place)
                    return Receipt(Status.SKIPPED, 0, promise.digest, promise.proof, stamp=stamp)
                part = self._new_part()
                self._partial = Partial(self._transfer.key, part, promise.algorithm, promise.identity)
            await self._fetch(signed, response, self._partial, promise)
            try:
                digest = await verified(self._partial, promise, response)
            except errors.Rejected:
                self._forget()
                raise
        try:
            proof = await judged(self._transfer, self._partial, promise, way.signer, way.settings)
        except errors.BulkError:
            self._forget()  # there is nothing in it to go on from
            raise
        if way.keep and proof and proof.verifies:
            await to_the_end(way.keep, self._partial.part.path, digest)
        if way.delivery:
            self._verified = digest, proof
            return await self.deliver()
        if way.settings.fsync:
            await way.group.commit(self._partial.part, self._partial.front)
        else:
            self._partial.part.rename()
        return self._done(digest, proof)

    async def deliver(self) -> Receipt:
        """Try to take the verified bytes to where they belong instead of the disk. Raises as `attempt`."""
        delivery, partial, verified = self._way.delivery, self._partial, self._verified
        assert delivery
        assert partial
        assert verified
        try:
            stored = await delivery.deliver(self._transfer, partial.part.path, verified[0])
        except errors.SourceChanged as error:  # after it was verified: the disk's doing, not the archive's
            self._forget()
            raise errors.DigestMismatch(str(error)) from error
        partial.part.discard()
        return self._done(*verified, stored)

    def _done(self, digest: Digest, proof: Proof | None, stored: Stored | None = None) -> Receipt:
        self._way.places.settle(self._place)
        fetched = self.position - self._resumed_from
        stamp = self._partial.part.stamp if self._partial else None
        self._partial = self._verified = None
        return Receipt(Status.DONE, fetched, digest, proof, stored, stamp)

    async def _adopt(self) -> None:
        """Go on from what an earlier run has left of this object, if its bytes are still what its record says."""
        abandoned = self._way.places.abandoned(self._place)
        found = resumable(abandoned, self._transfer.key) if abandoned else None
        wished = self._transfer.digest
        if not found or (wished and wished.algorithm != found[1].algorithm):
            return
        old, record = found
        self._partial = Partial(record.key, self._new_part(), record.algorithm, Identity(record.etag, record.size))
        copying = self._partial.resume(old, record)
        while await to_the_end(_copy_some, copying):
            pass
        self._resumed_from = self._partial.front
        self._way.places.remove_abandoned(self._place)

    async def _is_there_already(self, promise: Promise) -> Stamp | None:
        """Return which file on disk keeps a promise that is a digest, if it does; a size alone proves nothing."""
        path, wished = self._transfer.path, promise.digest
        if self._way.delivery:  # what is on the disk is not where it belongs
            return None
        if self._way.settings.overwrite or wished is None or not self._way.places.had(path) or not path.is_file():
            return None
        before = path.stat()
        if promise.size is not None and before.st_size != promise.size:
            return None
        found = await asyncio.to_thread(Digest.of, path, wished.algorithm)
        return Stamp.of(before) if found == wished else None

    def _new_part(self) -> PartFile:
        self._way.places.prepare(self._place)
        return PartFile(self._place)

    def _wanted_range(self) -> dict[str, str]:
        """Ask for what is missing, if the answer can be told to belong to what is here."""
        partial = self._partial
        if partial and partial.identity and partial.front and self._trusts_ranges:
            return {"Range": f"bytes={partial.front}-", "If-Match": partial.identity.etag}
        return {}

    def _going_on(self, response: Response) -> Promise | None:
        """Return what the answer promises if it goes on behind what is here; otherwise that is forgotten.

        Raises ObjectChanged when storage says that its object is another one now, WrongPart.
        """
        partial, wanted = self._partial, self._wanted_range()
        if not partial or not partial.identity or not wanted:
            self._forget()
            return None
        if response.status == 200 and "Content-Range" not in response.headers:
            self._forget()  # the range was ignored, and the whole object comes
            return None
        if response.status not in PART_STATUSES:
            return None
        size = partial.identity.size
        check_part(response, partial.identity, partial.front, size, self._transfer.key)
        self._promise = self._promise or promise_of(self._transfer, response.headers, size)
        return self._promise

    async def _beginning(self, response: Response) -> Promise:
        """Return what the answer promises that begins at the first byte. Raises the refusal that it is instead."""
        if response.status != 200:
            raise await refusal(response, self._transfer.key)
        promise = promise_of(self._transfer, response.headers, content_length(response.headers))
        must_promise = self._way.settings.require_verified and not self._way.signer.content_proves
        if must_promise and promise.digest is None:
            raise errors.Unverified(f"{self._transfer.key}: storage names no digest to verify with")
        delivery = self._way.delivery
        if delivery and (promise.size or 0) > delivery.most_bytes:
            raise errors.Rejected(
                f"{self._transfer.key}: {promise.size} bytes are more than the {delivery.most_bytes} that can be "
                "delivered at once; pull it to a disk"
            )
        self._promise = promise
        return promise

    def _forget(self) -> None:
        partial, self._partial, self._promise = self._partial, None, None
        self._resumed_from, self._verified = 0, None
        if partial:
            partial.part.discard()

    async def _fetch(self, signed: SignedUrl, response: Response, partial: Partial, promise: Promise) -> None:
        """Fetch what is missing: a large object through several streams, if there is memory for them."""
        settings = self._way.settings
        is_short = (promise.size or 0) < settings.chunk_bytes
        if is_short and not partial.position and (body := response.at_hand()) is not None:
            partial.append(body)
            return
        is_large = (promise.size or 0) - partial.position >= settings.parallel_bytes
        is_far = response.latency >= settings.parallel_latency
        parallel = is_large and is_far and promise.takes_ranges and self._trusts_ranges
        more_streams = settings.streams - 1 if parallel else 0
        has_gaps = partial.position > partial.front
        if not more_streams and not has_gaps:
            await Stream(response, partial, promise, settings, self._progress).append()
            return
        ranges = Ranges(self._way.transport, signed, partial, settings.chunk_bytes, self._progress)
        with self._way.budget.hold_free(memory_of_stream(settings), more_streams) as more:
            await ranges.fetch(response, 1 + more)


def _copy_some(copying: Iterator[None]) -> bool:
    """Copy a few MiB; False when there is no more. In steps, so that an interrupt is heeded between them."""
    return sum(1 for _ in islice(copying, 16)) == 16
