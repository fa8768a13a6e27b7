"""What has been delivered to a bucket, and which of it the bucket still holds.

What the bucket lists now lies in a temporary table, so that a million objects cost no memory.
"""

import errno
import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from imap_bulk.digest import Digest
from imap_bulk.journal.schema import open_journal, path_of, try_change
from imap_bulk.model import Outcome, Proof, Stored

_LISTED = (
    "CREATE TEMP TABLE listed (key TEXT PRIMARY KEY, size INTEGER NOT NULL, etag TEXT NOT NULL) WITHOUT ROWID"
)
_ADD_LISTED = "INSERT OR REPLACE INTO listed VALUES (?, ?, ?)"
_ADD = "INSERT OR REPLACE INTO delivered VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ANY = "SELECT 1 FROM delivered WHERE place = ? AND archive = ? LIMIT 1"
_STILL_THERE = """
SELECT key, delivered.size, delivered.etag, digest, verified_by FROM delivered JOIN listed USING (key)
WHERE place = ? AND archive = ? AND key IN (SELECT value FROM json_each(?))
AND listed.size = delivered.size AND listed.etag = delivered.etag
"""
_BATCH = 500
_LONGEST_UNWRITTEN = 1.0  # seconds of work whose record a kill may cost


class Held(NamedTuple):
    """An object that was delivered, and is still there as it was."""

    size: int
    etag: str
    digest: Digest | None
    verified_by: Proof | None


class Delivered:
    """What came from one archive to one place, by object key. A context manager."""

    def __init__(self, data_dir: Path, archive: str, place: str, *, create: bool = True) -> None:
        """Open the journal, or `create` it; where that is impossible, remember for this run only.

        `place` tells the bucket and the prefix from all others; it is no secret.
        """
        self._path = path_of(data_dir)
        self._of = (place, archive)
        self._database = open_journal(data_dir, create)
        self._database.execute("PRAGMA temp.journal_mode = MEMORY")  # of no use to a later process
        self._database.execute(_LISTED)
        self._unwritten: list[tuple[object, ...]] = []
        self._written_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._database.close()

    def has_any(self) -> bool:
        """Tell whether anything was delivered there."""
        return self._database.execute(_ANY, self._of).fetchone() is not None

    def note(self, listed: Iterable[tuple[str, int, str]]) -> None:
        """Note what the bucket lists: keys, sizes, ETags. Raises OSError."""
        try:
            self._database.execute("BEGIN")
            with self._database:  # commits, or takes all of it back
                self._database.executemany(_ADD_LISTED, listed)
        except sqlite3.OperationalError as error:  # the temporary file has no room
            raise OSError(errno.ENOSPC, f"what is listed cannot be kept ({error})", str(self._path)) from error

    def still_there(self, keys: Sequence[str]) -> dict[str, Held]:
        """Return, of these keys, what was delivered and is listed with the same size and ETag.

        Meant for some hundreds at once.
        """
        rows = self._database.execute(_STILL_THERE, (*self._of, json.dumps(keys)))
        return {
            key: Held(size, etag, Digest.kept(digest) if digest else None, Proof(proof) if proof else None)
            for key, size, etag, digest, proof in rows
        }

    def write(self, outcome: Outcome, stored: Stored) -> None:
        """Remember that a file was delivered; rows are committed in batches."""
        digest = str(outcome.digest) if outcome.digest else None
        row = (outcome.transfer.key, stored.size, stored.etag, digest, outcome.verified_by, time.time())
        self._unwritten.append((*self._of, *row))
        if len(self._unwritten) >= _BATCH or time.monotonic() - self._written_at > _LONGEST_UNWRITTEN:
            self.flush()

    def flush(self) -> None:
        """Commit what has been remembered, if that is possible: a cache may forget."""
        self._written_at = time.monotonic()
        rows, self._unwritten = self._unwritten, []
        if rows:
            try_change(self._database, (_ADD, rows))
