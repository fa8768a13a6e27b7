"""Objects on disk, served as S3 serves them: only to the bearer of a signed URL, with errors in XML.

An upload is written to a file of its own below `.incoming/`, hashed on the way, confirmed by the disk,
renamed, and only then catalogued and acknowledged: whoever reads sees the old object or the new one.
"""

import asyncio
import base64
import binascii
import email.utils
import io
import logging
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote
from weakref import WeakValueDictionary
from xml.sax.saxutils import escape

import aiofiles
from aiofiles.threadpool import wrap
from aiohttp import web

from imap_bulk import filenames
from imap_bulk.digest import Digest, hasher
from imap_bulk.errors import BadName
from imap_bulk.filenames import FileName
from imap_bulk.server.catalog import Catalog, StoredObject
from imap_bulk.server.signing import Signer, StorageFault, access_denied

PIECE_BYTES = 1 << 20
"""How much is read, hashed or written in one thread hop."""

INLINE_BYTES = 256 << 10
"""Up to here, reading and hashing on the event loop costs less than the hop to a thread."""

MAX_OBJECT_BYTES = 5 << 30
"""S3's limit for a single PUT."""

_LOG = logging.getLogger(__name__)
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")


class Storage:
    """The objects below `root`; `handle` answers what comes to the storage origin."""

    def __init__(
        self, root: Path, catalog: Catalog, signer: Signer, clock: Callable[[], float], legacy: bool = False
    ) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._catalog = catalog
        self._signer = signer
        self._clock = clock
        self._legacy = legacy
        self._committing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._commits: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Make the directories; drop what an earlier run received only in part."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)

    async def close(self) -> None:
        """Let the commits under way end."""
        await asyncio.gather(*self._commits, return_exceptions=True)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Verify the signature, then move the bytes."""
        try:
            self._signer.verify(request.method, request.raw_path, request.headers, self._clock())
            key = unquote(request.raw_path.partition("?")[0]).removeprefix("/")
            if request.method == "PUT":
                return await self._put(request, key)
            if request.method in {"GET", "HEAD"}:
                return await self._get(request, key)
            raise StorageFault(
                405, "MethodNotAllowed", "The specified method is not allowed against this resource."
            )
        except StorageFault as fault:
            return _refusal(fault)
        except ConnectionError:
            return _refusal(_incomplete())  # told to nobody: the client has gone
        except Exception:
            _LOG.exception("storage failed at %s %s", request.method, request.path)
            return _refusal(
                StorageFault(500, "InternalError", "We encountered an internal error. Please try again.")
            )

    async def _get(self, request: web.BaseRequest, key: str) -> web.StreamResponse:
        file, stored = await self._open_object(key)
        with file:
            etag = f'"{stored.md5}"'
            headers = _object_headers(stored, etag)
            if "If-Match" in request.headers and not _names_etag(request.headers["If-Match"], etag):
                raise _precondition_failed("If-Match")
            if _names_etag(request.headers.get("If-None-Match", ""), etag):
                return web.Response(status=304, headers=headers)
            part = _wanted_part(request.headers, etag, stored.size)
            if part is None:
                return await _send(request, file, range(stored.size), 200, headers)
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{stored.size}"
            return await _send(request, file, part, 206, headers)

    async def _open_object(self, key: str) -> tuple[io.FileIO, StoredObject]:
        if lock := self._committing.get(key):
            async with lock:  # between rename and row, bytes and digests do not belong together
                return self._open_now(key)
        return self._open_now(key)

    def _open_now(self, key: str) -> tuple[io.FileIO, StoredObject]:
        stored = self._catalog.find(key)
        if stored is None:
            raise StorageFault(404, "NoSuchKey", "The specified key does not exist.", Key=key)
        file = io.FileIO(self._root / key)  # only catalogued keys become paths: nobody's `..` gets this far
        if (size := os.fstat(file.fileno()).st_size) != stored.size:
            file.close()
            raise OSError(f"{key} has {size} bytes on disk and {stored.size} in the catalog")
        return file, stored

    async def _put(self, request: web.BaseRequest, key: str) -> web.Response:
        size, promised_md5 = _announced(request.headers)

        def check() -> None:
            if request.headers.get("If-None-Match") == "*" and self._catalog.find(key):
                raise _precondition_failed("If-None-Match")

        check()
        file = _file_name(key, self._legacy)
        await _invite_body(request)
        stored = await self.store(file, _pieces(request, size), promised_md5, check)
        return web.Response(headers={"ETag": f'"{stored.md5}"'})

    async def store(
        self,
        file: FileName,
        pieces: AsyncIterator[bytes | bytearray],
        promised_md5: str | None = None,
        check: Callable[[], None] = lambda: None,
    ) -> StoredObject:
        """Receive an object; returns when it is durable and catalogued. `check` may refuse at the last moment."""
        incoming = self._incoming / f".{secrets.token_hex(16)}"
        with _removed_on_failure(incoming):
            stored = await self._receive(incoming, pieces)
            if promised_md5 not in (None, stored.md5):
                raise StorageFault(
                    400,
                    "BadDigest",
                    "The Content-MD5 you specified did not match what we received.",
                    ExpectedDigest=promised_md5,
                    CalculatedDigest=stored.md5,
                )
        # A task of its own: a server that stops must not come between the rename and the catalog.
        commit = asyncio.create_task(self._commit(incoming, file, stored, check))
        self._commits.add(commit)
        commit.add_done_callback(self._commits.discard)
        await asyncio.shield(commit)
        return stored

    async def _receive(self, path: Path, pieces: AsyncIterator[bytes | bytearray]) -> StoredObject:
        """Write the pieces to a new file, to the disk itself, hashing meanwhile."""
        size, md5, sha256 = 0, hasher("md5"), hasher("sha256")
        async with aiofiles.open(path, "xb") as file:
            async for piece in pieces:
                size += len(piece)
                if len(piece) <= INLINE_BYTES:
                    md5.update(piece)
                    sha256.update(piece)
                    await file.write(piece)
                    continue
                hashed = (asyncio.to_thread(hash_.update, piece) for hash_ in (md5, sha256))
                await asyncio.gather(file.write(piece), *hashed)
            await file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return StoredObject(size, md5.hexdigest(), sha256.hexdigest(), int(self._clock()))

    async def _commit(
        self, incoming: Path, file: FileName, stored: StoredObject, check: Callable[[], None]
    ) -> None:
        lock = self._committing.setdefault(file.key, asyncio.Lock())
        with _removed_on_failure(incoming):
            async with lock:
                check()
                await asyncio.to_thread(_rename_durably, incoming, self._root / file.key)
                await self._catalog.add(file, stored)


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _rename_durably(incoming: Path, final: Path) -> None:
    _make_durable_directory(final.parent)
    incoming.replace(final)
    _fsync_directory(final.parent)


def _make_durable_directory(path: Path) -> None:
    if path.is_dir():
        return
    _make_durable_directory(path.parent)
    path.mkdir(exist_ok=True)
    _fsync_directory(path.parent)


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_name(key: str, legacy: bool) -> FileName:
    """Read the name in a key. Refuses what `/upload` would not have signed."""
    try:
        file = filenames.parse(key.rpartition("/")[2], legacy=legacy)
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


async def _invite_body(request: web.BaseRequest) -> None:
    """Answer `Expect: 100-continue`, which aiohttp leaves to its router, and this origin has none."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


