"""The journal: the plan of this run, and what has been moved, in SQLite beside the files.

A cache, never the truth: deleting it costs time, not correctness. What it vouches for is what this tool
verified itself and whose size and time on disk have not changed since. The plan lives in a temporary table,
private to the run and on disk when it grows, so that a million files cost no memory; a killed run is simply
run again.
"""

import errno
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from imap_bulk.digest import Digest
from imap_bulk.model import Direction, Outcome, Proof, Status, Transfer

DIRECTORY = ".imap-bulk"
"""Name of the journal's directory inside the data directory; no object key begins with a dot."""

_SCHEMA_VERSION = 1
_SCHEMA = f"""
BEGIN;
CREATE TABLE moved (
    direction TEXT NOT NULL, archive TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest TEXT, verified_by TEXT, at REAL NOT NULL,
    PRIMARY KEY (direction, archive, key)
) WITHOUT ROWID;
PRAGMA user_version = {_SCHEMA_VERSION};
COMMIT;
"""
_ACCEPTED = """
CREATE TABLE IF NOT EXISTS accepted (
    archive TEXT NOT NULL, place TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (archive, place, key)
) WITHOUT ROWID
"""
_LAST_ACCEPTED = """
SELECT key, digest FROM accepted WHERE archive = ? AND place = ? AND key IN (SELECT value FROM json_each(?))
"""
_PLAN = """
CREATE TEMP TABLE plan (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, path TEXT, size INTEGER, digest TEXT, source TEXT,
    todo INTEGER DEFAULT 1
)
"""
_ADDED = """
SELECT plan.number, plan.key, moved.path, moved.size, mtime_ns, moved.digest, verified_by FROM plan LEFT JOIN moved
ON direction = ? AND archive = ? AND moved.key = plan.key WHERE number > ? ORDER BY number
"""
_NEXT_RECORDS = """
SELECT key, path, size, mtime_ns, digest, verified_by, max(at) FROM moved WHERE direction = ? AND key > ?
GROUP BY key ORDER BY key LIMIT ?
"""
_ADD = "INSERT OR IGNORE INTO plan (key, path, size, digest, source) VALUES (?, ?, ?, ?, ?)"
_NEXT_TODO = """
SELECT number, key, path, size, digest, source FROM plan WHERE todo AND number > ? ORDER BY number LIMIT ?
"""
_BATCH = 500
_LONGEST_UNWRITTEN = 1.0  # seconds of work whose record a kill may cost


class Record(NamedTuple):
    """What is known of a file that was moved earlier: plain values, for a second run may read a million."""

    key: str
    path: str
    """Absolute."""
    size: int
    mtime_ns: int
    digest: Digest | None
    verified_by: Proof | None

    def is_unchanged(self) -> bool:
        """Tell whether the file on disk still has the size and time it was recorded with."""
        try:
            status = os.stat(self.path)  # noqa: PTH116  making a Path takes longer than asking for it
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)


