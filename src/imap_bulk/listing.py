"""Listing: files as people and manifests list them, in their order, on disk when they are many.

Whatever is listed is checked as a whole before any of it moves, so that all of it must be kept for a while; a
million files in memory would be a gigabyte.
"""

import errno
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

_SCHEMA = """
CREATE TABLE listed (
    number INTEGER PRIMARY KEY, source INTEGER, line INTEGER, written TEXT, key TEXT, place BLOB, size INTEGER,
    digest TEXT
)
"""
_ADD = """
INSERT INTO listed (source, line, written, key, place, size, digest)
VALUES (?, nullif(?, 0), ?, ?, nullif(?, ''), nullif(?, -1), nullif(?, ''))
"""
_ALL = "SELECT source, line, written, key, place, size, digest FROM listed ORDER BY number"
_REMOTE = "SELECT key, size, digest FROM listed ORDER BY number"
_REPEATED = """
SELECT number, source, line, written, key, place, size, digest FROM listed
WHERE key IN (SELECT key FROM listed GROUP BY key HAVING count(*) > 1) ORDER BY key, number
"""


class Listed(NamedTuple):
    """One file of a listing: plain values, for a million of them pass through here."""

    source: int
    """Which of the sources lists it, counting from 0."""
    line: int | None
    """Where in that source; None if that has no lines."""
    written: str
    """What is written there."""
    key: str
    place: bytes | None = None
    """Path of the file on this machine, as the file system spells it; None for one of the archive."""
    size: int | None = None
    """Bytes."""
    digest: str | None = None


class Listing:
    """Files in the order in which they were added. Its methods raise OSError where the disk has no room."""

    def __init__(self) -> None:
        self._database = _connect()
        self._database.execute(_SCHEMA)
        self._database.execute("BEGIN")

    def __del__(self) -> None:
        self._database.close()

    def add(self, files: Iterable[Listed]) -> None:
        """Put files at the end."""
        # No None: sqlite3 looks for an adapter of each one, which took a third of the time of all this.
        rows = (
            (source, line or 0, written, key, place or "", -1 if size is None else size, digest or "")
            for source, line, written, key, place, size, digest in files
        )
        _room(self._database, _ADD, rows)

    def repeated(self) -> Iterator[list[tuple[int, Listed]]]:
        """Yield all files of each key that is listed more than once, with their numbers, in order."""
        rows = self._database.execute(_REPEATED)
        numbered = ((number, Listed(*file)) for number, *file in rows)
        for _, group in groupby(numbered, lambda file: file[1].key):
            yield list(group)

    def merge(self, merged: Iterable[tuple[int, Listed]], dropped: Iterable[tuple[int]]) -> None:
        """Give the files of some numbers the sizes and digests of others, and drop those others."""
        told = ((file.size, file.digest, number) for number, file in merged)
        _room(self._database, "UPDATE listed SET size = ?, digest = ? WHERE number = ?", told)
        _room(self._database, "DELETE FROM listed WHERE number = ?", dropped)

    def remote(self) -> Iterator[tuple[str, int | None, str | None]]:
        """Yield of each file what an archive knows of it: key, size in bytes, digest."""
        yield from self._database.execute(_REMOTE)  # a generator, as below

    def __iter__(self) -> Iterator[Listed]:
        yield from map(Listed._make, self._database.execute(_ALL))  # a generator keeps the listing alive


class Seen:
    """A set of texts that only grows, on disk when it is large."""

    def __init__(self) -> None:
        self._database = _connect()
        self._database.execute("CREATE TABLE seen (text TEXT PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def __del__(self) -> None:
        self._database.close()

    def add(self, text: str) -> bool:
        """Put a text in; False if it is in already. Raises OSError where the disk has no room."""
        try:
            return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (text,)).rowcount == 1
        except sqlite3.OperationalError as error:
            raise _no_room(error) from error


def _connect() -> sqlite3.Connection:
    # The empty name is a file of SQLite's own, made when memory for a few pages no longer does, and unlinked.
    # Transactions are explicit, and nothing is ever rolled back.
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    return database


def _room(database: sqlite3.Connection, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
    try:
        database.executemany(statement, rows)
    except sqlite3.OperationalError as error:
        raise _no_room(error) from error


def _no_room(error: sqlite3.OperationalError) -> OSError:
    import tempfile  # with all that it imports, a fortieth of the command line's start

    return OSError(errno.ENOSPC, f"the list of files cannot be kept ({error})", tempfile.gettempdir())
