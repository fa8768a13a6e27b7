"""Objects on disk: received, committed, opened.

An upload is written to a file of its own below `.incoming/`, hashed on the way, confirmed by the disk,
renamed, and only then catalogued and acknowledged: whoever reads sees the old object or the new one.
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

from imap_bulk.digest import hasher
from imap_bulk.filenames import FileName
from imap_bulk.server.catalog import Catalog, StoredObject

PIECE_BYTES = 1 << 20
"""How much is read, hashed or written in one thread hop."""

INLINE_BYTES = 256 << 10
"""Up to here, reading and hashing on the event loop costs less than the hop to a thread."""

Check = Callable[[StoredObject], None]
"""Called with what was received, at the last moment before it becomes the object; may raise."""


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object that stays what it was when it was opened, also where another one replaces it meanwhile."""

    file: io.FileIO
    stored: StoredObject

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
        while left and (piece := await reader.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece


class Objects:
    """The objects below `root`."""

    def __init__(self, root: Path, catalog: Catalog, clock: Callable[[], float]) -> None:
        self._root = root
        self._incoming = root / ".incoming"
        self._catalog = catalog
        self._clock = clock
        self._committing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._commits: set[asyncio.Task[None]] = set()

    def prepare(self) -> None:
        """Make the directories; drop what an earlier run received only in part."""
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)

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
        return OpenObject(file, stored)

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