class Journal:
    """What has been moved between one archive and one data directory, one way. A context manager."""

    def __init__(self, data_dir: Path, archive: str, direction: Direction, *, create: bool = True) -> None:
        """Open the journal, or `create` it; where that is impossible, remember for this run only."""
        self._root = data_dir.absolute()
        self._prefix = f"{self._root}{os.sep}"
        self._planned = 0
        self._archive = archive
        self._direction = direction
        self._database = _open(data_dir, create)
        self._unwritten: list[tuple[object, ...]] = []
        self._written_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._database.close()

    def add(self, transfers: Iterable[Transfer]) -> list[tuple[Transfer, Record | None]]:
        """Put transfers into the plan, but no key twice. Raises OSError.

        Returns those that are new in it, in order, each with the record of an earlier run that makes it
        needless, if there is one. Meant for some hundreds at once.
        """
        by_key: dict[str, Transfer] = {}
        for transfer in transfers:
            by_key.setdefault(transfer.key, transfer)
        self._change_plan(_ADD, map(_row_of, by_key.values()))
        added: list[tuple[Transfer, Record | None]] = []
        for number, *row in self._database.execute(_ADDED, (self._direction, self._archive, self._planned)):
            self._planned = number
            transfer = by_key[row[0]]
            added.append((transfer, None if row[1] is None else self._voucher(row, transfer)))
        return added

    def take_out(self, transfers: Iterable[Transfer]) -> None:
        """Note that these transfers of the plan are not to be done. Raises OSError."""
        self._change_plan("UPDATE plan SET todo = 0 WHERE key = ?", ((transfer.key,) for transfer in transfers))

    def _change_plan(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            self._database.execute("BEGIN")
            with self._database:  # commits, or takes all of it back
                self._database.executemany(statement, rows)
        except sqlite3.OperationalError as error:  # the plan's temporary file has no room
            raise OSError(errno.ENOSPC, f"the plan cannot be kept ({error})", tempfile.gettempdir()) from error

    def _voucher(self, row: list[Any], transfer: Transfer) -> Record | None:
        """Read a record, if it says that just this file is there."""
        record = self._record_of(row)
        if transfer.size not in (None, record.size) or record.path != _absolute(transfer.path):
            return None
        return record if record.is_unchanged() else None

    def totals(self) -> tuple[int, int, int]:
        """Count what is to do: files, the sum of known sizes in bytes, files of unknown size."""
        files, known, unsized = self._database.execute(
            "SELECT count(*), total(size), count(*) - count(size) FROM plan WHERE todo"
        ).fetchone()
        return files, int(known), unsized

    def todo(self) -> Iterator[Transfer]:
        """Yield what the plan still asks for, in its order, reading ahead no more than a batch."""
        last = 0
        while rows := self._database.execute(_NEXT_TODO, (last, _BATCH)).fetchall():
            last = rows[-1][0]
            for _, key, path, size, text, source in rows:
                digest = Digest.parse(text) if text else None
                yield Transfer(self._direction, key, Path(path), size, digest, source)

    def records(self) -> Iterator[Record]:
        """Yield everything recorded in this direction, whatever the archive, each key once, newest record."""
        last = ""
        while rows := self._database.execute(_NEXT_RECORDS, (self._direction, last, _BATCH)).fetchall():
            last = rows[-1][0]
            for row in rows:
                yield self._record_of(row[:-1])

    def write(self, outcome: Outcome) -> None:
        """Remember a transfer that succeeded; rows are committed in batches."""
        if outcome.status not in (Status.DONE, Status.SKIPPED):
            return
        transfer = outcome.transfer
        try:
            status = transfer.path.stat()
        except OSError:  # gone again: nothing to vouch for
            return
        # Relative where it can be, so that a data directory can be moved; pathlib takes ten times as long.
        path = _absolute(transfer.path).removeprefix(self._prefix)
        digest = str(outcome.digest) if outcome.digest else None
        row = (transfer.key, path, status.st_size, status.st_mtime_ns, digest, outcome.verified_by)
        self._unwritten.append((self._direction, self._archive, *row, time.time()))
        if len(self._unwritten) >= _BATCH or time.monotonic() - self._written_at > _LONGEST_UNWRITTEN:
            self.flush()

    def flush(self) -> None:
        """Commit what has been remembered."""
        self._written_at = time.monotonic()
        rows, self._unwritten = self._unwritten, []
        self._remember("INSERT OR REPLACE INTO moved VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def _remember(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(statement, rows)
            self._database.execute("COMMIT")
        except sqlite3.OperationalError:  # locked by another process, or the disk is full: a cache may forget
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def accepted(self, place: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Return, of records of these keys, the digests of those that the archive took there last.

        Meant for some hundreds at once: one by one they would each lock the file.
        """
        rows = self._database.execute(_LAST_ACCEPTED, (self._archive, place, json.dumps(keys)))
        return dict(rows.fetchall())

    def accept(self, place: str, records: Iterable[tuple[str, bytes]]) -> None:
        """Remember records that the archive took, by key and digest."""
        rows = ((self._archive, place, key, digest) for key, digest in records)
        self._remember("INSERT OR REPLACE INTO accepted VALUES (?, ?, ?, ?)", rows)

    def forget_accepted(self, place: str, keys: Iterable[str] | None = None) -> None:
        """Forget what the archive took there, all or some of it: it was deleted since, or did not stay."""
        rows: Iterable[tuple[str, ...]] = [(self._archive, place)]
        condition = "archive = ? AND place = ?"
        if keys is not None:
            rows, condition = ((self._archive, place, key) for key in keys), f"{condition} AND key = ?"
        self._remember(f"DELETE FROM accepted WHERE {condition}", rows)  # noqa: S608  of two fixed conditions

    def _record_of(self, row: Sequence[Any]) -> Record:
        key, path, size, mtime_ns, digest, verified_by = row
        return Record(
            key,
            os.path.join(self._root, path),  # noqa: PTH118  as above
            size,
            mtime_ns,
            Digest.parse(digest) if digest else None,
            Proof(verified_by) if verified_by else None,
        )


def _absolute(path: Path) -> str:
    text = os.fspath(path)
    return text if os.path.isabs(text) else str(path.absolute())  # noqa: PTH117


def _row_of(transfer: Transfer) -> tuple[object, ...]:
    digest = str(transfer.digest) if transfer.digest else None
    return transfer.key, str(transfer.path), transfer.size, digest, transfer.source


def _open(data_dir: Path, create: bool) -> sqlite3.Connection:
    """Open the journal's file; set a broken one aside; without a place to write, use memory."""
    path = data_dir / DIRECTORY / "journal.sqlite3"
    if not create and not path.is_file():
        return _connect(":memory:")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _connect(str(path))
    except (sqlite3.OperationalError, OSError):
        return _connect(":memory:")
    except sqlite3.DatabaseError:
        path.replace(path.with_suffix(".broken"))
        return _connect(str(path))


def _connect(place: str) -> sqlite3.Connection:
    # Transactions are explicit, so that reading never holds a lock; the default rollback journal, unlike
    # WAL, works on NFS.
    database = sqlite3.connect(place, timeout=30.0, isolation_level=None)
    try:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            database.executescript(_SCHEMA)
        elif version != _SCHEMA_VERSION:
            raise sqlite3.DatabaseError(f"journal of schema version {version}")
        database.execute(_ACCEPTED)  # younger than the schema, and no reason to lay older journals aside
        database.execute(_PLAN)
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database
