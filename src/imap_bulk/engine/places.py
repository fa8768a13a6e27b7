"""Where files belong below the data directory, and what earlier runs have left there.

Each directory is looked at once in a run: doing it for every file would cost the square of their number.
"""

import os
import re
import secrets
import socket
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

from imap_bulk.errors import UnsafePath

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_ORDINARY = re.compile(
    r"(?!(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$))[a-z0-9_-](?:[a-z0-9_.-]{0,253}[a-z0-9_-])?",
    re.IGNORECASE | re.ASCII,
)
_HOST = re.sub(r"[^a-zA-Z0-9]", "", socket.gethostname())[:24] or "host"
_LONGEST_NAME_BYTES = 255
_LONGEST_STEM = 80
_PART_NAME = re.compile(rf"(\.(.+)\.{re.escape(_HOST)}-(\d+)-[0-9a-f]{{8}}\.part)(?:\.json|\.new)?")
"""A part file, or what stands beside it, which may be all that a kill has left."""

_TOKENS = count(secrets.randbits(32))  # a process that gets a dead one's number must not meet its files

StrPath = str | os.PathLike[str]
"""A path; asked for many files, a plain string saves what a pathlib.Path takes to become one."""

NOBODY = 0
"""The writer of a part file that was released."""


def safe_path(root: Path, key: str) -> Path:
    """Tell where the file of this object key belongs below `root`.

    Keys come from servers and manifests, so they are held to what every file system takes: no absolute
    path, no `..`, no hidden part (ours begin with a dot), no name that Windows reserves. Raises UnsafePath.
    """
    directory, _, name = key.rpartition("/")
    place = _below(root, directory) if directory else root
    if place is None or _is_unsafe(name) or key.startswith("/"):
        raise UnsafePath(f"{key!r} is no safe place below the data directory; the archive or manifest is wrong")
    return place / name


@lru_cache(maxsize=1024)
def _below(root: Path, directory: str) -> Path | None:
    """Return a directory, or None if it is unsafe. Kept: many files lie in each, and this is most of the work."""
    parts = directory.split("/")
    return None if any(_is_unsafe(part) for part in parts) else root.joinpath(*parts)


def _is_unsafe(part: str) -> bool:
    if _ORDINARY.fullmatch(part):  # nearly all are: one look instead of six
        return False
    return (
        not part
        or part.startswith(".")
        or part.endswith((".", " "))
        or len(os.fsencode(part)) > _LONGEST_NAME_BYTES
        or _UNSAFE.search(part) is not None
        or _RESERVED.fullmatch(part) is not None
    )


@lru_cache(maxsize=256)
def split(path: str) -> tuple[str, str]:
    """Cut a path in its directory and its name. Kept: for each file that is moved this is asked six times."""
    return os.path.split(path)


def part_path(path: str, pid: int) -> str:
    """Return a new path for a part file of `path` that the process `pid` writes."""
    directory, name = split(path)
    token = next(_TOKENS) & 0xFFFFFFFF
    return os.path.join(directory, f".{name[:_LONGEST_STEM]}.{_HOST}-{pid}-{token:08x}.part")  # noqa: PTH118


def record_path(part: Path) -> Path:
    """Return where the record of a part file stands, by which a later run goes on from it."""
    return part.with_name(f"{part.name}.json")


def fresh_record_path(part: Path) -> Path:
    """Return where that record is written, before it replaces the one before."""
    return part.with_name(f"{part.name}.new")


