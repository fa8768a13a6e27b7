"""Part files: bytes get a final name only after they were verified.

    create -> write … -> (verify) -> commit        or, at any point, discard, or release for a later run

A part file lies beside its final name, because a rename is atomic only within one file system. Its name
begins with a dot: the archive's own patterns for SPICE kernels are not anchored at the end, so that
`naif0012.tls.part` would count as a kernel. It also names its writer, so that no two processes, on one
machine or two, ever write to the same one: nothing here rests on a lock, which shared file systems may ignore.
"""

import os
import time
from contextlib import suppress
from pathlib import Path

from imap_bulk.engine.places import NOBODY, StrPath, fresh_record_path, part_path, record_path, split
from imap_bulk.stamp import Stamp
from imap_bulk.transport import Piece

_DATES_OPEN_FILES = os.utime in os.supports_fd


class PartFile:
    """Bytes on their way to the name `path`, whose directory has been prepared."""

    def __init__(self, path: StrPath) -> None:
        """Create the part file, empty. Raises OSError."""
        # Plain strings: a pathlib.Path costs a small file more than its own creation.
        self._final = os.fspath(path)
        self._name = part_path(self._final, os.getpid())
        self._has_record = False
        self.stamp: Stamp | None = None
        """Which file has got the final name."""
        self._fd = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, offset: int, chunk: Piece) -> None:
        """Write `chunk` at `offset`. Raises OSError that names the file."""
        view = memoryview(chunk)
        try:
            while view:
                written = os.pwrite(self._fd, view, offset)
                view = view[written:]
                offset += written
        except OSError as error:
            error.filename = self._final
            raise

    def read_into(self, view: memoryview, offset: int) -> int:
        """Read back what was written; return how many bytes. Raises OSError."""
        return os.preadv(self._fd, [view], offset)

    def truncate(self) -> None:
        """Begin anew. Raises OSError."""
        os.ftruncate(self._fd, 0)
        self._forget_record()

    @property
    def record(self) -> Path:
        """Where the record that a later run goes on by belongs."""
        return record_path(self.path)

    def write_record(self, text: str) -> None:
        """Write that record, atomically. Raises OSError."""
        fresh = fresh_record_path(self.path)
        fresh.write_text(text)
        fresh.replace(self.record)
        self._has_record = True

    def _forget_record(self) -> None:
        if self._has_record:
            self.record.unlink(missing_ok=True)
            self._has_record = False

    @property
    def path(self) -> Path:
        """Where the bytes are as yet."""
        return Path(self._name)

    @property
    def directory(self) -> str:
        """Where the file belongs."""
        return split(self._final)[0]

    def sync(self) -> None:
        """Have the disk confirm the bytes. Raises OSError."""
        self._mark()
        os.fsync(self._fd)

    def rename(self) -> None:
        """Give the bytes their final name, atomically. Raises OSError."""
        self._mark()
        self._close()
        os.replace(self._name, self._final)  # noqa: PTH105
        self._forget_record()

    def _mark(self) -> None:
        """Make this file known from any other that may get the same final name.

        The kernel dates files by a tick of some ms: of two runs at once, some have written files at the same time.
        """
        if self.stamp:
            return
        now = time.time_ns()
        with suppress(OSError):  # some mounts let nobody date files, and work all the same
            os.utime(self._fd if _DATES_OPEN_FILES else self._name, ns=(now, now))
        self.stamp = Stamp(os.fstat(self._fd).st_ino)

    def discard(self) -> None:
        """Remove the part file and its record; after `rename` or `release` this does nothing."""
        self._close()
        self.path.unlink(missing_ok=True)
        self._forget_record()

    def release(self) -> None:
        """Leave the part file and its record, as nobody's, to whoever pulls this file next."""
        self._close()
        released = Path(part_path(self._final, NOBODY))
        self.record.replace(record_path(released))
        self.path.replace(released)

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def fsync_directory(directory: str) -> None:
    """Make a rename survive a power cut. Windows cannot open a directory, and orders renames itself."""
    if os.name == "nt":
        return
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
