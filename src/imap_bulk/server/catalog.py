"""What is archived, in one SQLite file: the rows that `/query` searches and the facts that storage serves.

A row's names are those of `filenames.FileName`; `ingested` is Unix time in whole seconds, dates are
`YYYYMMDD`, coverage is TDB seconds past J2000. Millions of rows are meant to fit: every search is one
statement over an index, and its rows are streamed.
"""
# ruff: noqa: S608 - statements are built from the constants below alone; every value goes through a placeholder

import asyncio
import calendar
import re
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from imap_bulk.filenames import FileName, Kind

Value = str | int | float | None

_COLUMNS = {
    "key": "TEXT PRIMARY KEY",
    "name": "TEXT NOT NULL",
    "kind": "TEXT NOT NULL",
    "instrument": "TEXT",
    "data_level": "TEXT",
    "descriptor": "TEXT",
    "start_date": "TEXT",
    "end_date": "TEXT",
    "repointing": "INTEGER",
    "cr": "INTEGER",
    "version": "TEXT",
    "major": "INTEGER",
    "minor": "INTEGER",
    "extension": "TEXT",
    "spice_type": "TEXT",
    "file_root": "TEXT",
    "covered_from": "REAL",
    "covered_to": "REAL",
    "size": "INTEGER NOT NULL",
    "md5": "TEXT NOT NULL",
    "sha256": "TEXT NOT NULL",
    "ingested": "INTEGER NOT NULL",
}

_SERIES = "instrument, data_level, descriptor, start_date, repointing"
"""Science files that share these are versions of one another; as the SDC has it, `cr` is not among them."""

_TYPED_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())
_SCHEMA = (
    f"CREATE TABLE IF NOT EXISTS objects ({_TYPED_COLUMNS}) WITHOUT ROWID",
    f"CREATE INDEX IF NOT EXISTS by_series ON objects (kind, {_SERIES}, major, minor)",
    "CREATE INDEX IF NOT EXISTS by_start ON objects (kind, start_date)",
    "CREATE INDEX IF NOT EXISTS by_ingestion ON objects (kind, ingested)",
    "CREATE INDEX IF NOT EXISTS by_name ON objects (name)",
    "CREATE INDEX IF NOT EXISTS by_root ON objects (file_root, minor) WHERE file_root IS NOT NULL",
)
_SCHEMA_VERSION = 1

_J2000 = calendar.timegm((2000, 1, 1, 12, 0, 0))
_TDB_MINUS_UTC = 69.184  # 32.184 s of TT against TAI, and the 37 leap seconds in force since 2017


class Versions(StrEnum):
    """Which of several versions a search answers with."""

    ALL = "all"
    NEWEST = "newest"
    LATEST_MAJOR = "latest major"
    NEWEST_KERNEL = "newest kernel"


