"""One GET: part file, verified, committed."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from imap_bulk import errors
from imap_bulk.digest import Digest, hasher
from imap_bulk.engine.commit import PartFile, abandoned_parts
from imap_bulk.engine.transport import Response, Transport
from imap_bulk.http import storage_error
from imap_bulk.model import Proof, Receipt, SignedUrl, Status, Transfer
from imap_bulk.settings import Settings

ERROR_DOCUMENT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Promise:
    """What the bytes will be held against: the strongest digest known beforehand, and the size."""

    proof: Proof | None
    digest: Digest | None
    size: int | None


def promise_of(transfer: Transfer, headers: Mapping[str, str]) -> Promise:
    """Choose what to verify with: manifest, then `Repr-Digest`, then a single-part ETag, then the size."""
    size = content_length(headers)
    if size is None:
        size = transfer.size
    if transfer.digest:
        return Promise(Proof.MANIFEST, transfer.digest, size)
    if digest := Digest.from_repr_digest(headers.get("Repr-Digest")):
        return Promise(Proof.REPR_DIGEST, digest, size)
    if digest := Digest.from_etag(headers.get("ETag")):
        return Promise(Proof.ETAG, digest, size)
    return Promise(None if size is None else Proof.SIZE, None, size)


def content_length(headers: Mapping[str, str]) -> int | None:
    """Read `Content-Length`; None when it is absent or no number."""
    value = headers.get("Content-Length", "")
    return int(value) if value.isascii() and value.isdigit() else None


async def download(
    transport: Transport,
    signed: SignedUrl,
    transfer: Transfer,
    root: Path,
    settings: Settings,
    accept: Callable[[Transfer, Path], None],
    progress: Callable[[int], None],
) -> Receipt:
    """Bring `transfer` to its path below `root`.

    Raises BulkError when this attempt failed, OSError when this machine cannot go on.
    """
    async with transport.get(signed, {}) as response:
        if response.status != 200:
            document = await response.read(ERROR_DOCUMENT_BYTES)
            raise storage_error(response.status, response.headers, document, transfer.key)
        _hold_to_wishes(transfer, response.headers)
        promise = promise_of(transfer, response.headers)
        if settings.require_verified and promise.digest is None:
            raise errors.Unverified(f"{transfer.key}: storage names no digest to verify with")
        if not settings.overwrite and await asyncio.to_thread(_is_there_already, transfer.path, promise):
            return Receipt(Status.SKIPPED, 0, promise.digest, promise.proof)
        part = PartFile(root, transfer.path)
        try:
            body = _Body(transfer, promise, part, progress)
            await body.receive(response, settings.chunk_bytes)
            digest = body.verify(response.headers)
            accept(transfer, part.path)
            await _commit(part, settings)
        finally:
            part.discard()
    for abandoned in abandoned_parts(transfer.path):
        abandoned.unlink(missing_ok=True)
    return Receipt(Status.DONE, body.received, digest, promise.proof)


def _hold_to_wishes(transfer: Transfer, headers: Mapping[str, str]) -> None:
    """Raise Rejected if storage already says that its object is not the one the manifest means."""
    wished = transfer.digest
    for told in (Digest.from_repr_digest(headers.get("Repr-Digest")), Digest.from_etag(headers.get("ETag"))):
        if told and wished and told.algorithm == wished.algorithm and told != wished:
            raise errors.Rejected(f"{transfer.key}: the archive holds {told}, the manifest wants {wished}")
    size = content_length(headers)
    if size is not None and transfer.size is not None and size != transfer.size:
        raise errors.DigestMismatch(
            f"{transfer.key}: storage announces {size} bytes, {transfer.size} are expected"
        )


def _is_there_already(path: Path, promise: Promise) -> bool:
    """Tell whether the file on disk keeps a promise that is a digest; a size alone proves nothing."""
    if promise.digest is None or not path.is_file():
        return False
    if promise.size is not None and path.stat().st_size != promise.size:
        return False
    return Digest.of(path, promise.digest.algorithm) == promise.digest


class _Body:
    """The body on its way into a part file: counted, hashed, written, and held to its promise."""

    def __init__(
        self, transfer: Transfer, promise: Promise, part: PartFile, progress: Callable[[int], None]
    ) -> None:
        self._key = transfer.key
        self._promise = promise
        self._part = part
        self._progress = progress
        self._algorithm = promise.digest.algorithm if promise.digest else "sha256"
        self._hash = hasher(self._algorithm)
        self.received = 0
        """Bytes so far, counted here: no HTTP library is trusted with the length."""

    async def receive(self, response: Response, chunk_bytes: int) -> None:
        """Take the whole body. Raises BulkError when it breaks or grows too long, OSError when the disk does.

        A body of one chunk is handled right here, because a thread hop costs more than the work; longer
        ones go in batches to a thread, one batch in flight while the next arrives.
        """
        batch = bytearray()
        behind = _Behind(self._absorb)
        try:
            async for piece in response.pieces():
                self._count(len(piece))
                batch += piece
                if len(batch) < chunk_bytes:
                    continue
                await behind.start(batch)
                batch = bytearray()
                self._progress(self.received)
        finally:
            await behind.settle()
        self._absorb(batch)
        self._progress(self.received)

    def _count(self, length: int) -> None:
        self.received += length
        size = self._promise.size
        if size is not None and self.received > size:
            raise errors.DigestMismatch(f"{self._key}: more than the {size} announced bytes arrived")

    def _absorb(self, batch: bytearray) -> None:
        self._hash.update(batch)
        self._part.write(batch)

    def verify(self, headers: Mapping[str, str]) -> Digest:
        """Hold what came to the promise, and return its digest. Raises Interrupted, DigestMismatch.

        A body without length, digest or chunks ends when the connection does: cut short, it looks complete.
        """
        promise = self._promise
        if promise.size is not None and self.received != promise.size:
            raise errors.Interrupted(f"{self._key}: the body ended after {self.received} of {promise.size} bytes")
        chunked = "chunked" in headers.get("Transfer-Encoding", "").lower()
        if promise.proof is None and not chunked:
            raise errors.Interrupted(f"{self._key}: storage says neither how long the file is nor its digest")
        digest = Digest(self._algorithm, self._hash.hexdigest())
        if promise.digest and digest != promise.digest:
            raise errors.DigestMismatch(
                f"{self._key}: {digest} arrived, but {promise.digest} was promised ({promise.proof})"
            )
        return digest


class _Behind:
    """Does one piece of work at a time in a thread, while its caller goes on to the next."""

    def __init__(self, work: Callable[[bytearray], None]) -> None:
        self._work = work
        self._running: asyncio.Future[None] | None = None

    async def start(self, batch: bytearray) -> None:
        """Start on `batch` as soon as the one before is through. Raises what that one raised."""
        await self.settle()
        self._running = asyncio.get_running_loop().run_in_executor(None, self._work, batch)

    async def settle(self) -> None:
        """Wait until nothing runs, even when cancelled: the work uses a file that is closed next."""
        running, self._running = self._running, None
        if running:
            await asyncio.wait([running])
            running.result()


async def _commit(part: PartFile, settings: Settings) -> None:
    if not settings.fsync:
        part.commit(False)
        return
    committing = asyncio.ensure_future(asyncio.to_thread(part.commit, True))  # others go on while the disk syncs
    try:
        await asyncio.shield(committing)
    except asyncio.CancelledError:
        await asyncio.wait([committing])
        raise
