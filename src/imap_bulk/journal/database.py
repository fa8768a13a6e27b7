"""The journal's file, open. Damage is found only where it is read: a file that is damaged is set aside then."""

import errno
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self, TypeVar

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class DamagedJournal(OSError):
    """A file that is no longer what SQLite has written; whoever opens the journal next begins a new one."""


class ClosedJournal(sqlite3.OperationalError, OSError):
    """A file that cannot be read now: locked by a stopped process, say. Who must read it cannot go on."""

    def __str__(self) -> str:
        return str(self.strerror)


class Database(sqlite3.Connection):
    """A connection to the journal; what its cursors do may raise DamagedJournal, ClosedJournal."""

    def __init__(self, place: str, timeout: float) -> None:
        """Open a file, or ":memory:"; wait for others who write, `timeout` in seconds."""
        # Transactions are explicit, so that reading never holds a lock; the default rollback journal, unlike
        # WAL, works on NFS.
        super().__init__(place, timeout=timeout, isolation_level=None)
        self._path = Path(place)

    def execute(self, *statement: Any) -> "_Cursor":
        """See `sqlite3.Connection`."""
        return self.cursor(_Cursor).execute(*statement)

    def executemany(self, *statement: Any) -> "_Cursor":
        """See `sqlite3.Connection`."""
        return self.cursor(_Cursor).executemany(*statement)

    def judge(self, error: sqlite3.DatabaseError) -> Exception:
        """Return what to raise for an error; of a damaged file, once that is set aside."""
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return ClosedJournal(errno.EBUSY, str(error), str(self._path))
        if type(error) is not sqlite3.DatabaseError:  # a subclass means a full disk, or a mistake here
            return error
        aside = self._path.with_suffix(".broken")
        with suppress(OSError):  # another process was quicker, or nothing may be changed there
            self._path.replace(aside)
            _LOG.warning("%s was damaged (%s): it is set aside as %s", self._path, error, aside.name)
        return DamagedJournal(errno.EIO, f"the journal is damaged ({error})", str(self._path))


class _Cursor(sqlite3.Cursor):
    connection: Database

    def execute(self, *statement: Any) -> Self:
        return self._judged(super().execute, *statement)

    def executemany(self, *statement: Any) -> Self:
        return self._judged(super().executemany, *statement)

    def fetchone(self) -> Any:
        return self._judged(super().fetchone)

    def fetchall(self) -> list[Any]:
        return self._judged(super().fetchall)

    def __next__(self) -> Any:
        return self._judged(super().__next__)

    def _judged(self, work: Callable[..., T], *args: Any) -> T:
        try:
            return work(*args)
        except sqlite3.DatabaseError as error:
            raise self.connection.judge(error) from error
