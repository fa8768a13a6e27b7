"""The file to be sent: read in chunks, hashed on the way, the last chunk held back for a last look."""

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing
from io import FileIO
from pathlib import Path

from imap_bulk import errors
from imap_bulk.digest import Digest, hasher
from imap_bulk.engine.behind import to_the_end
from imap_bulk.model import LARGEST_PUT_BYTES, Transfer
from imap_bulk.stamp import Stamp
from imap_bulk.transport import THREAD_PIECE_BYTES, BeginSurge, Surge


class Source:
    """What `transfer.path` holds, on its way up."""

    def __init__(
        self, transfer: Transfer, chunk_bytes: int, progress: Callable[[int], None], algorithms: Collection[str]
    ) -> None:
        """Hash with `algorithms`, and with that of the digest which the file must have, if it must.

        Raises SourceChanged, Rejected.
        """
        self._transfer = transfer
        self._chunk_bytes = chunk_bytes
        self._progress = progress
        self._before = _identity(transfer.path)
        self.size, mtime_ns, _, inode = self._before
        self.stamp = Stamp(inode, mtime_ns)
        """Which file is sent."""
        if transfer.size not in (None, self.size):
            raise errors.SourceChanged(f"{transfer.path} has {self.size} bytes now, it had {transfer.size}")
        if self.size > LARGEST_PUT_BYTES:
            raise errors.Rejected(f"{transfer.path}: storage takes at most 5 GiB in one upload")
        wished = {transfer.digest.algorithm} if transfer.digest else set()
        self._hashes = {name: hasher(name) for name in wished.union(algorithms)}
        self._sent = 0
        self._held_back = b""
        self.failure: Exception | None = None
        """Why the body ended short, if it did for a reason of this machine."""

    async def chunks(self, begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        """Yield the file; stop short rather than let wrong bytes become a complete object. See `transport.Body`.

        A file of one chunk is read at once, since thread hops cost more than that.
        """
        self._hashes = {name: hasher(name) for name in self._hashes}
        self._sent = 0
        try:
            if self.size <= self._chunk_bytes:
                self._held_back = self._hash(self._transfer.path.read_bytes())
            else:
                async with aclosing(self._all_but_the_last(begin_surge)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            self._judge()
        except PermissionError as error:
            self.failure = errors.SourceChanged(f"{self._transfer.path} cannot be read: {error.strerror}")
            raise self.failure from error
        except (errors.BulkError, OSError) as error:
            self.failure = error
            raise
        if self._held_back:
            yield self._held_back
            self._progress(self._sent + len(self._held_back))

    async def _all_but_the_last(self, begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        """Yield what is followed by more, or have a thread send it as long as that goes fast."""
        with self._transfer.path.open("rb", buffering=0) as file:
            self._held_back = self._read(file)
            while piece := await to_the_end(self._read, file):
                yield self._held_back
                self._sent += len(self._held_back)
                self._held_back = piece
                if surge := begin_surge():
                    with surge:
                        await to_the_end(self._pour, file, surge)
                self._progress(self._sent)

    def _pour(self, file: FileIO, surge: Surge) -> None:
        goes_on = True
        while goes_on and (piece := self._read(file)):
            goes_on = surge.send(self._held_back)
            self._sent += len(self._held_back)
            self._held_back = piece

    def _read(self, file: FileIO) -> bytes:
        """Read on, but not past the length that was announced: a file may grow meanwhile."""
        left = self.size - file.tell()
        return self._hash(file.read(min(self._chunk_bytes, THREAD_PIECE_BYTES, left)) or b"")

    def _hash(self, chunk: bytes) -> bytes:
        for hash_ in self._hashes.values():
            hash_.update(chunk)
        return chunk

    def _judge(self) -> None:
        path, wished = self._transfer.path, self._transfer.digest
        if wished and (found := self._hashed_with(wished.algorithm)) != wished:
            raise errors.SourceChanged(f"{path} is {found}, the manifest wants {wished}; nothing was stored")
        if _identity(path) != self._before:
            raise errors.SourceChanged(f"{path} changed while it was sent; nothing was stored")

    def _hashed_with(self, algorithm: str) -> Digest:
        return Digest(algorithm, self._hashes[algorithm].hexdigest())

    async def digest(self, algorithm: str) -> Digest:
        """Return the digest of what was sent; the file is read again if it was not hashed so on the way.

        Raises SourceChanged when the file is another one by now.
        """
        if algorithm in self._hashes:
            return self._hashed_with(algorithm)
        path = self._transfer.path
        found = await to_the_end(Digest.of, path, algorithm)
        if _identity(path) != self._before:
            raise errors.SourceChanged(f"{path} changed before it was known whether it had arrived whole")
        return found


def _identity(path: Path) -> tuple[int, int, int, int]:
    """Return what tells that a file was touched: size, times, inode. Raises SourceChanged if it is gone."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise errors.SourceChanged(f"{path} is no longer there") from error
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino
