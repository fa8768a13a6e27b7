"""One signed PUT of a verified file, and what the bucket holds afterwards proven."""

import contextlib
import errno
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from imap_bulk import http
from imap_bulk.bucket import BucketOptions, words
from imap_bulk.digest import CRC64NVME, Digest, hasher
from imap_bulk.engine.behind import to_the_end
from imap_bulk.engine.pace import Paces
from imap_bulk.engine.paced import PacedTransport
from imap_bulk.engine.source import Source
from imap_bulk.engine.told import confirmation
from imap_bulk.engine.upload import put_once
from imap_bulk.errors import AccessDenied, Interrupted, NotFound
from imap_bulk.model import LARGEST_PUT_BYTES, Direction, SignedUrl, Stored, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import Response, Transport, read

_LIFETIME = timedelta(hours=1)
"""Of a signed URL: longer than a PUT may have to wait for a host that is down."""

_DOCUMENT_BYTES = 64 << 10
_READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Putting:
    """Delivers to one bucket. See `engine.delivery.Delivery`."""

    options: BucketOptions
    store: S3Store
    transport: Transport
    settings: Settings

    def begin(self, paces: Paces) -> "Putting":
        """Deliver in the pace of a run. See `engine.delivery.BeginDelivery`."""
        return replace(self, transport=PacedTransport(self.transport, paces))

    @property
    def host(self) -> str:
        """See `Delivery.host`."""
        return urlsplit(self.options.origin).netloc

    @property
    def most_bytes(self) -> int:
        """See `Delivery.most_bytes`."""
        return LARGEST_PUT_BYTES

    async def deliver(self, transfer: Transfer, part: Path, digest: Digest) -> Stored:
        """See `Delivery.deliver`."""
        key, md5 = transfer.key, await self._md5(part, digest)
        own = Transfer(Direction.PUSH, key, part, digest=digest)
        source = Source(own, self.settings.chunk_bytes, _nobody, (CRC64NVME,))
        headers = await put_once(self.transport, self._sign(key, md5, digest), source, key, self._refuse)
        etag = headers.get("ETag", "").strip('"')
        if not await _is_confirmed(headers, source, md5):  # as where a bucket encrypts with keys of its own
            etag = await self._read_back(key, digest)
        return Stored(f"{self.options.shown}/{key}", source.size, etag)

    async def _md5(self, part: Path, digest: Digest) -> Digest:
        if digest.algorithm == "md5":
            return digest
        if part.stat().st_size <= self.settings.chunk_bytes:  # a thread hop costs more than that
            return Digest.of(part, "md5")
        return await to_the_end(Digest.of, part, "md5")

    def _sign(self, key: str, md5: Digest, digest: Digest) -> SignedUrl:
        headers = {"Content-MD5": md5.in_base64}
        if digest.algorithm == "sha256":
            headers["x-amz-meta-sha256"] = digest.value
        return SignedUrl("PUT", self.options.sign("PUT", key, _LIFETIME, headers), headers)

    async def _refuse(self, response: Response, key: str) -> Exception:
        """Judge a refusal: what is about our key or the bucket would meet every other file too."""
        document = await read(response, _DOCUMENT_BYTES)
        error = http.bucket_error(response.status, response.headers, document, key)
        if isinstance(error, AccessDenied | NotFound):
            return OSError(errno.EIO, str(error), self.options.shown)
        return error

    async def _read_back(self, key: str, digest: Digest) -> str:
        """Read the object and hold it to `digest`; return its ETag. One that is wrong is removed.

        Raises Interrupted.
        """
        try:
            found, etag = await to_the_end(_digest_of, self.store, key, digest.algorithm)
        except (BaseError, OSError) as error:
            raise Interrupted(
                f"{key}: what was stored cannot be read back: {http.one_line(words(error))}"
            ) from None
        if found != digest:
            with contextlib.suppress(BaseError, OSError):
                await to_the_end(obstore.delete, self.store, key)
            raise Interrupted(f"{key}: the bucket holds other bytes than were sent; they were removed")
        return etag


async def _is_confirmed(headers: Mapping[str, str], source: Source, md5: Digest) -> bool:
    told = confirmation(headers)
    if told is None:
        return False
    _, stored = told
    return stored == (md5 if stored.algorithm == md5.algorithm else await source.digest(stored.algorithm))


def _digest_of(store: S3Store, key: str, algorithm: str) -> tuple[Digest, str]:
    """Read an object; return its digest, and its ETag without quotes. Raises as obstore does."""
    hash_, found = hasher(algorithm), obstore.get(store, key)
    for chunk in found.stream(min_chunk_size=_READ_BYTES):
        hash_.update(memoryview(chunk))
    return Digest(algorithm, hash_.hexdigest()), (found.meta["e_tag"] or "").strip('"')


def _nobody(_position: int) -> None:
    """Report nothing: what a person sees is how much has come."""
