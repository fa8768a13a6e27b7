"""One PUT, and what storage then says that it holds, against what was sent.

Checking the file against its manifest after the PUT would be too late: a wrong object in the archive is then
protected by 409, so `Source` does it before the last chunk. No `Content-MD5` is sent, because S3 refuses headers
that the URL's signature does not cover; what storage answers is compared instead, and a damaged object is at once
sent again to the same URL, which overwrites it.

Storage answers with an ETag, which is an MD5 (0.6 GB/s); S3 also with a CRC-64/NVME of what it took (10 GB/s and
more), of its own accord since December 2024. Its reference of PutObject: "This header is present if the object was
uploaded [...] without a checksum (and Amazon S3 added the default checksum, CRC64NVME, to the uploaded object)."
What a host confirmed with once is the only thing that is computed for it from then on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping

from imap_bulk import errors
from imap_bulk.digest import CRC64NVME, Digest, hasher
from imap_bulk.engine.promise import content_length
from imap_bulk.engine.receipt import Receipt
from imap_bulk.engine.source import Source
from imap_bulk.engine.told import confirmation, digests
from imap_bulk.model import Proof, SignedUrl, Status, Transfer
from imap_bulk.settings import Settings
from imap_bulk.stamp import Stamp
from imap_bulk.transport import Response, Transport, refusal

EMPTY = Digest("md5", hasher("md5").hexdigest())
"""What an object of no bytes must be; the answer to a range of it, 416, tells no more than its size."""

_PUTS_PER_URL = 3
_UNKNOWN_HOST = ("md5", CRC64NVME)

Refuse = Callable[[Response, str], Awaitable[Exception]]
"""Makes an error of an answer; the text names what it is about."""

ConfirmedWith = MutableMapping[str, str]
"""With which algorithm each host has confirmed an upload."""


async def upload(
    transport: Transport,
    signed: SignedUrl,
    transfer: Transfer,
    settings: Settings,
    progress: Callable[[int], None],
    confirmed_with: ConfirmedWith,
) -> Receipt:
    """Send `transfer.path` to the signed URL.

    Raises BulkError when this attempt failed; SourceChanged also when the file is not what the manifest says.
    """
    known = confirmed_with.get(signed.host)
    for _ in range(_PUTS_PER_URL):
        source = Source(transfer, settings.chunk_bytes, progress, (known,) if known else _UNKNOWN_HOST)
        told = confirmation(await put_once(transport, signed, source, transfer.key))
        if told is None:
            return await _unconfirmed(source, transfer, settings)
        proof, stored = told
        sent = await source.digest(stored.algorithm)
        if stored == sent:
            confirmed_with[signed.host] = stored.algorithm
            return Receipt(Status.DONE, source.size, transfer.digest or sent, proof, stamp=source.stamp)
    raise errors.Rejected(f"{transfer.key}: storage says it holds {stored}, {sent} was sent, three times")


async def _unconfirmed(source: Source, transfer: Transfer, settings: Settings) -> Receipt:
    if settings.require_verified:
        raise errors.Unverified(f"{transfer.key}: storage names no digest of what it has stored")
    digest = transfer.digest or await source.digest("md5")
    return Receipt(Status.DONE, source.size, digest, Proof.SIZE, stamp=source.stamp)


async def put_once(
    transport: Transport, signed: SignedUrl, source: Source, subject: str, refuse: Refuse = refusal
) -> Mapping[str, str]:
    """Send a file once; return the headers of storage's answer.

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
    return response.headers


async def compare(transport: Transport, signed: SignedUrl, transfer: Transfer) -> Receipt:
    """Tell whether the archive's object is the file at `transfer.path`, without fetching it.

    Storage refuses HEAD on a URL signed for GET, so one byte is asked for and the headers are read.
    Raises AlreadyArchived when the archive holds other bytes under this name.
    """
    with await transport.get(signed, {"Range": "bytes=0-0"}) as response:
        if response.status not in (200, 206, 416):
            raise await refusal(response, transfer.key)
        archived_size = _whole_size(response)
        told = [(Proof.ETAG, EMPTY)] if archived_size == 0 else digests(response.headers)
    proof, archived = told[0] if told else (Proof.SIZE, None)
    path = transfer.path
    before = path.stat()
    local = await asyncio.to_thread(Digest.of, path, archived.algorithm) if archived else None
    if (archived_size is not None and archived_size != before.st_size) or local != archived:
        raise errors.AlreadyArchived(
            f"{transfer.key}: the archive holds other bytes under this name; give {path} a new version"
        )
    return Receipt(Status.SKIPPED, 0, local, proof, stamp=Stamp.of(before))


def _whole_size(response: Response) -> int | None:
    """Size of the whole object: what stands behind the slash of `Content-Range`, else the length."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if total.isascii() and total.isdigit():
        return int(total)
    return content_length(response.headers) if response.status == 200 else None
