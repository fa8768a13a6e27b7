"""Statements of strangers, run on the catalogue: read only, bounded in time, in memory and in what they touch."""

import re
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imap_bulk.server.lsst import dialect, sky

Row = tuple[Any, ...]

_STEPS = 20_000
"""How many steps of SQLite's machine lie between two looks at the clock: about a millisecond."""

_BATCH_ROWS = 1_000
_CELL_BYTES = 32
"""What a cell costs at least, in CPython."""

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 64 << 10,  # instr() and trim() are quadratic, and no clock is looked at meanwhile
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 256 << 10,
    sqlite3.SQLITE_LIMIT_COLUMN: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,  # so is LIKE
    sqlite3.SQLITE_LIMIT_VDBE_OP: 100_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_ALLOWED = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE}
_FORBIDDEN_FUNCTIONS = {
    "load_extension",
    "fts3_tokenizer",
    "printf",  # counts through two thousand million spaces before it finds that they are too many
    "format",
    "sqlite_compileoption_get",
    "sqlite_compileoption_used",
}


class SqlError(Exception):
    """A statement that fails, in the words of the real service: `error` names the kind, str() is its message."""

    def __init__(self, error: str, number: int, words: str) -> None:
        super().__init__(f"({number}, {words!r})")
        self.error = error


@dataclass(frozen=True, slots=True)
class Result:
    """The rows that a statement gives; `is_cut` tells that there were more than were wanted."""

    names: Sequence[str]
    rows: Sequence[Row]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs one statement at a time, each on a connection of its own."""

    paths: Mapping[str, Path] = field(repr=False)
    """Database -> its file."""

    seconds: float
    """The longest that a statement may take."""

    most_bytes: int = 256 << 20
    """About how large a result may be in memory."""

    stopped: threading.Event = field(default_factory=threading.Event, repr=False)
    """Ends all statements when it is set, as the server does when it stops."""

    def run(self, statement: str, most_rows: int | None = None) -> Result:
        """Run one statement, which blocks. Raises SqlError."""
        try:
            told = dialect.answer(statement)
            if told is not None:
                return Result(*told)
            with closing(self._connect()) as connection:
                return self._fetch(connection.execute(dialect.to_sqlite(statement)), most_rows)
        except dialect.Unknown as error:
            raise SqlError("ProgrammingError", 1146, str(error)) from None
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:  # ValueError: a NUL, half a character
            raise _translated(error, self.seconds) from None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", uri=True, cached_statements=0)
        for name, path in self.paths.items():
            connection.execute(f"ATTACH DATABASE ? AS {name}", (f"{path.as_uri()}?mode=ro",))
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cache_size = -8192")  # KiB
        sky.register(connection)
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
        end = time.monotonic() + self.seconds
        connection.set_progress_handler(lambda: self.stopped.is_set() or time.monotonic() > end, _STEPS)
        connection.set_authorizer(self._authorize)
        return connection

    def _authorize(
        self, action: int, first: str | None, second: str | None, place: str | None, _: str | None
    ) -> int:
        match action:
            case sqlite3.SQLITE_READ:
                allowed = place in self.paths or not second  # nothing of a table is read where it is only counted
            case sqlite3.SQLITE_FUNCTION:
                allowed = second not in _FORBIDDEN_FUNCTIONS
            case _:
                allowed = action in _ALLOWED
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _fetch(self, cursor: sqlite3.Cursor, most_rows: int | None) -> Result:
        if cursor.description is None:
            raise SqlError("OperationalError", 1065, "Query was empty")
        names = [column[0] for column in cursor.description]
        rows: list[Row] = []
        size = 0
        while most_rows is None or len(rows) <= most_rows:
            # Long values come one by one: a thousand of them at once would be a gigabyte.
            batch = cursor.fetchmany(1 if size > len(rows) * 4096 else _BATCH_ROWS)
            if not batch:
                return Result(names, rows)
            rows += batch
            size += sum(map(_weight, batch))
            if size > self.most_bytes:
                raise SqlError(
                    "OperationalError", 1104, "The result is larger than this server gives; ask for less"
                )
        return Result(names, rows[:most_rows], is_cut=True)


def _weight(row: Row) -> int:
    return sum(_CELL_BYTES + (len(value) if isinstance(value, str | bytes) else 0) for value in row)


def _translated(error: Exception, seconds: float) -> SqlError:
    """Say what SQLite says, as MySQL would."""
    words = str(error)
    if match := re.fullmatch(r"no such table: (.*)", words, re.DOTALL):
        return SqlError("ProgrammingError", 1146, f"Table '{match[1]}' doesn't exist")
    if match := re.fullmatch(r"no such column: (.*)", words, re.DOTALL):
        return SqlError("OperationalError", 1054, f"Unknown column '{match[1]}' in 'field list'")
    if match := re.fullmatch(r"no such function: (.*)", words, re.DOTALL):
        return SqlError("OperationalError", 1305, f"FUNCTION {match[1]} does not exist")
    if "not authorized" in words or "prohibited" in words:
        return SqlError("OperationalError", 1142, f"command denied: {words}")
    if words == "interrupted":
        return SqlError("OperationalError", 1317, f"Query execution was interrupted after {seconds:g} s")
    if "syntax error" in words or "one statement" in words or "incomplete input" in words:
        return SqlError("ProgrammingError", 1064, f"You have an error in your SQL syntax: {words}")
    return SqlError("OperationalError", 1105, words)
