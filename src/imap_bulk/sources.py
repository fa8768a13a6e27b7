"""What a person names on a command line or in a notebook, as files to pull or to push.

A source is a file name, an archive path, a manifest file, a data file, a directory, or `-` for a manifest on
standard input. Whatever is wrong with any of them is found before anything moves, and told at once.
"""

import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from imap_bulk import filenames, manifest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.manifest import Entry
from imap_bulk.model import Direction, RemoteFile, Transfer

STANDARD_INPUT = "-"

_UNSAFE_IN_KEYS = re.compile(r"[\x00-\x1f\x7f-\x9f\\:]")

Moved = TypeVar("Moved", RemoteFile, Transfer)


def to_pull(sources: Iterable[str]) -> list[RemoteFile]:
    """Turn names, archive paths and manifests into the files they mean. Raises BadManifest."""
    return list(_each_once(sources, _files_of, lambda file: file.key).values())


def to_push(sources: Iterable[str]) -> list[Transfer]:
    """Turn data files, directories and manifests into uploads. Raises BadManifest."""
    return list(_each_once(sources, _uploads_of, lambda upload: str(upload.path.absolute())).values())


def _each_once(
    sources: Iterable[str], read: Callable[[str], Iterator[Moved]], identity: Callable[[Moved], str]
) -> dict[str, Moved]:
    """Read every source; two of them may name one file, but not two files one object."""
    found: dict[str, Moved] = {}
    problems: list[str] = []
    for source in sources:
        try:
            for moved in read(source):
                known = found.setdefault(moved.key, moved)
                if identity(known) != identity(moved):
                    problems.append(f"{identity(known)} and {identity(moved)} would both become {moved.key}")
                elif known.digest is None:
                    found[moved.key] = moved
        except (BadManifest, BadName) as error:
            problems.append(str(error))
    if len(problems) == 1:
        raise BadManifest(problems[0])
    if problems:
        raise BadManifest("Nothing was moved:", tuple(problems))
    return found


def _files_of(source: str) -> Iterator[RemoteFile]:
    if source == STANDARD_INPUT or _is_manifest_file(Path(source)):
        lines = _Lines(*_read(source))
        for entry, key in keys(lines):
            yield RemoteFile(key, entry.size, entry.digest)
        return
    try:
        yield RemoteFile(key_of(source))
    except BadName as error:
        if Path(source).suffix and "/" not in source:
            raise BadName(f"{error}; and there is no manifest file of that name") from None
        raise


def _uploads_of(source: str) -> Iterator[Transfer]:
    path = Path(source)
    if source == STANDARD_INPUT or _is_manifest_file(path):
        lines = _Lines(*_read(source))
        base = Path() if source == STANDARD_INPUT else path.parent
        for entry, file, key in local_files(lines, base):
            yield Transfer(Direction.PUSH, key, file, file.stat().st_size, entry.digest)
        return
    for file in _data_files(path):
        yield Transfer(Direction.PUSH, filenames.parse(file.name).key, file, file.stat().st_size)


def _is_manifest_file(path: Path) -> bool:
    """Tell whether a path is a file that is no data file by its name."""
    return path.is_file() and not filenames.is_valid(path.name)


def _read(source: str) -> tuple[bytes, str]:
    """Return a manifest's content, and its name for people."""
    if source == STANDARD_INPUT:
        return sys.stdin.buffer.read(), "standard input"
    return manifest.read_bytes(Path(source)), source


