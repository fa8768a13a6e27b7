"""Files to push, of data files, directories and manifests, each with the key that it will have."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from imap_bulk import filenames, manifest
from imap_bulk.digest import Digest
from imap_bulk.errors import BadName
from imap_bulk.listing import Listed
from imap_bulk.manifest import Entry, Problem
from imap_bulk.model import LARGEST_PUT_BYTES, Direction, Transfer
from imap_bulk.sources.checking import (
    MOST_PROBLEMS_TOLD,
    STANDARD_INPUT,
    Problems,
    checked,
    is_manifest,
    lines_of,
    path_of,
)


def uploads_of(sources: Iterable[str]) -> Iterator[Transfer]:
    """Turn data files, directories and manifests into uploads, each once. Raises BadManifest at once."""
    listing = checked(sources, _uploads_in)
    return (Transfer(Direction.PUSH, file.key, path_of(file), file.size, _digest(file.digest)) for file in listing)


def _digest(kept: str | None) -> Digest | None:
    return Digest.kept(kept) if kept else None


def _uploads_in(source: str, problems: Problems) -> Iterator[Listed]:
    if is_manifest(source):
        base = Path() if source == STANDARD_INPUT else Path(source).parent
        yield from _local_files(source, base, problems)
        return
    for path, key in _data_files(Path(source)):
        yield Listed(problems.number, None, "", key, os.fsencode(path), _uploadable(path, path.stat().st_size))


def _local_files(source: str, base: Path, problems: Problems) -> Iterator[Listed]:
    """Yield the regular files that the lines of a manifest mean, with the keys that they will have.

    A relative path counts from `base` and stays below it, also through symbolic links; an absolute one is taken
    as written.
    """
    ground = _Ground(base)
    for entry in manifest.scan(lines_of(source), problems.name):
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
        # until Python 3.13, a loop of links is a RuntimeError
        except (OSError, RuntimeError, ValueError) as error:
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
    if path.exists() and not path.is_dir():
        raise BadName(f"{path} is neither a regular file nor a directory; name one of these")
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


def _uploadable(path: Path, size: int) -> int:
    """Return the size of a file in bytes. Raises BadName for one that storage would not take."""
    if size > LARGEST_PUT_BYTES:
        raise BadName(f"{str(path)!r} has {size} bytes; storage takes at most 5 GiB in one upload")
    return size
