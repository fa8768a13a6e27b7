"""A cache of verified files, by the sha256 of their content, shared by jobs, checkouts and processes.

    DIR/sha256/ab/12cd…     an entry: read-only, its name is its digest, its time is when it was last used

Nothing here rests on a lock or on trust: an entry is written under a hidden name and renamed, two who write the
same one write the same bytes, and whoever takes one hashes what he gets. So a corrupt entry, or one that a power
cut has emptied, costs a download and no more. Copies share their blocks where the file system can (a reflink);
they are never hard links, because an editor that writes in place would then change the entry, and with it the file
of every other checkout, under a final name.
"""

import contextlib
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from imap_bulk.digest import Digest, Hasher, hasher

_ALGORITHM = "sha256"
_READ_BYTES = 1 << 20
_ENTRY = re.compile("[0-9a-f]{62}")
_PART = re.compile(r"\.[0-9a-f]{16}\.part")
_ABANDONED_SECONDS = 86_400.0
"""Age from which on an unfinished entry is nobody's: none takes a day to write."""

_FICLONE = 0x40049409  # linux/fs.h; Python has no name for it
_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Made by imap-bulk; see https://bford.info/cachedir/\n"


class Usage(NamedTuple):
    """How much a cache holds, in bytes; `oldest` is the Unix time at which what waits longest was last used."""

    files: int
    bytes: int
    oldest: float | None


class Pruned(NamedTuple):
    """What a cache gave away, and what it still holds, in bytes."""

    files: int
    bytes: int
    left: Usage


class _Entry(NamedTuple):
    path: str
    size: int
    used: float


class Cache:
    """The cache below `root`, which is made when the first file enters."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.fault: OSError | None = None
        """Why the cache has stopped to take files in: a full disk must not end a run that has its files."""

    def has(self, digest: Digest) -> bool:
        """Tell whether there is an entry for this digest; only `copy_to` tells whether it is right."""
        # Path.is_file raises for what is behind a closed directory, which must not end a run.
        return digest.algorithm == _ALGORITHM and os.path.isfile(self._place(digest.value))  # noqa: PTH113

    def copy_to(self, target: Path, digest: Digest) -> bool:
        """Fill the empty file `target` with the bytes of this sha256; False where the cache does not have them.

        What was copied is hashed, and an entry that is wrong or unreadable is removed; `target` then holds
        anything. Raises OSError when the target cannot be written.
        """
        entry = self._place(digest.value)
        try:
            source = os.open(entry, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            with target.open("r+b", buffering=0) as copy:
                found = _copy(source, copy.fileno(), hasher(_ALGORITHM))
        except _Unreadable:
            found = ""
        finally:
            os.close(source)
        with contextlib.suppress(OSError):  # another user's cache: taking needs no leave to change
            os.utime(entry) if found == digest.value else entry.unlink(missing_ok=True)
        return found == digest.value

    def keep(self, path: Path, digest: Digest) -> None:
        """Take in the file at `path`, whose bytes were held to `digest`, of any algorithm.

        They are held to it again while they are copied. Where the cache cannot take it, `fault` says why.
        """
        if self.fault or self.has(digest):
            return
        try:
            self._enter(path, digest)
        except OSError as error:
            self.fault = error

    def usage(self) -> Usage:
        """Count the entries."""
        return _usage(list(self._entries()))

    def prune(self, most_bytes: int) -> Pruned:
        """Remove entries, the least recently used first, until at most `most_bytes` are left. Raises OSError.

        Safe beside running jobs: who copies an entry has it open, and who misses one fetches it again.
        """
        kept = sorted(self._entries(), key=lambda entry: entry.used, reverse=True)
        excess = sum(entry.size for entry in kept) - most_bytes
        removed: list[_Entry] = []
        while kept and excess > 0:
            entry = kept.pop()
            Path(entry.path).unlink(missing_ok=True)
            excess -= entry.size
            removed.append(entry)
        self._sweep()
        return Pruned(len(removed), sum(entry.size for entry in removed), _usage(kept))

    def _place(self, value: str) -> Path:
        return self.root / _ALGORITHM / value[:2] / value[2:]

    def _enter(self, path: Path, digest: Digest) -> None:
        self._begin()
        part = self.root / _ALGORITHM / f".{secrets.token_hex(8)}.part"
        try:
            value = _copied(path, part, digest)
            if value:
                place = self._place(value)
                place.parent.mkdir(exist_ok=True)
                part.replace(place)
        finally:
            part.unlink(missing_ok=True)

    def _begin(self) -> None:
        (self.root / _ALGORITHM).mkdir(parents=True, exist_ok=True)
        tag = self.root / "CACHEDIR.TAG"  # programs that make backups leave such directories out
        if not tag.exists():
            tag.write_text(_TAG)

    def _entries(self) -> Iterator[_Entry]:
        for directory in _listed(self.root / _ALGORITHM):
            if directory.is_dir(follow_symlinks=False):
                for file in _listed(Path(directory.path)):
                    if _ENTRY.fullmatch(file.name) and (status := _status(file)):
                        yield _Entry(file.path, status.st_size, status.st_mtime)

    def _sweep(self) -> None:
        """Remove what writers that died have left unfinished."""
        for file in _listed(self.root / _ALGORITHM):
            status = _status(file) if _PART.fullmatch(file.name) else None
            if status and time.time() - status.st_mtime > _ABANDONED_SECONDS:
                Path(file.path).unlink(missing_ok=True)


class _Unreadable(Exception):
    """An entry that cannot be read to its end."""


def _copied(path: Path, part: Path, digest: Digest) -> str | None:
    """Copy `path` to the new file `part`; return its sha256 if it is still what was held to `digest`."""
    sha256 = hasher(_ALGORITHM)
    hashers = [sha256] if digest.algorithm == _ALGORITHM else [sha256, hasher(digest.algorithm)]
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        try:
            _copy(source, target, *hashers)
        finally:
            os.close(target)
    except _Unreadable as unreadable:
        raise OSError(f"{path} cannot be read") from unreadable
    finally:
        os.close(source)
    return sha256.hexdigest() if hashers[-1].hexdigest() == digest.value else None


def _copy(source: int, target: int, *hashers: Hasher) -> str:
    """Copy all bytes, by reference where that can be; hash what `target` got, and return the first hash of it."""
    is_clone = _clone(source, target)
    read_from = target if is_clone else source
    while chunk := _read(read_from):
        for each in hashers:
            each.update(chunk)
        view = memoryview(b"" if is_clone else chunk)
        while view:
            view = view[os.write(target, view) :]
    return hashers[0].hexdigest()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _READ_BYTES)
    except OSError as error:
        raise _Unreadable from error


def _clone(source: int, target: int) -> bool:
    """Let an empty file share the blocks of another, on file systems that can (btrfs, XFS, bcachefs)."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _listed(directory: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _status(file: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return file.stat(follow_symlinks=False)
    except OSError:  # removed by somebody else just now
        return None


def _usage(entries: list[_Entry]) -> Usage:
    oldest = min((entry.used for entry in entries), default=None)
    return Usage(len(entries), sum(entry.size for entry in entries), oldest)
