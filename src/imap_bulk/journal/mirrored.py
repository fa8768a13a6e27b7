"""What a query has brought into a data directory so far, by time of ingestion: how a mirror knows its news.

Times are the archive's own, as YYYYMMDDhhmmss, which sorts as text. What is listed in this run lies in a temporary
table, so that a million files cost no memory.
"""

import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Self

from imap_bulk.journal.schema import change, open_journal, path_of
from imap_bulk.model import Direction

_LISTED = """
CREATE TEMP TABLE listed (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, ingested TEXT NOT NULL, failed INTEGER DEFAULT 0
)
"""
_MIRROR = "SELECT number, watermark FROM mirror WHERE archive = ? AND filters = ?"
# Of a file that this mirror has never seen, the time at which another run recorded it must do.
_STALE = """
SELECT listed.key FROM listed
JOIN moved ON moved.direction = ? AND moved.archive = ? AND moved.key = listed.key
LEFT JOIN mirrored ON mirrored.mirror = ? AND mirrored.key = listed.key
WHERE listed.number > ? AND
    listed.ingested > coalesce(mirrored.ingested, strftime('%Y%m%d%H%M%S', moved.at, 'unixepoch'))
"""
_FORGET = "DELETE FROM moved WHERE direction = ? AND archive = ? AND key = ?"
_FORGET_OLDER = """
DELETE FROM moved WHERE direction = ? AND archive = ? AND key = ? AND strftime('%Y%m%d%H%M%S', at, 'unixepoch') < ?
"""
_NEW = """
SELECT key FROM listed
WHERE NOT failed AND NOT EXISTS (SELECT 1 FROM mirrored WHERE mirror = ? AND mirrored.key = listed.key)
"""
_CHANGED = """
SELECT listed.key, listed.ingested FROM listed JOIN mirrored ON mirror = ? AND mirrored.key = listed.key
WHERE NOT failed AND listed.ingested > mirrored.ingested ORDER BY listed.key
"""
_GONE = """
SELECT key FROM mirrored WHERE mirror = ? AND ingested >= ? AND key NOT IN (SELECT key FROM listed) ORDER BY key
"""
_LIKE = "SELECT key FROM mirrored WHERE mirror = ? AND key >= ? AND key < ?"
_LISTED_LIKE = "SELECT key FROM listed WHERE key >= ? AND key < ?"
_BEGIN = "INSERT OR IGNORE INTO mirror (archive, filters) VALUES (?, ?)"
_SETTLE = "INSERT OR REPLACE INTO mirrored SELECT ?, key, ingested FROM listed WHERE NOT failed"
_DROP_GONE = """
DELETE FROM mirrored WHERE mirror = ? AND ingested >= ? AND key NOT IN (SELECT key FROM listed)
"""
_ENDED = "INSERT OR REPLACE INTO mirror_run VALUES (?, ?)"
_IS_KEPT = """
SELECT count(*) FROM pragma_database_list, main.sqlite_master AS made WHERE file <> '' AND made.name = 'mirror'
"""
_ADVANCE = "UPDATE mirror SET watermark = max(coalesce(watermark, ''), ?) WHERE number = ?"

_LAST = "\U0010ffff"


def forget_older(data_dir: Path, archive: str, listed: Iterable[tuple[str, str]]) -> None:
    """Have the journal vouch no longer for what was archived after it came, by key and time. Raises OSError."""
    rows = ((Direction.PULL, archive, key, ingested) for key, ingested in listed)
    with closing(open_journal(data_dir, create=False)) as database:
        change(database, path_of(data_dir), (_FORGET_OLDER, rows))


class Mirrored:
    """What came of one query to one archive, and what that lists now. A context manager."""

    def __init__(self, data_dir: Path, archive: str, filters: str, *, create: bool = True) -> None:
        """Open the journal, or `create` it; where that is impossible, nothing is known of earlier runs."""
        self._path = path_of(data_dir)
        self._archive = archive
        self._filters = filters
        self._noted = 0
        self._database = open_journal(data_dir, create)
        self._database.execute(_LISTED)
        (kept,) = self._database.execute(_IS_KEPT).fetchone()
        self.is_kept = bool(kept)
        """Whether the next run will know of this one."""
        self._read()

    def _read(self) -> None:
        known = self._database.execute(_MIRROR, (self._archive, self._filters)).fetchone()
        self._number: int | None = known and known[0]
        self.watermark: str | None = known and known[1]
        """The time of ingestion up to which everything is here; None before a run was complete."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @property
    def has_begun(self) -> bool:
        """Whether there was a run before this one."""
        return self._number is not None

    def note(self, listed: Iterable[tuple[str, str]]) -> list[str]:
        """Note what is listed, by key and time; return what was archived again since it came. Raises OSError."""
        self._change(("INSERT OR IGNORE INTO listed (key, ingested) VALUES (?, ?)", listed))
        asked = (Direction.PULL, self._archive, self._number, self._noted)
        stale = [key for (key,) in self._database.execute(_STALE, asked)]
        (self._noted,) = self._database.execute("SELECT coalesce(max(number), 0) FROM listed").fetchone()
        return stale

    def forget(self, keys: Iterable[str]) -> None:
        """Have the journal vouch for these no longer, so that they are compared or fetched. Raises OSError."""
        self._change((_FORGET, [(Direction.PULL, self._archive, key) for key in keys]))

    def fail(self, key: str) -> None:
        """Note that a listed file did not come. Raises OSError."""
        self._change(("UPDATE listed SET failed = 1 WHERE key = ?", [(key,)]))

    def newest_listed(self) -> str | None:
        """Return the latest time of ingestion that is listed."""
        (newest,) = self._database.execute("SELECT max(ingested) FROM listed").fetchone()
        return None if newest is None else str(newest)

    def new(self) -> list[str]:
        """Return what came for the first time."""
        return [key for (key,) in self._database.execute(_NEW, (self._number,))]

    def changed(self) -> list[tuple[str, str]]:
        """Return what was archived again, and when."""
        return self._database.execute(_CHANGED, (self._number,)).fetchall()

    def gone(self, since: str) -> list[str]:
        """Return what was archived from then on, and came, and is listed no longer."""
        return [key for (key,) in self._database.execute(_GONE, (self._number, since))]

    def known_like(self, stem: str) -> list[str]:
        """Return what has come in earlier runs and begins so."""
        return [key for (key,) in self._database.execute(_LIKE, (self._number, stem, stem + _LAST))]

    def listed_like(self, stem: str) -> list[str]:
        """Return what is listed and begins so."""
        return [key for (key,) in self._database.execute(_LISTED_LIKE, (stem, stem + _LAST))]

    def settle(self) -> None:
        """Remember what came of what is listed, and that a run ended. Raises OSError."""
        self._change((_BEGIN, [(self._archive, self._filters)]))
        self._read()
        self._change((_SETTLE, [(self._number,)]), (_ENDED, [(self._number, time.time())]))

    def advance(self, since: str, watermark: str | None) -> None:
        """After a complete run: drop what is gone, and move the watermark, never backwards. Raises OSError."""
        moved = [] if watermark is None else [(watermark, self._number)]
        self._change((_DROP_GONE, [(self._number, since)]), (_ADVANCE, moved))
        self._read()

    def _change(self, *changes: tuple[str, Iterable[tuple[object, ...]]]) -> None:
        change(self._database, self._path, *changes)