async def _pieces(request: web.BaseRequest, size: int) -> AsyncIterator[bytearray]:
    """Yield the body in pieces worth a thread hop."""
    piece, received = bytearray(), 0
    async for chunk in request.content.iter_any():
        piece += chunk
        received += len(chunk)
        if len(piece) >= PIECE_BYTES:
            yield piece
            piece = bytearray()
    if received != size:
        raise _incomplete()
    if piece:
        yield piece


def _object_headers(stored: StoredObject, etag: str) -> dict[str, str]:
    return {
        "ETag": etag,
        "Repr-Digest": Digest("sha256", stored.sha256).repr_digest(),
        "Last-Modified": email.utils.formatdate(stored.ingested, usegmt=True),
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
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


async def _send(
    request: web.BaseRequest, file: io.FileIO, part: range, status: int, headers: dict[str, str]
) -> web.StreamResponse:
    file.seek(part.start)
    if len(part) <= INLINE_BYTES and request.method == "GET":
        return web.Response(status=status, headers=headers, body=file.read(len(part)))
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(part)
    await response.prepare(request)
    if request.method == "GET":
        await _stream(request, response, file, len(part))
    return response


async def _stream(request: web.BaseRequest, response: web.StreamResponse, file: io.FileIO, length: int) -> None:
    reader = wrap(file)
    while length:
        piece = await reader.read(min(PIECE_BYTES, length))
        if not piece:
            _LOG.error("an object shrank on disk while it was sent: %s", request.path)
            if request.transport:
                request.transport.abort()  # the client must not take the end of the stream for that of the object
            return
        length -= len(piece)
        await response.write(piece)


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
