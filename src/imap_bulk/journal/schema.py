"""The journal's file: its tables, those of earlier versions brought up to date, and what to do without one."""

import errno
import logging
import sqlite3
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from imap_bulk.journal.database import ClosedJournal, DamagedJournal, Database

DIRECTORY = ".imap-bulk"
"""Name of the journal's directory inside the data directory; no object key begins with a dot."""

_MOVED = """
CREATE TABLE moved (
    direction TEXT NOT NULL, archive TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, digest TEXT, verified_by TEXT, at REAL NOT NULL,
    PRIMARY KEY (direction, archive, key)
) WITHOUT ROWID
"""
_LAST_RUNS = """
CREATE {kind} TABLE run (
    direction TEXT NOT NULL, archive TEXT NOT NULL, started REAL NOT NULL, seconds REAL, wanted INTEGER,
    done INTEGER, skipped INTEGER, failed INTEGER, cancelled INTEGER,
    PRIMARY KEY (direction, archive)
) WITHOUT ROWID
"""
_FAILED = """
CREATE {kind} TABLE failed (
    direction TEXT NOT NULL, archive TEXT NOT NULL, key TEXT NOT NULL, path TEXT NOT NULL, digest TEXT,
    key_tells INTEGER NOT NULL, kind TEXT NOT NULL, passing INTEGER NOT NULL, said TEXT NOT NULL,
    PRIMARY KEY (direction, archive, key)
) WITHOUT ROWID
"""
_ACCEPTED = """
CREATE {kind} TABLE accepted (
    archive TEXT NOT NULL, place TEXT NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (archive, place, key)
) WITHOUT ROWID
"""
_MIRRORS = """
CREATE {kind} TABLE mirror (
    number INTEGER PRIMARY KEY, archive TEXT NOT NULL, filters TEXT NOT NULL, watermark TEXT,
    UNIQUE (archive, filters)
)
"""
_MIRRORED = """
CREATE {kind} TABLE mirrored (
    mirror INTEGER NOT NULL, key TEXT NOT NULL, ingested TEXT NOT NULL, PRIMARY KEY (mirror, key)
) WITHOUT ROWID
"""
_DELIVERED = """
CREATE {kind} TABLE delivered (
    place TEXT NOT NULL, archive TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
    digest TEXT, verified_by TEXT, at REAL NOT NULL,
    PRIMARY KEY (place, archive, key)
) WITHOUT ROWID
"""
_MIRROR_RUNS = "CREATE {kind} TABLE mirror_run (mirror INTEGER PRIMARY KEY, ended REAL NOT NULL)"
_SECOND = (_LAST_RUNS, _FAILED, _ACCEPTED, _MIRRORS, _MIRRORED)
_STEPS = ((_MOVED,), _SECOND, (_DELIVERED, _MIRROR_RUNS))
"""What makes each version out of the one before it; released steps stay as they are."""

_VERSION = len(_STEPS)

_LOG = logging.getLogger(__name__)

LOCK_SECONDS = 30.0
"""Longest wait for another process that writes."""


class NewerJournal(sqlite3.OperationalError):
    """A later imap-bulk has written this journal: it is left alone, and this run goes without."""


def path_of(data_dir: Path) -> Path:
    """Return where the journal of a data directory is."""
    return data_dir / DIRECTORY / "journal.sqlite3"


def open_journal(data_dir: Path, create: bool, *, is_needed: bool = False) -> sqlite3.Connection:
    """Open the journal's file, or `create` it; set a broken one aside; without a place to write, use memory.

    Raises ClosedJournal where one that is there `is_needed`, and cannot be read.
    """
    path = path_of(data_dir)
    if not create and not path.is_file():
        return _connect(":memory:")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _connect(str(path))
    except NewerJournal as error:
        if is_needed:
            raise _closed("is of a later imap-bulk: upgrade this one", path) from error
        _LOG.warning("%s is of a later imap-bulk, and nothing in it counts: upgrade this one", path)
        return _connect(":memory:")
    except DamagedJournal:
        return _connect(str(path))
    except (sqlite3.OperationalError, OSError) as error:
        if is_needed:
            raise _closed(f"cannot be read ({error})", path) from error
        return _connect(":memory:")


def _closed(said: str, path: Path) -> ClosedJournal:
    return ClosedJournal(errno.EIO, f"the journal {said}", str(path))


def _connect(place: str) -> sqlite3.Connection:
    database = Database(place, LOCK_SECONDS)
    try:
        _bring_up_to_date(database)
    except (sqlite3.OperationalError, DamagedJournal):
        database.close()
        raise
    return database


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    version = _version_of(database)
    if version > _VERSION:
        raise NewerJournal(f"journal of schema version {version}")
    if version == _VERSION:
        return
    try:
        database.execute("BEGIN IMMEDIATE")
        with database:  # commits, or takes all of it back
            for step in _STEPS[_version_of(database) :]:  # asked again: another process may have been quicker
                for statement in step:
                    database.execute(statement.format(kind=""))
            database.execute(f"PRAGMA user_version = {_VERSION}")
    except sqlite3.OperationalError:  # locked, or not to be written to: what is recorded there still counts
        if not version:
            raise
        for statement in chain.from_iterable(_STEPS[version:]):
            database.execute(statement.format(kind="TEMP"))


def _version_of(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)


def change(database: sqlite3.Connection, path: Path, *changes: tuple[str, Iterable[tuple[object, ...]]]) -> None:
    """Make changes together, none of which may be forgotten; `path` is where the journal is. Raises OSError."""
    try:
        database.execute("BEGIN")
        with database:  # commits, or takes all of it back
            for statement, rows in changes:
                database.executemany(statement, rows)
    except sqlite3.OperationalError as error:
        raise OSError(errno.EIO, f"the journal cannot be written ({error})", str(path)) from error


def try_change(database: sqlite3.Connection, *changes: tuple[str, Iterable[tuple[object, ...]]]) -> None:
    """Make changes together, if that is possible: what only spares a later run some work may be forgotten."""
    try:
        database.execute("BEGIN IMMEDIATE")
        for statement, rows in changes:
            database.executemany(statement, rows)
        database.execute("COMMIT")
    except (sqlite3.OperationalError, DamagedJournal):  # locked by another process, or the disk is full, or worse
        if database.in_transaction:
            database.execute("ROLLBACK")
