"""What is archived, in one SQLite file: the rows that `/query` searches and the facts that storage serves.

A row's names are those of `filenames.FileName`; `ingested` is Unix time in whole seconds, dates are
`YYYYMMDD`, coverage is TDB seconds past J2000. Millions of rows are meant to fit: every search is one
statement over an index, and its rows are streamed.

A row stands in one of two tables. `objects` is what is archived. `pending` is what may have become an object
since it was written there: an upload that was signed for storage which tells nobody of its end, or a
replacement that was about to be renamed into place. No search lists a pending row; whoever knows the storage
settles it, by `add` or `forget`.
"""
# ruff: noqa: S608 - statements are built from the constants of `rows` and `search`; every value goes through a placeholder

import asyncio
import errno
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imap_bulk import filenames
from imap_bulk.errors import BadName, PermanentError
from imap_bulk.filenames import FileName, Kind
from imap_bulk.server.rows import COLUMNS, SCHEMA, SCHEMA_VERSION, StoredObject, Value, row_of, unix_from_j2000
from imap_bulk.server.search import FACTS, PENDING, TOLD, Condition, Search, Versions

__all__ = [
    "Catalog",
    "Condition",
    "Expected",
    "Search",
    "StoredObject",
    "StrangeCatalog",
    "Versions",
    "unix_from_j2000",
]

_NAMES = ", ".join(f":{name}" for name in COLUMNS)
_ADD = f"INSERT OR REPLACE INTO objects VALUES ({_NAMES})"
_EXPECT = f"INSERT OR REPLACE INTO pending VALUES ({_NAMES})"
_FORGET = "DELETE FROM pending WHERE key = :key"


_ROOM_TO_SORT = "PRAGMA cache_size = -8192"
"""KiB. With SQLite's own 2 MiB it sorts 100,000 rows through temporary files."""


class StrangeCatalog(PermanentError):
    """The file is a catalog of another version, or none at all."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A pending row: the file, and what is known of it; `stored.ingested` is when the row was written."""

    file: FileName
    stored: StoredObject


