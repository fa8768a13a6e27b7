"""Objects on disk: received, committed, opened.

An upload is written to a file of its own below `.incoming/`, hashed on the way, confirmed by the disk,
renamed, and only then catalogued and acknowledged: whoever reads sees the old object or the new one.

A server that is killed in between leaves nothing torn. A first upload that was renamed but not catalogued is a
file that nothing lists. A replacement has a pending row from before its rename on; the next start settles it by
the digest of what lies there: the new object, or still the old one.
"""

import asyncio
import io
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from weakref import WeakValueDictionary

import aiofiles
from aiofiles.threadpool import wrap

from imap_bulk.digest import Digest, hasher
from imap_bulk.filenames import FileName
from imap_bulk.server.catalog import Catalog, Search, StoredObject

PIECE_BYTES = 1 << 20
"""How much is read, hashed or written in one thread hop."""

INLINE_BYTES = 256 << 10
"""Up to here, reading and hashing on the event loop costs less than the hop to a thread."""

_LEAST_PIECE_BYTES = 64 << 10
_SHARED_BYTES = 8 << 20
"""What the pieces of all bodies under way may take together. Measured: 256 slow readers with a MiB each, and as
much again in their sockets' buffers, are half a GiB; so are 256 uploads."""

Check = Callable[[StoredObject], None]
"""Called with what was received, at the last moment before it becomes the object; may raise."""


class Shares:
    """The memory that the bodies under way share: the more of them, the smaller their pieces."""

    def __init__(self) -> None:
        self._bodies = 0

    @contextmanager
    def one(self) -> Iterator[Self]:
        """Be one of them."""
        self._bodies += 1
        try:
            yield self
        finally:
            self._bodies -= 1

    @property
    def piece_bytes(self) -> int:
        """How much one of them may hold now."""
        return max(_LEAST_PIECE_BYTES, min(PIECE_BYTES, _SHARED_BYTES // max(1, self._bodies)))


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object that stays what it was when it was opened, also where another one replaces it meanwhile."""

    file: io.FileIO
    stored: StoredObject
    shares: Shares

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def read(self, part: range) -> bytes:
        """Read a part at once, on the event loop: up to `INLINE_BYTES`."""
        self.file.seek(part.start)
        return self.file.read(len(part))

    async def pieces(self, part: range) -> AsyncIterator[bytes]:
        """Yield a part in pieces worth a thread hop; ends early where the file has shrunk on disk."""
        self.file.seek(part.start)
        reader, left = wrap(self.file), len(part)
        with self.shares.one():
            while left and (piece := await reader.read(min(self.shares.piece_bytes, left))):
                left -= len(piece)
                yield piece


class Objects:
    """The objects below `root`."""

    def __init__(self, root: Path, catalog: Catalog, clock: Callable[[], float]) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._catalog = catalog
        self._clock = clock
        self.shares = Shares()
        self._committing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._commits: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Make the directories; drop what a killed server received only in part, settle what it replaced."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)
        for expected in self._catalog.pending():
            file = expected.file
            if await asyncio.to_thread(_sha256, self._root / file.key) == expected.stored.sha256:
                await self._catalog.add(file, expected.stored)
            else:
                await self._catalog.forget(file.key)

    async def find(self, key: str) -> StoredObject | None:
        """Return what is archived at `key`."""
        return self._catalog.find(key)

    async def settle(self, search: Search) -> None:
        """Do nothing: what is on disk has been catalogued before its upload was acknowledged."""

    async def expect(self, file: FileName) -> None:
        """Do nothing: this server sees the end of an upload itself."""

    async def close(self) -> None:
        """Let the commits under way end."""
        await asyncio.gather(*self._commits, return_exceptions=True)

    def has(self, key: str) -> bool:
        """Tell whether there is an object at `key`."""
        return self._catalog.find(key) is not None

    async def open(self, key: str) -> OpenObject | None:
        """Open the object at `key`, if there is one."""
        if lock := self._committing.get(key):
            async with lock:  # between rename and row, bytes and digests do not belong together
                return self._open_now(key)
        return self._open_now(key)

    def _open_now(self, key: str) -> OpenObject | None:
        stored = self._catalog.find(key)
        if stored is None:
            return None
        file = io.FileIO(self._root / key)  # only catalogued keys become paths: nobody's `..` gets this far
        if (size := os.fstat(file.fileno()).st_size) != stored.size:
            file.close()
            raise OSError(f"{key} has {size} bytes on disk and {stored.size} in the catalog")
        return OpenObject(file, stored, self.shares)

    async def store(
        self,
        file: FileName,
        pieces: AsyncIterator[bytes | bytearray],
        check: Check = lambda _: None,
    ) -> StoredObject:
        """Receive an object; returns when it is durable and catalogued."""
        incoming = self._incoming / f".{secrets.token_hex(16)}"
        with _removed_on_failure(incoming):
            stored = await self._receive(incoming, pieces)
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

    async def _commit(self, incoming: Path, file: FileName, stored: StoredObject, check: Check) -> None:
        lock = self._committing.setdefault(file.key, asyncio.Lock())
        with _removed_on_failure(incoming):
            async with lock:
                check(stored)
                if self._catalog.find(file.key):
                    await self._catalog.expect(file, stored)
                await asyncio.to_thread(_rename_durably, incoming, self._root / file.key)
                await self._catalog.add(file, stored)


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _sha256(path: Path) -> str | None:
    try:
        return Digest.of(path).value
    except FileNotFoundError:
        return None


def _rename_durably(incoming: Path, final: Path) -> None:
    make_durable_directory(final.parent)
    incoming.replace(final)
    fsync_directory(final.parent)


def make_durable_directory(path: Path) -> None:
    """Make a directory and those above it, each confirmed by the disk."""
    if path.is_dir():
        return
    make_durable_directory(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    """Have the disk confirm the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
