"""What AuroraX keeps, in one SQLite file: sources, what was uploaded for them, and the search requests.

Of the sample's ephemeris and products nothing is kept but what was deleted of them; all else is computed. Times
are Unix time, records' in whole seconds.
"""
# ruff: noqa: S608 - statements are built from the constants here; every value goes through a placeholder

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from imap_bulk.errors import PermanentError
from imap_bulk.server.aurorax import sample
from imap_bulk.server.aurorax.sources import Source

SCHEMA_VERSION = 1

Answer = TypeVar("Answer")

_OWN = ("identifier", "program", "platform", "instrument_type", "source_type", "display_name", "owner")
_SOURCE = f"{', '.join(_OWN)}, more, sampled"
_SCHEMA = (
    """CREATE TABLE source (identifier INTEGER PRIMARY KEY, program TEXT NOT NULL, platform TEXT NOT NULL,
       instrument_type TEXT NOT NULL, source_type TEXT NOT NULL, display_name TEXT NOT NULL, owner TEXT,
       more TEXT NOT NULL, sampled INTEGER NOT NULL, UNIQUE (program, platform, instrument_type))""",
    """CREATE TABLE ephemeris (source INTEGER NOT NULL, epoch INTEGER NOT NULL, record TEXT NOT NULL,
       PRIMARY KEY (source, epoch)) WITHOUT ROWID""",
    """CREATE TABLE product (source INTEGER NOT NULL, url TEXT NOT NULL, start INTEGER NOT NULL,
       "end" INTEGER NOT NULL, type TEXT NOT NULL, metadata TEXT NOT NULL, PRIMARY KEY (source, url))""",
    "CREATE INDEX product_by_start ON product (source, start, url)",
    """CREATE TABLE erased_ephemeris (source INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL)""",
    "CREATE INDEX erased_by_source ON erased_ephemeris (source, start)",
    """CREATE TABLE erased_product (source INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (source, path))""",
    """CREATE TABLE request (id TEXT PRIMARY KEY, kind TEXT NOT NULL, query TEXT NOT NULL, base TEXT NOT NULL,
       account TEXT, address TEXT NOT NULL, requested REAL NOT NULL, completed REAL, count INTEGER, size INTEGER,
       deleted REAL, failed INTEGER NOT NULL, logs TEXT NOT NULL)""",
    "CREATE INDEX request_by_completion ON request (completed) WHERE deleted IS NULL",
)
_MORE = ("maintainers", "metadata", "ephemeris_metadata_schema", "data_product_metadata_schema")

_FREE_IDENTIFIER = "SELECT max(0, coalesce(max(identifier), 0)) + 1 FROM source"

Change = tuple[str, Sequence[Any]]
"""A statement and its values."""


class StrangeCatalog(PermanentError):
    """The file is a catalog of another version."""


class Catalog:
    """The open catalog. Single looks happen on the event loop; long ones and all writes in threads (WAL)."""

    def __init__(self, path: Path, *, sampled: bool = True) -> None:
        self._path = path
        self._writer = _connect(path)
        self._lock = threading.Lock()
        self._is_closed = False
        try:
            _prepare(self._writer, sampled=sampled)
        except BaseException:
            self._writer.close()
            raise
        self._reader = _connect(path)

    def close(self) -> None:
        """Close the file, once whoever writes is through: a request may be gone before what it has written is."""
        self._reader.close()
        with self._lock:
            self._is_closed = True
            self._writer.close()

    def ask(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of a short look, microseconds, fit for the event loop."""
        return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection to whoever reads long, in one thread."""
        with closing(_connect(self._path)) as connection:
            yield connection

    async def write(self, *changes: Change) -> int:
        """Make changes in one commit; return how many rows the last one has met. Raises sqlite3.IntegrityError."""
        return await self.alter(lambda connection: _made(connection, changes))

    async def alter(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Have `work` write in a thread, in one commit."""
        return await asyncio.shield(asyncio.ensure_future(asyncio.to_thread(self._alter, work)))

    def _alter(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._lock:
            if self._is_closed:  # a connection that is closed while it is used ends the process
                raise sqlite3.ProgrammingError("the catalog is closed")
            with self._writer:
                return work(self._writer)

    def sources(self, connection: sqlite3.Connection | None = None) -> list[Source]:
        """Return all sources by identifier, some dozens; in a thread over its own connection."""
        rows = (connection or self._reader).execute(f"SELECT {_SOURCE} FROM source ORDER BY identifier").fetchall()
        return [_source(row) for row in rows]

    def source(self, identifier: int) -> Source | None:
        """Look up one source."""
        rows = self.ask(f"SELECT {_SOURCE} FROM source WHERE identifier = ?", identifier)
        return _source(rows[0]) if rows else None

    async def add(self, make: Callable[[int], Source]) -> Source:
        """Write, and return, what `make` makes of an identifier that no source has.

        Raises sqlite3.IntegrityError if the source's identifier or its triple is taken.
        """

        def work(connection: sqlite3.Connection) -> Source:  # one by one, so that no two get the same
            (free,) = connection.execute(_FREE_IDENTIFIER).fetchone()
            source = make(free)
            connection.execute(*_added(source))
            return source

        return await self.alter(work)

    async def replace(self, source: Source) -> None:
        """Write a source in place of the one of its identifier. Raises sqlite3.IntegrityError."""
        await self.write(("DELETE FROM source WHERE identifier = ?", [source.identifier]), _added(source))

    async def remove(self, identifier: int) -> None:
        """Drop a source that has no data."""
        await self.write(("DELETE FROM source WHERE identifier = ?", [identifier]))

    def has_uploads(self, identifier: int) -> bool:
        """Tell whether anything was uploaded for a source."""
        return any(
            self.ask(f"SELECT EXISTS (SELECT 1 FROM {table} WHERE source = ?)", identifier)[0][0]
            for table in ("ephemeris", "product")
        )


def _made(connection: sqlite3.Connection, changes: Sequence[Change]) -> int:
    return [connection.execute(*change).rowcount for change in changes][-1]


def _added(source: Source) -> Change:
    more = json.dumps({name: getattr(source, name) for name in _MORE})
    own = (source.identifier, *source.triple, source.source_type, source.display_name, source.owner)
    return f"INSERT INTO source ({_SOURCE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [*own, more, source.sampled]


def _source(row: Sequence[Any]) -> Source:
    *own, more, sampled = row
    known: dict[str, Any] = dict(zip(_OWN, own, strict=True)) | json.loads(more)
    for name in ("maintainers", "ephemeris_metadata_schema", "data_product_metadata_schema"):
        known[name] = tuple(known[name])
    return Source(**known, sampled=bool(sampled))


def _connect(path: Path) -> sqlite3.Connection:
    # Each connection is used by one thread at a time: the loop's, the holder of the lock, the searcher's.
    connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
    connection.execute(
        "PRAGMA synchronous = NORMAL"
    )  # a power cut may cost the last commits: nobody was promised more
    return connection


def _prepare(connection: sqlite3.Connection, *, sampled: bool) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == SCHEMA_VERSION:
        return
    if version:
        raise StrangeCatalog(
            f"this AuroraX catalog has schema {version}, and this version of imap-bulk reads {SCHEMA_VERSION}; "
            "move its file away and start again"
        )
    with connection:
        connection.execute("BEGIN")  # or each table would be a commit of its own
        for sql in _SCHEMA:
            connection.execute(sql)
        for source in sample.sources() if sampled else ():
            connection.execute(*_added(source))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
