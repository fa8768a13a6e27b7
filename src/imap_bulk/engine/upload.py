"""One PUT, its last chunk held back until the digest agrees and the file is known not to have changed.

Checking after the PUT would be too late: a wrong object in the archive is then protected by 409. No
`Content-MD5` is sent, because S3 refuses headers that the URL's signature does not cover; storage's ETag is
compared instead, and a damaged object is at once sent again to the same URL, which overwrites it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from imap_bulk import errors
from imap_bulk.digest import Digest, hasher
from imap_bulk.engine.behind import ahead
from imap_bulk.engine.promise import content_length
from imap_bulk.model import LARGEST_PUT_BYTES, Proof, Receipt, SignedUrl, Status, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import Response, Transport, refusal

EMPTY = Digest("md5", hasher("md5").hexdigest())
"""What an object of no bytes must be; the answer to a range of it, 416, tells no more than its size."""

_PUTS_PER_URL = 3

Refuse = Callable[[Response, str], Awaitable[Exception]]
"""Makes an error of an answer; the text names what it is about."""


async def upload(
    transport: Transport,
    signed: SignedUrl,
    transfer: Transfer,
    settings: Settings,
    progress: Callable[[int], None],
) -> Receipt:
    """Send `transfer.path` to the signed URL.

    Raises BulkError when this attempt failed; SourceChanged also when the file is not what the manifest says.
    """
    for last in (False,) * (_PUTS_PER_URL - 1) + (True,):
        source = Source(transfer, settings.chunk_bytes, progress)
        etag = await put_once(transport, signed, source, transfer.key)
        stored = Digest.from_etag(etag)
        sent = source.md5()
        if stored is None or stored == sent:
            break
        if last:
            raise errors.Rejected(f"{transfer.key}: storage says it holds {stored}, {sent} was sent, three times")
    verified_by = Proof.ETAG if stored else Proof.SIZE
    if settings.require_verified and stored is None:
        raise errors.Unverified(f"{transfer.key}: storage names no digest of what it has stored")
    return Receipt(Status.DONE, source.size, source.recorded(), verified_by)


async def put_once(
    transport: Transport, signed: SignedUrl, source: "Source", subject: str, refuse: Refuse = refusal
) -> str | None:
    """Send a file once; return the ETag that storage answers with.

    Raises what `refuse` makes of an answer that is none of success, BulkError, and as `Source.chunks`.
    """
    try:
        with await transport.put(signed, source.chunks, source.size) as response:
            if response.status not in (200, 201, 204):
                raise await refuse(response, subject)
    except errors.TransientError:
        if source.failure:  # the HTTP library only saw its body end short
            raise source.failure from None
        raise
    return response.headers.get("ETag")


class Source:
    """The file to be sent, in chunks, hashed on the way, the last one held back for a last look."""

    def __init__(
        self,
        transfer: Transfer,
        chunk_bytes: int,
        progress: Callable[[int], None],
        md5: Digest | None = None,
    ) -> None:
        """Send `transfer.path`; where its `md5` is known and it has a digest, only that is computed again."""
        self._transfer = transfer
        self._chunk_bytes = chunk_bytes
        self._progress = progress
        self._before = _identity(transfer.path)
        self.size = self._before[0]
        if transfer.size not in (None, self.size):
            raise errors.SourceChanged(f"{transfer.path} has {self.size} bytes now, it had {transfer.size}")
        if self.size > LARGEST_PUT_BYTES:
            raise errors.Rejected(f"{transfer.path}: storage takes at most 5 GiB in one upload")
        self._md5 = md5
        needed = {transfer.digest.algorithm if transfer.digest else "md5", *(() if md5 else ("md5",))}
        self._hashes = {name: hasher(name) for name in needed}
        self.failure: Exception | None = None
        """Why the body ended short, if it did for a reason of this machine."""

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the file; stop short rather than let wrong bytes become a complete object."""
        self._hashes = {name: hasher(name) for name in self._hashes}
        held_back = b""
        sent = 0
        try:
            async with aclosing(self._hashed()) as chunks:
                async for chunk in chunks:
                    if held_back:
                        yield held_back
                        sent += len(held_back)
                        self._progress(sent)
                    held_back = chunk
            self._judge()
        except (errors.BulkError, OSError) as error:
            self.failure = error
            raise
        if held_back:
            yield held_back
            self._progress(sent + len(held_back))

    async def _hashed(self) -> AsyncGenerator[bytes, None]:
        """Yield the file in chunks that have been hashed.

        A file of one chunk is read at once, since thread hops cost more than that; of others, the next chunk is
        read and hashed in one hop, while the one before is sent.
        """
        if self.size <= self._chunk_bytes:
            yield self._hash(self._transfer.path.read_bytes())
            return
        with self._transfer.path.open("rb", buffering=0) as file:

            def read_on() -> bytes:
                return self._hash(file.read(self._chunk_bytes) or b"")

            async with aclosing(ahead(read_on)) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _hash(self, chunk: bytes) -> bytes:
        for hash_ in self._hashes.values():
            hash_.update(chunk)
        return chunk

    def _judge(self) -> None:
        path, wished = self._transfer.path, self._transfer.digest
        if wished and (found := self._digest(wished.algorithm)) != wished:
            raise errors.SourceChanged(f"{path} is {found}, the manifest wants {wished}; nothing was stored")
        if _identity(path) != self._before:
            raise errors.SourceChanged(f"{path} changed while it was sent; nothing was stored")

    def _digest(self, algorithm: str) -> Digest:
        return Digest(algorithm, self._hashes[algorithm].hexdigest())

    def md5(self) -> Digest:
        """MD5 of what was sent: what S3 calls the ETag of a single PUT."""
        return self._md5 or self._digest("md5")

    def recorded(self) -> Digest:
        """Return the digest to remember: the manifest's kind, else MD5."""
        return self._digest(self._transfer.digest.algorithm if self._transfer.digest else "md5")


