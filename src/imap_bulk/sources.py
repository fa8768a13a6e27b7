"""What a person names on a command line or in a notebook, as files to pull or to push.

A source is a file name, an archive path, a manifest file, a data file, a directory, or `-` for a manifest on
standard input. Whatever is wrong with any of them is found before anything moves, and told at once. What they
list is kept on disk, so that a million files cost no memory.
"""

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imap_bulk import filenames, manifest, usual
from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.listing import Lines, Listed, ListedFiles, Listing
from imap_bulk.manifest import Entry, Problem, Run
from imap_bulk.model import LARGEST_PUT_BYTES, Direction, Transfer

STANDARD_INPUT = "-"

MOST_PROBLEMS_TOLD = 20_000
"""Problems of one source that are told each; the others are counted, so that memory does not grow with them."""

_UNSAFE_IN_KEYS = re.compile(r"[\x00-\x1f\x7f-\x9f\\:]")


def files_of(sources: Iterable[str]) -> ListedFiles:
    """Turn names, archive paths and manifests into the files they mean, each once. Raises BadManifest at once."""
    return ListedFiles(_checked(sources, _files_in))


def uploads_of(sources: Iterable[str]) -> Iterator[Transfer]:
    """Turn data files, directories and manifests into uploads, each once. Raises BadManifest at once."""
    listing = _checked(sources, _uploads_in)
    return (Transfer(Direction.PUSH, file.key, _path(file), file.size, _digest(file.digest)) for file in listing)


def _digest(kept: str | None) -> Digest | None:
    return Digest.kept(kept) if kept else None


def _path(file: Listed) -> Path:
    return Path(os.fsdecode(file.place or b""))


class _Problems:
    """What is wrong with one source."""

    def __init__(self, number: int, source: str) -> None:
        self.number = number
        self.name = "standard input" if source == STANDARD_INPUT else source
        self._told: list[Problem] = []
        self._count = 0
        self._fault: BadManifest | BadName | None = None

    def add(self, line: int, error: object) -> None:
        """Note what is wrong with a line."""
        self._count += 1
        if len(self._told) < MOST_PROBLEMS_TOLD:
            self._told.append(Problem(line, str(error)))

    def give_up(self, fault: BadManifest | BadName) -> None:
        """Note that the source as a whole is of no use."""
        self._fault = fault

    def error(self) -> BadManifest | BadName | None:
        """Return all of it, in the order of the lines."""
        if self._fault or not self._count:
            return self._fault
        in_order = sorted(self._told, key=lambda problem: problem.line)
        return manifest.refusal(in_order, self.name, self._count - len(in_order))


_Reader = Callable[[str, _Problems], Iterator[Listed | Lines]]


def _checked(sources: Iterable[str], read: _Reader) -> Listing:
    """List every source; two of them may name one file, but not two files one object. Raises BadManifest."""
    listing = Listing()
    several: list[_Problems] = []
    for number, source in enumerate(sources):
        problems = _Problems(number, source)
        several.append(problems)
        try:
            listing.add(read(source, problems))
        except (BadManifest, BadName) as fault:
            problems.give_up(fault)
    conflicts = _settle(listing, several)
    errors = [error for problems in several if (error := problems.error())] + conflicts
    if len(errors) == 1:
        raise BadManifest(errors[0].summary, errors[0].problems)
    if errors:
        raise BadManifest("Nothing was moved:", tuple(map(str, errors)))
    return listing


def _settle(listing: Listing, several: list[_Problems]) -> list[BadName]:
    """Keep one of the files with the same key, and tell of those that contradict each other."""
    if not listing.may_repeat():
        return []
    listing.take_apart()
    conflicts: list[BadName] = []
    merged: list[tuple[int, Listed]] = []
    dropped: list[tuple[int]] = []
    for (number, first_of_all), *others in listing.repeated():
        known = first_of_all
        first_lines = {known.source: known}
        for again, file in others:
            first = first_lines.setdefault(file.source, file)
            dropped.append((again,))
            if first is not file and file.line:
                several[file.source].add(file.line, _repetition(first, file))
            elif _place(file) != _place(known):
                conflicts.append(BadName(f"{_place(known)} and {_place(file)} would both become {file.key}"))
            elif known.digest is None:
                known = known._replace(size=file.size, digest=file.digest)
        merged.append((number, known))
    listing.merge(merged, dropped)
    return conflicts[:MOST_PROBLEMS_TOLD]


def _repetition(first: Listed, file: Listed) -> str:
    if first.written == file.written:
        return f"{file.written!r} is listed on line {first.line} already; remove one of the two"
    return f"{file.written!r} is the object of line {first.line} again, {file.key}; remove one of the two"


def _place(file: Listed) -> str:
    return str(_path(file).absolute())


def _lines(source: str) -> Iterable[bytes]:
    return sys.stdin.buffer if source == STANDARD_INPUT else manifest.lines_of(Path(source))


def _is_manifest(source: str) -> bool:
    """Tell whether a source is a file that is no data file by its name, or standard input."""
    return source == STANDARD_INPUT or (Path(source).is_file() and not filenames.is_valid(Path(source).name))


def _files_in(source: str, problems: _Problems) -> Iterator[Listed | Lines]:
    if not _is_manifest(source):
        yield Listed(problems.number, None, source, _key_of_source(source))
        return
    for told in manifest.scan_runs(_lines(source), problems.name, usual.names_on):
        if isinstance(told, Run):
            yield Lines(problems.number, *told)
        elif isinstance(told, Problem):
            problems.add(told.line, told.text)
        elif file := _file_of(told, problems):
            yield file


