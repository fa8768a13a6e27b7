"""Part files: bytes get a final name only after they were verified, and only inside the data directory.

    create -> write … -> (verify) -> commit        or, at any point, discard, or release for a later run

A part file lies beside its final name, because a rename is atomic only within one file system. Its name
begins with a dot: the archive's own patterns for SPICE kernels are not anchored at the end, so that
`naif0012.tls.part` would count as a kernel. It also names its writer, so that no two processes, on one
machine or two, ever write to the same one: nothing here rests on a lock, which shared file systems may ignore.
"""

import os
import re
import secrets
import socket
from pathlib import Path

from imap_bulk.errors import UnsafePath

RECORD_SUFFIX = ".json"
"""What a part file's record is called beside the part file's own name."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_HOST = re.sub(r"[^a-zA-Z0-9]", "", socket.gethostname())[:24] or "host"
_NOBODY = 0
_LONGEST_NAME_BYTES = 255
_LONGEST_STEM = 80


def safe_path(root: Path, key: str) -> Path:
    """Tell where the file of this object key belongs below `root`.

    Keys come from servers and manifests, so they are held to what every file system takes: no absolute
    path, no `..`, no hidden part (ours begin with a dot), no name that Windows reserves. Raises UnsafePath.
    """
    parts = key.split("/")
    if any(_is_unsafe(part) for part in parts):
        raise UnsafePath(f"{key!r} is no safe place below the data directory; the archive or manifest is wrong")
    return root.joinpath(*parts)


def _is_unsafe(part: str) -> bool:
    return (
        not part
        or part.startswith(".")
        or part.endswith((".", " "))
        or len(os.fsencode(part)) > _LONGEST_NAME_BYTES
        or _UNSAFE.search(part) is not None
        or _RESERVED.fullmatch(part) is not None
    )


def prepare_directory(root: Path, path: Path) -> None:
    """Make the directory of `path`, none of whose parts may lead out of `root` through a symlink.

    `root` itself may be a symlink: that is the user's own choice. Raises UnsafePath, OSError.
    """
    real_root = root.resolve()
    directory = root
    for part in path.parent.relative_to(root).parts:
        directory = directory / part
        directory.mkdir(exist_ok=True)
        if directory.is_symlink() and not directory.resolve().is_relative_to(real_root):
            raise UnsafePath(f"{directory} is a symlink that leads out of {root}; nothing is written through it")


class PartFile:
    """Bytes on their way to the name `path` below `root`."""

    def __init__(self, root: Path, path: Path) -> None:
        """Create the part file, empty. Raises UnsafePath, OSError."""
        root.mkdir(parents=True, exist_ok=True)
        prepare_directory(root, path)
        self._final = path
        self.path = path.with_name(_part_name(path, os.getpid()))
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
        return self.path.with_name(self.path.name + RECORD_SUFFIX)

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
        released = self.path.with_name(_part_name(self._final, _NOBODY))
        self.record.replace(released.with_name(released.name + RECORD_SUFFIX))
        self.path.replace(released)
        self.path = released.with_name(f"{released.name}.released")  # no longer ours to discard

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


def _part_name(path: Path, pid: int) -> str:
    return f".{path.name[:_LONGEST_STEM]}.{_HOST}-{pid}-{secrets.token_hex(4)}.part"


def _fsync_directory(directory: Path) -> None:
    """Make a rename survive a power cut. Windows cannot open a directory, and orders renames itself."""
    if os.name == "nt":
        return
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class AbandonedParts:
    """The part files that were released, or that dead processes of this machine left.

    Each directory is listed once in a run: listing it for every file would cost the square of their number.
    """

    _name = re.compile(rf"\.(.+)\.{re.escape(_HOST)}-(\d+)-[0-9a-f]{{8}}\.part")

    def __init__(self) -> None:
        self._directories: dict[Path, dict[str, list[Path]]] = {}

    def of(self, path: Path) -> list[Path]:
        """Return the abandoned part files of `path`."""
        if path.parent not in self._directories:
            self._directories[path.parent] = self._list(path.parent)
        return self._directories[path.parent].get(path.name[:_LONGEST_STEM], [])

    def remove(self, path: Path) -> None:
        """Remove the abandoned part files of `path`, and their records. Raises OSError."""
        for part in self.of(path):
            part.unlink(missing_ok=True)
            part.with_name(part.name + RECORD_SUFFIX).unlink(missing_ok=True)

    def _list(self, directory: Path) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        try:
            with os.scandir(directory) as entries:
                names = [entry.name for entry in entries]
        except FileNotFoundError:
            return found
        for match in filter(None, map(self._name.fullmatch, names)):
            if not _is_alive(int(match[2])):
                found.setdefault(match[1], []).append(directory / match[0])
        return found


def _is_alive(pid: int) -> bool:
    if pid == _NOBODY:
        return False
    if os.name == "nt":  # where os.kill ends the process instead of asking
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # alive, under another user
    return True