def _identity(path: Path) -> tuple[int, int, int, int]:
    """Return what tells that a file was touched: size, times, inode. Raises SourceChanged if it is gone."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise errors.SourceChanged(f"{path} is no longer there") from error
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


async def compare(transport: Transport, signed: SignedUrl, transfer: Transfer) -> Receipt:
    """Tell whether the archive's object is the file at `transfer.path`, without fetching it.

    Storage refuses HEAD on a URL signed for GET, so one byte is asked for and the headers are read.
    Raises AlreadyArchived when the archive holds other bytes under this name.
    """
    with await transport.get(signed, {"Range": "bytes=0-0"}) as response:
        if response.status not in (200, 206, 416):
            raise await refusal(response, transfer.key)
        archived_size = _whole_size(response)
        told = EMPTY if archived_size == 0 else _told_digest(response)
    path = transfer.path
    local = await asyncio.to_thread(Digest.of, path, told.algorithm) if told else None
    if (archived_size is not None and archived_size != path.stat().st_size) or local != told:
        raise errors.AlreadyArchived(
            f"{transfer.key}: the archive holds other bytes under this name; give {path} a new version"
        )
    proof = Proof.ETAG if told and told.algorithm == "md5" else Proof.REPR_DIGEST
    return Receipt(Status.SKIPPED, 0, local, proof if told else Proof.SIZE)


def _told_digest(response: Response) -> Digest | None:
    headers = response.headers
    return Digest.from_repr_digest(headers.get("Repr-Digest")) or Digest.from_etag(headers.get("ETag"))


def _whole_size(response: Response) -> int | None:
    """Size of the whole object: what stands behind the slash of `Content-Range`, else the length."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if total.isascii() and total.isdigit():
        return int(total)
    return content_length(response.headers) if response.status == 200 else None
