"""How S3 answers for the objects: only to the bearer of a signed URL, with errors in XML."""

import base64
import binascii
import email.utils
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from urllib.parse import unquote
from xml.sax.saxutils import escape

from aiohttp import web

from imap_bulk.digest import CRC64NVME, Digest, Hasher, hasher
from imap_bulk.errors import BadName
from imap_bulk.filenames import FileName
from imap_bulk.server.catalog import StoredObject
from imap_bulk.server.chaos import Chaos
from imap_bulk.server.cors import Cors
from imap_bulk.server.objects import INLINE_BYTES, Objects, OpenObject, Shares
from imap_bulk.server.signing import StorageFault, access_denied, verify
from imap_bulk.server.wire import Origin, Planned, invite_body, unavailable
from imap_bulk.sigv4 import AccessKey

MAX_OBJECT_BYTES = 5 << 30
"""S3's limit for a single PUT."""

_LOG = logging.getLogger(__name__)
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")


class Storage:
    """The storage origin; `handle` answers what comes to it."""

    def __init__(
        self,
        objects: Objects,
        key: AccessKey,
        clock: Callable[[], float],
        *,
        read_name: Callable[[str], FileName],
        chaos: Chaos | None,
        cors: Cors,
    ) -> None:
        self._cors = cors
        self._objects = objects
        self._key = key
        self._clock = clock
        self._read_name = read_name
        self._chaos = chaos

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Verify the signature, then move the bytes."""
        if preflight := self._cors.preflight(request):
            return preflight
        answer = await self._handled(request)
        self._cors.share(request, answer)
        return answer

    async def _handled(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._chaos and self._chaos.is_out(request, Origin.STORAGE):
            return unavailable(Origin.STORAGE)
        try:
            return await self._answer(request)
        except StorageFault as fault:
            return _refusal(fault)
        except ConnectionError:
            return _refusal(_incomplete())  # told to nobody: the client has gone
        except Exception:
            _LOG.exception("storage failed at %s %s", request.method, request.path)
            return _refusal(
                StorageFault(500, "InternalError", "We encountered an internal error. Please try again.")
            )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        verify(self._key, request.method, request.raw_path, request.headers, self._clock())
        key = unquote(request.raw_path.partition("?")[0]).removeprefix("/")
        if request.method == "PUT":
            return await self._put(request, key)
        if request.method in {"GET", "HEAD"}:
            return await self._get(request, key)
        raise StorageFault(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    async def _get(self, request: web.BaseRequest, key: str) -> web.StreamResponse:
        opened = await self._objects.open(key)
        if opened is None:
            raise StorageFault(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        with opened:
            planned = _plan(request.headers, opened, self._clock())
            if planned.status == 304:
                return web.Response(status=304, headers=planned.headers)
            fault = await self._chaos.download(request, planned) if self._chaos else None
            return await _send(request, opened, planned) if fault is None else fault

    async def _put(self, request: web.BaseRequest, key: str) -> web.StreamResponse:
        size, promised_md5 = _announced(request.headers)
        self._check_absent(request.headers, key)
        file = _file_name(key, self._read_name)
        take = partial(self._take, request, file, size, promised_md5)
        fault = await self._chaos.upload(request, take) if self._chaos else None
        return await take() if fault is None else fault

    async def _take(
        self, request: web.BaseRequest, file: FileName, size: int, promised_md5: str | None
    ) -> web.Response:
        def check(received: StoredObject) -> None:
            _check_promise(promised_md5, received.md5)
            self._check_absent(request.headers, file.key)

        await invite_body(request)
        crc = hasher(CRC64NVME)
        with self._objects.shares.one() as shares:
            stored = await self._objects.store(file, _summed(_pieces(request, size, shares), crc), check)
        return web.Response(headers={"ETag": f'"{stored.md5}"', **_checksum(crc)})

    def _check_absent(self, headers: Mapping[str, str], key: str) -> None:
        if headers.get("If-None-Match") == "*" and self._objects.has(key):
            raise _precondition_failed("If-None-Match")


def _file_name(key: str, read_name: Callable[[str], FileName]) -> FileName:
    """Read the name in a key. Refuses what `/upload` would not have signed."""
    try:
        file = read_name(key.rpartition("/")[2])
    except BadName:
        raise access_denied() from None
    if file.key != key:
        raise access_denied()
    return file


def _announced(headers: Mapping[str, str]) -> tuple[int, str | None]:
    """Return the size of the body to come and, if the client promises one, its MD5 in hexadecimal."""
    if "Content-Length" not in headers:
        raise StorageFault(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    size = int(headers["Content-Length"])  # aiohttp has refused anything but digits
    if size > MAX_OBJECT_BYTES:
        raise StorageFault(
            400,
            "EntityTooLarge",
            "Your proposed upload exceeds the maximum allowed size",
            ProposedSize=size,
            MaxSizeAllowed=MAX_OBJECT_BYTES,
        )
    if "Content-MD5" not in headers:
        return size, None
    try:
        return size, Digest("md5", base64.b64decode(headers["Content-MD5"], validate=True).hex()).value
    except (binascii.Error, ValueError):
        raise StorageFault(400, "InvalidDigest", "The Content-MD5 you specified was invalid.") from None


def _check_promise(promised_md5: str | None, received_md5: str) -> None:
    if promised_md5 not in (None, received_md5):
        raise StorageFault(
            400,
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
            ExpectedDigest=promised_md5,
            CalculatedDigest=received_md5,
        )


async def _summed(pieces: AsyncIterator[bytearray], crc: Hasher) -> AsyncIterator[bytearray]:
    async for piece in pieces:
        crc.update(piece)
        yield piece


def _checksum(crc: Hasher) -> dict[str, str]:
    """Return what S3 tells of an upload that bore no checksum."""
    value = Digest(CRC64NVME, crc.hexdigest()).in_base64
    return {"x-amz-checksum-crc64nvme": value, "x-amz-checksum-type": "FULL_OBJECT"}


async def _pieces(request: web.BaseRequest, size: int, shares: Shares) -> AsyncIterator[bytearray]:
    """Yield the body in pieces worth a thread hop."""
    piece, received = bytearray(), 0
    while chunk := await _read(request, shares.piece_bytes):
        piece += chunk
        received += len(chunk)
        if len(piece) >= shares.piece_bytes:
            yield piece
            piece = bytearray()
    if received != size:
        raise _incomplete()
    if piece:
        yield piece


async def _read(request: web.BaseRequest, piece_bytes: int) -> bytes:
    """Read some of the body, and have asyncio receive no more at once than one piece may hold.

    Its 256 KiB come on top of whatever aiohttp has buffered: with 256 uploads at once, 64 MiB for nothing.
    """
    transport = request.transport
    if transport and hasattr(transport, "max_size"):
        transport.max_size = min(INLINE_BYTES, piece_bytes)
    return await request.content.read(piece_bytes)


def _plan(headers: Mapping[str, str], opened: OpenObject, now: float) -> Planned:
    """Decide on the answer to a GET. Raises StorageFault."""
    stored = opened.stored
    etag = f'"{stored.md5}"'
    planned = Planned(200, _object_headers(stored, etag, now), stored.size, range(stored.size), opened.pieces)
    if "If-Match" in headers and not _names_etag(headers["If-Match"], etag):
        raise _precondition_failed("If-Match")
    if _names_etag(headers.get("If-None-Match", ""), etag):
        return planned.but(status=304)
    part = _wanted_part(headers, etag, stored.size)
    if part is None:
        return planned
    told = {"Content-Range": f"bytes {part.start}-{part.stop - 1}/{stored.size}"}
    return planned.but(status=206, headers=planned.headers | told, part=part)


def _object_headers(stored: StoredObject, etag: str, now: float) -> dict[str, str]:
    return {
        "ETag": etag,
        "Repr-Digest": Digest("sha256", stored.sha256).repr_digest(),
        "Last-Modified": email.utils.formatdate(stored.ingested, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
        "Date": email.utils.formatdate(now, usegmt=True),  # by the clock that URLs expire by
    }


def _names_etag(header: str, etag: str) -> bool:
    names = [name.strip().removeprefix("W/") for name in header.split(",")]
    return etag in names or "*" in names


def _wanted_part(headers: Mapping[str, str], etag: str, size: int) -> range | None:
    """Return the single range that is asked for, or None for the whole: also when the header makes no sense."""
    match = _RANGE.fullmatch(headers.get("Range", "").strip())
    if not match or match[0] == "bytes=-" or headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        part = range(max(0, size - int(last)), size)
    elif last and int(last) < int(first):
        return None
    else:
        part = range(int(first), min(int(last or size), size - 1) + 1)
    if not part:
        raise StorageFault(
            416,
            "InvalidRange",
            "The requested range is not satisfiable",
            RangeRequested=match[0],
            ActualObjectSize=size,
        )
    return part


async def _send(request: web.BaseRequest, opened: OpenObject, planned: Planned) -> web.StreamResponse:
    length = len(planned.part)
    if length <= INLINE_BYTES and request.method == "GET":
        return web.Response(status=planned.status, headers=planned.headers, body=opened.read(planned.part))
    response = web.StreamResponse(status=planned.status, headers=planned.headers)
    response.content_length = length
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    async for piece in planned.pieces(planned.part):
        await response.write(piece)
        length -= len(piece)
    if length and request.transport:
        _LOG.error("an object shrank on disk while it was sent: %s", request.path)
        request.transport.abort()  # the client must not take the end of the stream for that of the object
    return response


def _incomplete() -> StorageFault:
    return StorageFault(
        400,
        "IncompleteBody",
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    )


def _precondition_failed(condition: str) -> StorageFault:
    return StorageFault(
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        Condition=condition,
    )


def _refusal(fault: StorageFault) -> web.Response:
    told = {"Code": fault.code, "Message": fault.message, **fault.details}
    elements = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in told.items())
    headers = {"Content-Type": "application/xml"}
    if fault.status == 416:
        headers["Content-Range"] = f"bytes */{fault.details['ActualObjectSize']}"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{elements}</Error>'
    return web.Response(status=fault.status, headers=headers, body=text.encode())
