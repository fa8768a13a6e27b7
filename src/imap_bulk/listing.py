"""Listing: files as people and manifests list them, in their order, on disk when they are many.

Whatever is listed is checked as a whole before any of it moves, so that all of it must be kept for a while; a
million files in memory would be a gigabyte. Lines of the usual form stay as they were written, some hundreds
to a row, and are read again when they are wanted.
"""

import errno
import sqlite3
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from imap_bulk import usual
from imap_bulk.digest import Digest
from imap_bulk.model import RemoteFile

_SCHEMA = """
CREATE TABLE {name} (
    number INTEGER PRIMARY KEY, source INTEGER, line INTEGER, written TEXT, key TEXT, place BLOB, size INTEGER,
    digest TEXT
)
"""
_ADD = """
INSERT INTO {name} (source, line, written, key, place, size, digest)
VALUES (?, nullif(?, 0), ?, nullif(?, ''), nullif(?, ''), nullif(?, -1), nullif(?, ''))
"""
_ALL = "SELECT source, line, written, key, place, size, digest FROM listed ORDER BY number"
_REMOTE = "SELECT key, size, digest, written FROM listed ORDER BY number"
_REPEATED = """
SELECT number, source, line, written, key, place, size, digest FROM listed
WHERE key IN (SELECT key FROM listed GROUP BY key HAVING count(*) > 1) ORDER BY key, number
"""

_HEAPS = 64


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


class Lines(NamedTuple):
    """Lines of a listing that `usual.read` reads; `line` is the number of the first."""

    source: int
    line: int
    text: str
    names: list[str]
    """The last parts of the keys."""


class Listing:
    """Files in the order in which they were added. Its methods raise OSError where the disk has no room."""

    def __init__(self) -> None:
        self._database = _connect()
        self._database.execute(_SCHEMA.format(name="listed"))
        self._database.execute("BEGIN")
        self._names = _Names()
        self._has_lines = False

    def __del__(self) -> None:
        self._database.close()

    def add(self, files: Iterable[Listed | Lines]) -> None:
        """Put files at the end."""
        _room(self._database, _ADD.format(name="listed"), map(self._note, files))

    def _note(self, file: Listed | Lines) -> tuple[object, ...]:
        if isinstance(file, Lines):
            self._has_lines = True
            self._names.add(file.names)
            return file.source, file.line, file.text, "", "", -1, ""
        self._names.add((file.key.rpartition("/")[2],))
        return _row_of(file)

    def may_repeat(self) -> bool:
        """Tell whether a key may be listed more than once; False is sure."""
        return self._names.may_repeat()

    def take_apart(self) -> None:
        """Keep each file by itself from now on, for `repeated`."""
        if not self._has_lines:
            return
        self._database.execute(_SCHEMA.format(name="apart"))
        _room(self._database, _ADD.format(name="apart"), map(_row_of, self))
        self._database.execute("DROP TABLE listed")
        self._database.execute("ALTER TABLE apart RENAME TO listed")
        self._has_lines = False

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

    def remote(self) -> Iterator[tuple[str, int | None, str | None, str]]:
        """Yield of each file what an archive knows of it: key, size in bytes, digest, and an empty source."""
        for key, size, digest, written in self._database.execute(_REMOTE):  # a generator, as below
            if key is None:
                yield from ((key, None, digest, "") for _, key, digest in usual.read(written))
            else:
                yield key, size, digest, ""

    def __iter__(self) -> Iterator[Listed]:
        for row in self._database.execute(_ALL):  # a generator keeps the listing alive
            if row[3] is None:
                source, first, text, *_ = row
                for line, (written, key, digest) in enumerate(usual.read(text), first):
                    yield Listed(source, line, written, key, None, None, digest)
            else:
                yield Listed._make(row)


class ListedFiles:
    """The files of a listing as an archive knows them: one by one, also as a search yields them, or in rows."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def rows(self) -> Iterator[tuple[str, int | None, str | None, str]]:
        """Yield of each file its key, size in bytes, digest as that is written, and source, which is empty."""
        return self._listing.remote()

    def __iter__(self) -> Iterator[RemoteFile]:
        for key, size, digest, _ in self.rows():
            yield RemoteFile(key, size, Digest.kept(digest) if digest else None)

    async def __aiter__(self) -> AsyncIterator[RemoteFile]:
        for file in self:
            yield file


class _Names:
    """Tells whether any of many names came twice, in eight bytes of memory for each."""

    def __init__(self) -> None:
        # In many heaps, for a heap is made a set when it is looked through.
        self._heaps = [array("q") for _ in range(_HEAPS)]

    def add(self, names: Iterable[str]) -> None:
        heaps = self._heaps
        for mark in map(hash, names):
            heaps[mark % _HEAPS].append(mark)

    def may_repeat(self) -> bool:
        """Two names may have one hash, though hardly ever two of a million."""
        return any(len(set(heap)) < len(heap) for heap in self._heaps)


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


def _row_of(file: Listed) -> tuple[object, ...]:
    # No None: sqlite3 looks for an adapter of each one, which took a third of the time of all this.
    source, line, written, key, place, size, digest = file
    return source, line or 0, written, key, place or "", -1 if size is None else size, digest or ""


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