class Places:
    """The directories below `root`, as one run sees them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root: Path | None = None
        # By names, because comparing paths costs a small file more than opening it.
        self._prepared: set[str] = set()
        self._found: dict[str, _Found] = {}
        self._shared: dict[str, set[str]] = {}
        """Where other processes were writing as well: by directory, the beginnings of the names that are done."""

    def prepare(self, path: StrPath) -> None:
        """Make the directory of `path`, none of whose parts may lead out of the root through a symlink.

        The root itself may be a symlink: that is the user's own choice. Raises UnsafePath, OSError.
        """
        prepared, _ = split(os.fspath(path))
        if prepared in self._prepared:
            return
        if self._real_root is None:
            self._root.mkdir(parents=True, exist_ok=True)
            self._real_root = self._root.resolve()
        directory = self._root
        for part in Path(path).parent.relative_to(self._root).parts:
            directory = directory / part
            directory.mkdir(exist_ok=True)
            if directory.is_symlink() and not directory.resolve().is_relative_to(self._real_root):
                raise UnsafePath(
                    f"{directory} is a symlink that leads out of {self._root}; nothing is written through it"
                )
        self._prepared.add(prepared)

    def had(self, path: StrPath) -> bool:
        """Tell whether there was something of this name when its directory was looked at."""
        directory, name = split(os.fspath(path))
        return name in self._look(directory).names

    def abandoned(self, path: StrPath) -> list[Path]:
        """Return the part files of `path` that were released, or that dead processes of this machine left.

        Of some there is only the record, or a beginning of it.
        """
        directory, name = split(os.fspath(path))
        return self._look(directory).abandoned.get(name[:_LONGEST_STEM], [])

    def _look(self, directory: str) -> "_Found":
        if directory not in self._found:
            self._found[directory] = _list(Path(directory))
        return self._found[directory]

    def remove_abandoned(self, path: StrPath) -> None:
        """Remove the abandoned part files of `path`, and their records. Raises OSError."""
        _remove(self.abandoned(path))

    def settle(self, path: StrPath) -> None:
        """Note that `path` is there, verified: its abandoned part files are of no more use. Raises OSError."""
        directory, name = split(os.fspath(path))
        found = self._look(directory)
        if found.abandoned:
            self.remove_abandoned(path)
        if found.is_shared:
            self._shared.setdefault(directory, set()).add(name[:_LONGEST_STEM])

    def sweep(self) -> None:
        """Remove what processes that were still writing at the first look have left since of what is settled.

        Such as a helper that outlives its killed parent by a moment: no later run would look for the part files
        of a file that is there. What a living process writes stays. Raises OSError.
        """
        for directory, stems in self._shared.items():
            left = _list(Path(directory)).abandoned
            for stem in stems & left.keys():
                _remove(left[stem])


class Remains:
    """What killed runs have left beside files that are there, which nobody will pull again."""

    def __init__(self) -> None:
        self._looked_at: set[str] = set()
        self._abandoned: dict[str, dict[str, list[Path]]] = {}
        """Of directories that have some. No names of files: a second run may ask for a million."""

    def remove(self, paths: Collection[str]) -> None:
        """Remove the abandoned part files of `paths`, where that may be."""
        for directory in {path[: path.rfind(os.sep)] for path in paths} - self._looked_at:
            self._looked_at.add(directory)
            if found := self._look(directory):
                self._abandoned[directory] = found
        if self._abandoned:  # hardly ever
            for path in paths:
                self._remove(*split(path))

    def _remove(self, directory: str, name: str) -> None:
        with suppress(OSError):
            _remove(self._abandoned.get(directory, {}).pop(name[:_LONGEST_STEM], ()))

    def _look(self, directory: str) -> dict[str, list[Path]]:
        try:
            hidden = {name for name in os.listdir(directory) if name.startswith(".")}  # noqa: PTH208  names alone
        except OSError:
            return {}
        return _sorted(Path(directory), hidden).abandoned


def abandoned_below(root: Path) -> Iterator[Path]:
    """Yield, of all files below `root`, what `Places.abandoned` returns."""
    for directory, _, names in os.walk(root):
        for parts in _sorted(Path(directory), set(names)).abandoned.values():
            yield from parts


def _remove(parts: Iterable[Path]) -> None:
    for part in parts:
        for left in (part, record_path(part), fresh_record_path(part)):
            left.unlink(missing_ok=True)


class _Found(NamedTuple):
    """What a directory held: all names, and abandoned part files by the beginning of the name they belong to."""

    names: set[str]
    abandoned: dict[str, list[Path]]
    is_shared: bool
    """Whether another process that is alive, such as a helper of a run that was killed, had part files there."""


def _list(directory: Path) -> _Found:
    try:
        with os.scandir(directory) as entries:
            names = {entry.name for entry in entries}
    except FileNotFoundError:
        names = set()
    return _sorted(directory, names)


def _sorted(directory: Path, names: set[str]) -> _Found:
    found: dict[str, list[Path]] = {}
    is_shared = False
    for part, stem, pid in {match.groups() for match in filter(None, map(_PART_NAME.fullmatch, names))}:
        if not _is_alive(int(pid)):
            found.setdefault(stem, []).append(directory / part)
        elif int(pid) != os.getpid():
            is_shared = True
    return _Found(names, found, is_shared)


def _is_alive(pid: int) -> bool:
    if pid == NOBODY:
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