class Catalog:
    """The open catalog. `find` and `search` read while `add` writes; neither waits for the other (WAL)."""

    def __init__(self, path: Path) -> None:
        """Open the catalog, or make it. Raises StrangeCatalog, OSError."""
        self._path = path
        self._writer = _opened(path)
        self._reader = _connect(path)
        self._waiting: list[tuple[_Write, asyncio.Future[None]]] = []
        self._writing = asyncio.Lock()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def find(self, key: str) -> StoredObject | None:
        """Look up one object: microseconds, fit for the event loop."""
        row = self._reader.execute(f"SELECT {FACTS} FROM objects WHERE key = ?", (key,)).fetchone()
        return row and StoredObject(*row)

    def pending(self, search: Search | None = None, key: str | None = None) -> list[Expected]:
        """Return the pending rows that a search would see if they were settled, or that of a key, or all."""
        if search:
            sql, values = search.pending_statement()
        else:
            sql, values = (f"{PENDING} WHERE key = ?", [key]) if key else (PENDING, [])
        rows = self._reader.execute(sql, values).fetchall()
        return [Expected(_parsed(name, key), StoredObject(*facts)) for name, key, *facts in rows]

    def is_released(self, key: str) -> bool:
        """Tell whether there is an object that anybody may have."""
        row = self._reader.execute("SELECT released FROM objects WHERE key = ?", (key,)).fetchone()
        return bool(row and row[0])

    def search(self, search: Search) -> Generator[dict[str, Any], None, None]:
        """Yield the rows that match, ordered by key, over a connection of its own; consume it in one thread."""
        with closing(_connect(self._path)) as connection:
            connection.execute(_ROOM_TO_SORT)
            for row in connection.execute(*search.statement()):
                yield dict(zip(TOLD, row, strict=True))

    def days(self, search: Search) -> list[tuple[str, str, int]]:
        """Count what matches, in all its versions, by instrument and start date; waits for the disk."""
        rows, values = replace(search, versions=Versions.ALL).statement()
        dated = f"({rows}) WHERE instrument IS NOT NULL AND start_date IS NOT NULL"
        sql = f"SELECT instrument, start_date, count(*) FROM {dated} GROUP BY 1, 2 ORDER BY 1, 2"
        with closing(_connect(self._path)) as connection:
            return connection.execute(sql, values).fetchall()

    async def add(self, file: FileName, stored: StoredObject) -> None:
        """Write a row, replacing one of the same key; returns when it is on disk."""
        await self._write(_Write((_ADD, _FORGET), row_of(file, stored)))

    async def expect(self, file: FileName, stored: StoredObject) -> None:
        """Write a pending row, replacing one of the same key; returns when it is on disk."""
        await self._write(_Write((_EXPECT,), row_of(file, stored)))

    async def forget(self, key: str) -> None:
        """Drop a pending row: nothing has come of it."""
        await self._write(_Write((_FORGET,), {"key": key}))

    def add_many(self, rows: Iterable[tuple[FileName, StoredObject]]) -> None:
        """Write rows in one commit; for a catalog that nobody else writes to meanwhile."""
        with self._writer:
            self._writer.executemany(_ADD, (row_of(file, stored) for file, stored in rows))

    def remove_many(self, keys: Iterable[str]) -> None:
        """Drop rows in one commit; for a catalog that nobody else writes to meanwhile."""
        with self._writer:
            self._writer.executemany("DELETE FROM objects WHERE key = ?", ((key,) for key in keys))

    def known(self) -> Generator[tuple[str, int], None, None]:
        """Yield key and size of all that is archived, ordered by key."""
        with closing(_connect(self._path)) as connection:
            yield from connection.execute("SELECT key, size FROM objects ORDER BY key")

    async def _write(self, write: "_Write") -> None:
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((write, written))
        # Whoever gets the lock commits all that came meanwhile: one fsync for many small uploads.
        async with self._writing:
            if not written.done():
                await self._write_waiting()
        await written

    async def release(self, keys: Sequence[str], *, released: bool) -> None:
        """Release these objects, or take their release back; keys that are not archived are passed over."""
        changes = [(int(released), key) for key in keys]
        async with self._writing:
            await asyncio.to_thread(self._mark, changes)

    def _mark(self, changes: Sequence[tuple[int, str]]) -> None:
        with self._writer:
            self._writer.executemany("UPDATE objects SET released = ? WHERE key = ?", changes)

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            await asyncio.to_thread(self._commit, [write for write, _ in batch])
        except Exception as error:
            for _, written in batch:
                written.set_exception(error)
        else:
            for _, written in batch:
                written.set_result(None)

    def _commit(self, writes: list["_Write"]) -> None:
        with self._writer:
            for write in writes:
                for sql in write.statements:
                    self._writer.execute(sql, write.values)


@dataclass(frozen=True, slots=True)
class _Write:
    """Statements over the same values, in one commit with whatever else waits."""

    statements: tuple[str, ...]
    values: dict[str, Value]


def _connect(path: Path) -> sqlite3.Connection:
    # Each connection is used by one thread at a time: the loop's, the holder of the lock, the searcher's.
    return sqlite3.connect(path, timeout=30, check_same_thread=False)


def _opened(path: Path) -> sqlite3.Connection:
    try:
        connection = _connect(path)
    except sqlite3.OperationalError as error:
        raise OSError(errno.EIO, f"the catalog cannot be opened ({error})", str(path)) from error
    try:
        _prepare(connection)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(errno.EIO, f"the catalog cannot be written ({error})", str(path)) from error
        if isinstance(error, sqlite3.DatabaseError):
            cure = "move it away and start once with --rescan"
            raise StrangeCatalog(f"{path} is no catalog ({error}); {cure}") from error
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # in WAL, less than FULL may lose commits at a power cut
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, SCHEMA_VERSION):
        raise StrangeCatalog(
            f"this catalog has schema {version}, and this version of imap-bulk reads {SCHEMA_VERSION}; "
            "move the catalog away and start once with --rescan"
        )
    with connection:
        for sql in SCHEMA:
            connection.execute(sql)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _parsed(name: str, key: str) -> FileName:
    try:
        return filenames.parse(name, legacy=True)._replace(key=key)
    except BadName:  # a kernel that the service of 2024 took by its suffix
        return FileName(name, Kind.SPICE, key, name.rpartition(".")[2])
