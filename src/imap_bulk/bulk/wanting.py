"""What a run wants, hundreds at once and each with its place: to make an object of each file costs too much."""

import os
import re
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from imap_bulk.engine.places import safe_path
from imap_bulk.errors import UnsafePath
from imap_bulk.listing import ListedFiles
from imap_bulk.model import Direction, Outcome, RemoteFile, Status, Transfer, Wanted

BATCH = 500
"""Files that are planned together: some milliseconds, for which the event loop waits. More were no quicker."""

_MOST_DIRECTORIES = 1024

# What every file system takes, and Windows has not reserved: its own names are short.
_SAFE_NAME = re.compile(r"[A-Za-z0-9_]{5}[A-Za-z0-9_.-]{0,240}[A-Za-z0-9_-]")

_Row = tuple[str, int | None, str | None, str]
"""Key, size, digest, source."""


class Batch(NamedTuple):
    """Files that are wanted, and the failures of those that have no place."""

    wanted: list[Wanted]
    failures: list[Outcome]
    once: bool = False
    """Whether no key comes twice in all batches."""


def each(files: Iterable[RemoteFile]) -> AsyncIterable[RemoteFile]:
    """Have a list yield as a search would."""
    return files if isinstance(files, AsyncIterable) else _each(files)


async def _each(files: Iterable[RemoteFile]) -> AsyncIterator[RemoteFile]:
    for file in files:
        yield file


async def downloads(files: AsyncIterable[RemoteFile], data_dir: Path) -> AsyncIterator[Batch]:
    """Give files of an archive their places below a data directory."""
    places = _Places(data_dir)
    if isinstance(files, ListedFiles):
        rows = files.rows()
        while some := list(islice(rows, BATCH)):
            yield places.batch(some)._replace(once=True)
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
        placed: list[Wanted] = []
        failures: list[Outcome] = []
        begins, is_safe = self._begins, _SAFE_NAME.fullmatch
        for key, size, digest, source in rows:
            directory, _, name = key.rpartition("/")
            if directory in begins and is_safe(name):
                path = begins[directory] + name
            else:
                try:
                    path = self._look(key, directory, name)
                except UnsafePath as error:
                    transfer = Transfer(Direction.PULL, key, self._root)
                    failures.append(Outcome(transfer, Status.FAILED, error=error))
                    continue
            placed.append(Wanted(key, path, size, digest, source))
        return Batch(placed, failures)

    def _look(self, key: str, directory: str, name: str) -> str:
        """Return the path of a key, and remember its directory. Raises UnsafePath."""
        path = os.fspath(safe_path(self._root, key))
        if len(self._begins) >= _MOST_DIRECTORIES:
            self._begins.clear()
        self._begins[directory] = path.removesuffix(name)
        return path
