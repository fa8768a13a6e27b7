"""What a run wants, hundreds at once and each with its place: to make an object of each file costs too much."""

import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from imap_bulk.engine.places import safe_path
from imap_bulk.errors import UnsafePath
from imap_bulk.listing import ListedFiles
from imap_bulk.model import Direction, Outcome, RemoteFile, Status, Transfer, Wanted

BATCH = 1000
"""Files that are planned together: some milliseconds, for which the event loop waits."""

_MOST_DIRECTORIES = 1024

# What every file system takes, and Windows has not reserved: its own names are short.
_SAFE_NAME = re.compile(r"[A-Za-z0-9_]{5}[A-Za-z0-9_.-]{0,240}[A-Za-z0-9_-]")

_Row = tuple[str, int | None, str | None, str]
"""Key, size, digest, source."""


class Batch(NamedTuple):
    """Files that are wanted, and the failures of those that have no place."""

    wanted: list[Wanted]
    failures: list[Outcome]


async def downloads(files: AsyncIterable[RemoteFile], data_dir: Path) -> AsyncIterator[Batch]:
    """Give files of an archive their places below a data directory."""
    places = _Places(data_dir)
    if isinstance(files, ListedFiles):
        rows = ((*row, "") for row in files.rows())
        while some := list(islice(rows, BATCH)):
            yield places.batch(some)
        return
    some = []
    async for file in files:
        some.append((file.key, file.size, str(file.digest) if file.digest else None, file.source))
        if len(some) == BATCH:
            yield places.batch(some)
            some = []
    yield places.batch(some)


async def uploads(transfers: Iterable[Transfer]) -> AsyncIterator[Batch]:
    """Take transfers as they are."""
    rest = iter(transfers)
    while some := [Wanted.of(transfer) for transfer in islice(rest, BATCH)]:
        yield Batch(some, [])


class _Places:
    """Where files belong below a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir
        self._begins: dict[str, str] = {}
        """What the paths of a directory's files begin with."""

    def batch(self, rows: Iterable[_Row]) -> Batch:
        """Place files; a bad key of one must not stop the others."""
        failures: list[Outcome] = []
        return Batch(list(self._placed(rows, failures)), failures)

    def _placed(self, rows: Iterable[_Row], failures: list[Outcome]) -> Iterator[Wanted]:
        for key, size, digest, source in rows:
            try:
                yield Wanted(key, self.place(key), size, digest, source)
            except UnsafePath as error:
                transfer = Transfer(Direction.PULL, key, self._root)
                failures.append(Outcome(transfer, Status.FAILED, error=error))

    def place(self, key: str) -> str:
        """Do as `safe_path`, but look at a directory once. Raises UnsafePath."""
        directory, _, name = key.rpartition("/")
        begin = self._begins.get(directory)
        if begin is not None and _SAFE_NAME.fullmatch(name):
            return begin + name
        path = os.fspath(safe_path(self._root, key))
        if len(self._begins) >= _MOST_DIRECTORIES:
            self._begins.clear()
        self._begins[directory] = path.removesuffix(name)
        return path
