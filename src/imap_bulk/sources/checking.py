"""All sources listed, and all that is wrong with them told, before anything moves."""

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imap_bulk import filenames, manifest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.listing import Lines, Listed, Listing
from imap_bulk.manifest import Problem

STANDARD_INPUT = "-"

_OUT_OF_REACH = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP}
"""What is wrong with a path that a person named; a disk that is full or broken is another matter."""

MOST_PROBLEMS_TOLD = 20_000
"""Problems of one source that are told each; the others are counted, so that memory does not grow with them."""


class Problems:
    """What is wrong with one source; `number` counts the sources from 0, `name` is what people are told."""

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


Reader = Callable[[str, Problems], Iterator[Listed | Lines]]
"""Reads what a source lists, and notes what is wrong with it. Raises BadManifest or BadName if all of it is."""


def checked(sources: Iterable[str], read: Reader) -> Listing:
    """List every source; two of them may name one file, but not two files one object. Raises BadManifest."""
    listing = Listing()
    several: list[Problems] = []
    for number, source in enumerate(sources):
        problems = Problems(number, source)
        several.append(problems)
        try:
            if not source:  # an empty variable of a shell, which as a path would be this directory
                raise BadName("an empty name is among the sources; leave it out")
            listing.add(read(source, problems))
        except (BadManifest, BadName) as fault:
            problems.give_up(fault)
        except OSError as refused:
            if refused.errno not in _OUT_OF_REACH:
                raise
            place = os.fsdecode(refused.filename or problems.name)
            problems.give_up(BadManifest(f"{place} cannot be read: {refused.strerror}"))
    conflicts = _settle(listing, several)
    errors = [error for problems in several if (error := problems.error())] + conflicts
    if len(errors) == 1:
        raise BadManifest(errors[0].summary, errors[0].problems)
    if errors:
        raise BadManifest("Nothing was moved:", tuple(map(str, errors)))
    return listing


def _settle(listing: Listing, several: list[Problems]) -> list[BadName]:
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
    return str(path_of(file).absolute())


def path_of(file: Listed) -> Path:
    """Return where a file is on this machine; the empty path for one of the archive."""
    return Path(os.fsdecode(file.place or b""))


def lines_of(source: str) -> Iterable[bytes]:
    """Return the lines of a manifest, as they stand there. Raises BadManifest while they are read."""
    return sys.stdin.buffer if source == STANDARD_INPUT else manifest.lines_of(Path(source))


def is_manifest(source: str) -> bool:
    """Tell whether a source is a file that is no data file by its name, or standard input."""
    return source == STANDARD_INPUT or (Path(source).is_file() and not filenames.is_valid(Path(source).name))