@dataclass(frozen=True, slots=True)
class Condition:
    """`column` `operator` `value`; all conditions of a search must hold."""

    column: str
    operator: str
    value: Value

    def __post_init__(self) -> None:
        assert self.column in _COLUMNS
        assert self.operator in {"=", ">=", "<=", "<", "<>"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What storage knows of the bytes at a key."""

    size: int
    md5: str
    sha256: str
    ingested: int


@dataclass(frozen=True, slots=True)
class Search:
    """Which rows are wanted: of one kind, under all of the conditions, in some of their versions."""

    kind: Kind
    conditions: tuple[Condition, ...] = ()
    versions: Versions = Versions.ALL

    def statement(self) -> tuple[str, list[Value]]:
        """Return the SQL, ordered by key, with the values for its placeholders."""
        where = " AND ".join(("kind = ?", *(f"{each.column} {each.operator} ?" for each in self.conditions)))
        rows = f"SELECT * FROM objects WHERE {where}"
        values: list[Value] = [self.kind.value, *(each.value for each in self.conditions)]
        if self.versions is Versions.ALL:
            return f"{rows} ORDER BY key", values
        if self.versions is Versions.NEWEST_KERNEL:
            newest = "(SELECT max(minor) FROM objects AS o WHERE o.file_root = objects.file_root)"
            return f"{rows} AND minor = {newest} ORDER BY key", values
        # NULL sorts lowest in SQLite: a version without a major (vNNN) is older than any that has one.
        # Rows of equal rank all stay, as with the SDC: a .cdf beside a .pkts, or two Carrington rotations.
        order = "major DESC" if self.versions is Versions.LATEST_MAJOR else "major DESC, minor DESC, version DESC"
        place = f"rank() OVER (PARTITION BY {_SERIES} ORDER BY {order}) AS place"
        ranked = f"SELECT *, {place} FROM objects WHERE {where}"
        return f"SELECT {', '.join(_COLUMNS)} FROM ({ranked}) WHERE place = 1 ORDER BY key", values


class Catalog:
    """The open catalog. `find` and `search` read while `add` writes; neither waits for the other (WAL)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = _connect(path)
        _prepare(self._writer)
        self._reader = _connect(path)
        self._waiting: list[tuple[dict[str, Value], asyncio.Future[None]]] = []
        self._writing = asyncio.Lock()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()

    def find(self, key: str) -> StoredObject | None:
        """Look up one object: microseconds, fit for the event loop."""
        row = self._reader.execute(
            "SELECT size, md5, sha256, ingested FROM objects WHERE key = ?", (key,)
        ).fetchone()
        return row and StoredObject(*row)

    def search(self, search: Search) -> Generator[dict[str, Any], None, None]:
        """Yield the rows that match, ordered by key, over a connection of its own; consume it in one thread."""
        with closing(_connect(self._path)) as connection:
            for row in connection.execute(*search.statement()):
                yield dict(zip(_COLUMNS, row, strict=True))

    async def add(self, file: FileName, stored: StoredObject) -> None:
        """Write a row, replacing one of the same key; returns when it is on disk."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((_row(file, stored), written))
        # Whoever gets the lock commits all that came meanwhile: one fsync for many small uploads.
        async with self._writing:
            if not written.done():
                await self._write_waiting()
        await written

    async def _write_waiting(self) -> None:
        batch, self._waiting = self._waiting, []
        try:
            await asyncio.to_thread(self._insert, [row for row, _ in batch])
        except Exception as error:
            for _, written in batch:
                written.set_exception(error)
        else:
            for _, written in batch:
                written.set_result(None)

    def _insert(self, rows: list[dict[str, Value]]) -> None:
        names = ", ".join(f":{name}" for name in _COLUMNS)
        with self._writer:
            self._writer.executemany(f"INSERT OR REPLACE INTO objects VALUES ({names})", rows)


def _connect(path: Path) -> sqlite3.Connection:
    # Each connection is used by one thread at a time: the loop's, the holder of the lock, the searcher's.
    return sqlite3.connect(path, timeout=30, check_same_thread=False)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # in WAL, less than FULL may lose commits at a power cut
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, _SCHEMA_VERSION):
        connection.close()
        raise ValueError(f"this catalog has schema {version}; this version of imap-bulk reads {_SCHEMA_VERSION}")
    with connection:
        for sql in _SCHEMA:
            connection.execute(sql)
        connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")


def _row(file: FileName, stored: StoredObject) -> dict[str, Value]:
    spice = file.kind is Kind.SPICE
    covered_from, covered_to = _coverage(file) if spice else (None, None)
    return {
        "key": file.key,
        "name": file.name,
        "kind": file.kind.value,
        "instrument": file.instrument,
        "data_level": file.data_level,
        "descriptor": file.descriptor,
        "start_date": file.start_date,
        "end_date": file.end_date,
        "repointing": file.repointing,
        "cr": file.cr,
        "version": file.version,
        "major": file.major,
        "minor": _kernel_version(file) if spice else file.minor,
        "extension": file.extension,
        "spice_type": file.spice_type,
        "file_root": _file_root(file) if spice else None,
        "covered_from": covered_from,
        "covered_to": covered_to,
        "size": stored.size,
        "md5": stored.md5,
        "sha256": stored.sha256,
        "ingested": stored.ingested,
    }


def _kernel_version(file: FileName) -> int | None:
    # SQLite's integers end at 19 digits; a name may go on.
    return int(file.version) if file.version and len(file.version) <= 18 else None


def _file_root(file: FileName) -> str:
    """Return a kernel's name without its version, as the SDC's `file_root` has it."""
    if not file.version:
        return file.name
    stem, dot, suffix = file.name.partition(".")
    return re.sub(r"\d+$", "", stem) + dot + suffix


def _coverage(file: FileName) -> tuple[float | None, float | None]:
    """Return the days in a kernel's name as TDB seconds past J2000, the last second of the last day included."""
    begin = _seconds_past_j2000(file.start_date, "000000")
    end = _seconds_past_j2000(file.end_date, "235959")
    return begin, end


def _seconds_past_j2000(date: str | None, clock: str) -> float | None:
    if date is None:
        return None
    return calendar.timegm(time.strptime(date + clock, "%Y%m%d%H%M%S")) - _J2000 + _TDB_MINUS_UTC


def unix_from_j2000(seconds: float) -> float:
    """Return Unix time for TDB seconds past J2000."""
    return seconds + _J2000 - _TDB_MINUS_UTC