def _data_files(path: Path) -> list[Path]:
    """List the data files that a path stands for; hidden files, such as part files, are nobody's data."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise BadName(f"{path}: there is no such file or directory; check the path")
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not _is_hidden(file.relative_to(path))]
    if not files:
        raise BadName(f"{path}: no files are in this directory")
    problems = [problem for file in files if (problem := _problem_of(file))]
    if problems:
        raise BadName(
            f"{path}: {len(problems)} of {len(files)} files have no name that the archive takes; rename them, "
            "move them away, or push a manifest of the others",
            tuple(problems),
        )
    return files


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _problem_of(file: Path) -> str | None:
    try:
        filenames.parse(file.name)
    except BadName as error:
        return f"{file}: {error}"
    return None


class _Lines:
    """The lines of a manifest: which object each claims, and all that is wrong with them."""

    def __init__(self, content: bytes | str, name: str) -> None:
        """Read what can be read. Raises BadManifest when it is no manifest at all."""
        self._name = name
        self._claims: dict[str, int] = {}
        self.entries, self._problems = manifest.scan(content, name)

    @contextmanager
    def checking(self, entry: Entry) -> Iterator[None]:
        """Keep a BadName raised inside as this line's problem."""
        try:
            yield
        except BadName as error:
            self._problems.append(f"line {entry.line}: {error}")

    def claim(self, key: str, entry: Entry) -> None:
        """Note that this line means the object `key`. Raises BadName when an earlier one does."""
        if key in self._claims:
            raise BadName(
                f"{entry.path!r} is the object of line {self._claims[key]} again, {key}; remove one of the two"
            )
        self._claims[key] = entry.line

    def refuse(self) -> None:
        """Raise BadManifest if any line has a problem."""
        in_order = sorted(self._problems, key=lambda problem: int(problem.split()[1].rstrip(":")))
        manifest.refuse(in_order, self._name)


def keys(lines: _Lines) -> list[tuple[Entry, str]]:
    """Pair each entry of a manifest with its object key. Raises `BadManifest` with every bad line."""
    paired: list[tuple[Entry, str]] = []
    for entry in lines.entries:
        with lines.checking(entry):
            key = key_of(entry.path)
            lines.claim(key, entry)
            paired.append((entry, key))
    lines.refuse()
    return paired


def key_of(path: str) -> str:
    """Return the object key: found from a bare name, or `path` as written if it has directories.

    Raises BadName.
    """
    while path.startswith("./"):
        path = path[2:]
    if "/" not in path:
        return filenames.parse(path).key
    parts = path.split("/")
    if not all(parts) or not {".", ".."}.isdisjoint(parts):
        raise BadName(
            f"{path!r} is no object key; one is relative and has no empty part, '.' or '..', as in imap/…"
        )
    if match := _UNSAFE_IN_KEYS.search(path):
        raise BadName(f"{path!r} is no object key; it holds the character {match[0]!r}")
    return _spice_key(path) or path


def _spice_key(path: str) -> str | None:
    """Complete what the archive's SPICE records call a file: its key without `imap/spice/`."""
    try:
        key = filenames.parse(path.rpartition("/")[2], lenient=True).key
    except BadName:
        return None
    return key if key == f"imap/spice/{path}" else None


def local_files(lines: _Lines, base: Path) -> list[tuple[Entry, Path, str]]:
    """Pair each entry of a manifest with the regular file that it means and the key that file will have.

    A relative path counts from `base` and stays below it, also through symbolic links; an absolute one is taken
    as written. Raises `BadManifest` with every bad line.
    """
    found: list[tuple[Entry, Path, str]] = []
    root = base.resolve()
    for entry in lines.entries:
        path = base / entry.path
        with lines.checking(entry):
            _check_local(entry, path, root)
        with lines.checking(entry):
            key = filenames.parse(path.name).key
            lines.claim(key, entry)
            found.append((entry, path, key))
    lines.refuse()
    return found


def _check_local(entry: Entry, path: Path, root: Path) -> None:
    try:
        if not Path(entry.path).is_absolute() and not path.resolve().is_relative_to(root):
            raise BadName(f"{entry.path!r} leads outside {root}; move the file there or write its absolute path")
        status = path.stat()
    except FileNotFoundError:
        raise BadName(f"there is no file {str(path)!r}; check the path") from None
    except (OSError, RuntimeError, ValueError) as error:  # until Python 3.13, a loop of links is a RuntimeError
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadName(f"{str(path)!r} cannot be read: {reason}") from None
    if not stat.S_ISREG(status.st_mode):
        raise BadName(f"{str(path)!r} is not a regular file; list files, not directories or devices")
    if entry.size not in (None, status.st_size):
        raise BadName(
            f"{str(path)!r} has {status.st_size} bytes, the manifest says {entry.size}; correct one of them"
        )
