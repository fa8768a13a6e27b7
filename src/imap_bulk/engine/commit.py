"""Part files: bytes get a final name only after they were verified.

    create -> write … -> (verify) -> commit        or, at any point, discard, or release for a later run

A part file lies beside its final name, because a rename is atomic only within one file system. Its name
begins with a dot: the archive's own patterns for SPICE kernels are not anchored at the end, so that
`naif0012.tls.part` would count as a kernel. It also names its writer, so that no two processes, on one
machine or two, ever write to the same one: nothing here rests on a lock, which shared file systems may ignore.
"""

import os
from pathlib import Path

from imap_bulk.engine.places import NOBODY, part_path, record_path


class PartFile:
    """Bytes on their way to the name `path`, whose directory has been prepared."""

    def __init__(self, path: Path) -> None:
        """Create the part file, empty. Raises OSError."""
        self._final = path
        self.path = part_path(path, os.getpid())
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def write(self, offset: int, chunk: bytes | bytearray) -> None:
        """Write `chunk` at `offset`. Raises OSError that names the file."""
        view = memoryview(chunk)
        try:
            while view:
                written = os.pwrite(self._fd, view, offset)
                view = view[written:]
                offset += written
        except OSError as error:
            error.filename = str(self._final)
            raise

    def read(self, offset: int, length: int) -> bytes:
        """Read back what was written. Raises OSError."""
        return os.pread(self._fd, length, offset)

    def truncate(self) -> None:
        """Begin anew. Raises OSError."""
        os.ftruncate(self._fd, 0)
        self.record.unlink(missing_ok=True)

    @property
    def record(self) -> Path:
        """Where the record that a later run resumes by belongs."""
        return record_path(self.path)

    def commit(self, fsync: bool) -> None:
        """Give the bytes their final name, atomically. Raises OSError."""
        if fsync:
            os.fsync(self._fd)
        self._close()
        self.path.replace(self._final)
        if fsync:
            _fsync_directory(self._final.parent)
        self.record.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the part file and its record; after `commit` or `release` this does nothing."""
        self._close()
        self.path.unlink(missing_ok=True)
        self.record.unlink(missing_ok=True)

    def release(self) -> None:
        """Leave the part file and its record, as nobody's, to whoever pulls this file next."""
        self._close()
        released = part_path(self._final, NOBODY)
        self.record.replace(record_path(released))
        self.path.replace(released)

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _fsync_directory(directory: Path) -> None:
    """Make a rename survive a power cut. Windows cannot open a directory, and orders renames itself."""
    if os.name == "nt":
        return
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