def _file_of(entry: Entry, problems: _Problems) -> Listed | None:
    try:
        key = key_of(entry.path)
    except BadName as error:
        problems.add(entry.line, error)
        return None
    digest = str(entry.digest) if entry.digest else None
    return Listed(problems.number, entry.line, entry.path, key, None, entry.size, digest)


def _key_of_source(source: str) -> str:
    try:
        return key_of(source)
    except BadName as error:
        if Path(source).suffix and "/" not in source:
            raise BadName(f"{error}; and there is no manifest file of that name") from None
        raise


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
    return path if parts[0] == "imap" else _spice_key(path) or path


def _spice_key(path: str) -> str | None:
    """Complete what the archive's SPICE records call a file: its key without `imap/spice/`."""
    try:
        key = filenames.parse(path.rpartition("/")[2], lenient=True).key
    except BadName:
        return None
    return key if key == f"imap/spice/{path}" else None


def _uploads_in(source: str, problems: _Problems) -> Iterator[Listed]:
    if _is_manifest(source):
        base = Path() if source == STANDARD_INPUT else Path(source).parent
        yield from _local_files(source, base, problems)
        return
    for path, key in _data_files(Path(source)):
        yield Listed(problems.number, None, "", key, os.fsencode(path), _uploadable(path, path.stat().st_size))


def _uploadable(path: Path, size: int) -> int:
    """Return the size of a file in bytes. Raises BadName for one that storage would not take."""
    if size > LARGEST_PUT_BYTES:
        raise BadName(f"{str(path)!r} has {size} bytes; storage takes at most 5 GiB in one upload")
    return size


def _local_files(source: str, base: Path, problems: _Problems) -> Iterator[Listed]:
    """Yield the regular files that the lines of a manifest mean, with the keys that they will have.

    A relative path counts from `base` and stays below it, also through symbolic links; an absolute one is taken
    as written.
    """
    ground = _Ground(base)
    for entry in manifest.scan(_lines(source), problems.name):
        if isinstance(entry, Problem):
            problems.add(entry.line, entry.text)
            continue
        path, size = base / entry.path, None
        try:
            size = ground.size_of(entry, path)
        except BadName as error:
            problems.add(entry.line, error)
        try:
            key = filenames.parse(path.name).key
        except BadName as error:
            problems.add(entry.line, error)
        else:
            digest = str(entry.digest) if entry.digest else None
            yield Listed(problems.number, entry.line, entry.path, key, os.fsencode(path), size, digest)


class _Ground:
    """The directory from which the paths of a manifest count."""

    def __init__(self, base: Path) -> None:
        self._root = base.resolve()
        self._inside: dict[Path, bool] = {}
        """Directories that were looked at: resolving one costs a system call for each of its parts."""

    def size_of(self, entry: Entry, path: Path) -> int:
        """Return the size in bytes of the file that an entry means. Raises BadName."""
        try:
            status = path.lstat()
            if not Path(entry.path).is_absolute() and not self._holds(path, status):
                raise BadName(
                    f"{entry.path!r} leads outside {self._root}; move the file there or write its absolute path"
                )
            if stat.S_ISLNK(status.st_mode):
                status = path.stat()
        except FileNotFoundError:
            raise BadName(f"there is no file {str(path)!r}; check the path") from None
        except (
            OSError,
            RuntimeError,
            ValueError,
        ) as error:  # until Python 3.13, a loop of links is a RuntimeError
            reason = error.strerror if isinstance(error, OSError) else error
            raise BadName(f"{str(path)!r} cannot be read: {reason}") from None
        if not stat.S_ISREG(status.st_mode):
            raise BadName(f"{str(path)!r} is not a regular file; list files, not directories or devices")
        if entry.size not in (None, status.st_size):
            raise BadName(
                f"{str(path)!r} has {status.st_size} bytes, the manifest says {entry.size}; correct one of them"
            )
        return _uploadable(path, status.st_size)

    def _holds(self, path: Path, status: os.stat_result) -> bool:
        if stat.S_ISLNK(status.st_mode):
            return path.resolve().is_relative_to(self._root)
        parent = path.parent
        if parent not in self._inside:
            self._inside[parent] = parent.resolve().is_relative_to(self._root)
        return self._inside[parent]


def _data_files(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the data files that a path stands for, with their keys; hidden ones, part files say, are nobody's."""
    if path.is_file():
        yield path, filenames.parse(path.name).key
        return
    if not path.is_dir():
        raise BadName(f"{path}: there is no such file or directory; check the path")
    count, misnamed = 0, []
    for file in _below(path):
        count += 1
        try:
            key = filenames.parse(file.name).key
        except BadName as error:
            misnamed.append(f"{file}: {error}")
        else:
            yield file, key
    if not count:
        raise BadName(f"{path}: no files are in this directory")
    if misnamed:
        raise BadName(
            f"{path}: {len(misnamed)} of {count} files have no name that the archive takes; rename them, "
            "move them away, or push a manifest of the others",
            tuple(misnamed[:MOST_PROBLEMS_TOLD]),
        )


def _below(directory: Path) -> Iterator[Path]:
    """Yield the files in a directory and below, in the order of their paths; links lead to files only."""
    with os.scandir(directory) as entries:
        several = sorted(
            (entry for entry in entries if not entry.name.startswith(".")), key=lambda each: each.name
        )
    for entry in several:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(directory / entry.name)
        elif entry.is_file():
            yield directory / entry.name
