"""What is planned, done and failed between one archive and one data directory, one way."""

import errno
import hashlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from imap_bulk.digest import Digest
from imap_bulk.errors import BulkError, TransientError
from imap_bulk.journal.database import DamagedJournal
from imap_bulk.journal.record import PROOFS, Record, Voucher, kept, text_of
from imap_bulk.journal.schema import open_journal, try_change
from imap_bulk.model import Direction, Outcome, Result, Status, Transfer, Wanted

_PLAN = """
CREATE TEMP TABLE plan (
    number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, path TEXT, size INTEGER, digest TEXT, source TEXT,
    todo INTEGER NOT NULL
)
"""
_ADDED = "SELECT key FROM plan WHERE number > ?"
_ANY_RECORD = "SELECT 1 FROM moved WHERE direction = ? AND archive = ? LIMIT 1"
_RECORDED = """
SELECT wanted.key, moved.path, size, mtime_ns, digest, verified_by FROM json_each(?) AS wanted CROSS JOIN moved
ON direction = ? AND archive = ? AND moved.key = wanted.value
"""
_NEXT_RECORDS = """
SELECT key, path, size, mtime_ns, digest, verified_by, max(at) FROM moved WHERE direction = ? AND key > ?
GROUP BY key ORDER BY key LIMIT ?
"""
# None is bound as another value: sqlite3 looks for an adapter of each one, which takes a third of an insertion.
_ADD = """
INSERT OR IGNORE INTO plan (key, path, size, digest, source, todo)
VALUES (?, ?, nullif(?, -1), nullif(?, ''), ?, ?)
"""
_TAKE_OUT = "UPDATE plan SET todo = 0 WHERE key IN (SELECT value FROM json_each(?))"
_NEXT_TODO = """
SELECT number, key, path, size, digest, source FROM plan WHERE todo AND number > ? AND number <= ?
ORDER BY number LIMIT ?
"""
_ADD_MOVED = "INSERT OR REPLACE INTO moved VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_FAILED = "INSERT OR REPLACE INTO failed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FORGET_FAILURES = "DELETE FROM failed WHERE direction = ? AND archive = ?"
_BEGIN_RUN = "INSERT OR REPLACE INTO run (direction, archive, started) VALUES (?, ?, ?)"
_SAMPLE = """
UPDATE plan SET todo = 0 WHERE number NOT IN (SELECT number FROM plan WHERE todo ORDER BY place_in(key) LIMIT ?)
"""
_END_RUN = """
UPDATE run SET seconds = ?, wanted = ?, done = ?, skipped = ?, failed = ?, cancelled = ?
WHERE direction = ? AND archive = ?
"""
_BATCH = 500
_LONGEST_UNWRITTEN = 1.0  # seconds of work whose record a kill may cost


class Journal:
    """What has been moved between one archive and one data directory, one way. A context manager."""

    def __init__(
        self, data_dir: Path, archive: str, direction: Direction, *, create: bool = True, is_needed: bool = False
    ) -> None:
        """Open the journal, or `create` it; where that is impossible, remember for this run only.

        Raises OSError where what is recorded `is_needed`, and cannot be read.
        """
        self._root = str(data_dir.absolute())
        self._spelled = f"{data_dir}{os.sep}"
        self._prefix = f"{self._root}{os.sep}"
        self._planned = 0
        self._is_silent = False
        self._archive = archive
        self._direction = direction
        self._database = open_journal(data_dir, create, is_needed=is_needed)
        self._database.execute("PRAGMA temp.journal_mode = MEMORY")  # of no use to a later process
        self._database.execute(_PLAN)
        self._moved: list[tuple[object, ...]] = []
        self._failed: list[tuple[object, ...]] = []
        self._written_at = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()
        self._database.close()

    def vouchers(self, wanted: Sequence[Wanted]) -> dict[int, Voucher]:
        """Tell what is known of those that are there as an earlier run left them, by position.

        Meant for some hundreds at once. A journal that cannot be read knows nothing, and is not asked again.
        """
        if self._is_silent:
            return {}
        try:
            return self._vouchers(wanted)
        except (sqlite3.OperationalError, DamagedJournal):  # locked by a stopped process, say
            self._is_silent = True
            return {}

    def _vouchers(self, wanted: Sequence[Wanted]) -> dict[int, Voucher]:
        if not self._database.execute(_ANY_RECORD, (self._direction, self._archive)).fetchone():
            return {}
        keys = json.dumps([each.key for each in wanted])
        known: dict[int, Voucher] = {}
        for at, told_place, size, mtime_ns, digest, proof in self._database.execute(
            _RECORDED, (keys, self._direction, self._archive)
        ).fetchall():
            _, path, wanted_size, _, _ = wanted[at]
            if wanted_size is not None and wanted_size != size:
                continue
            place = text_of(told_place)
            if self._spelled + place != path and not self._is_at(place, path):
                continue
            try:
                status = os.stat(path)  # noqa: PTH116  making a Path takes longer than asking for it
            except OSError:
                continue
            if status.st_size == size and status.st_mtime_ns == mtime_ns:
                known[at] = digest, PROOFS[proof]
        return known

    def add(self, wanted: Sequence[Wanted], needless: Container[int] = (), *, once: bool = False) -> Sequence[int]:
        """Put files into the plan, but no key twice; return the positions of those that are new. Raises OSError.

        What is `needless` by its position is not to be done. If no key comes more than `once` in all, it need not
        even be kept.
        """
        if once:
            rows = [_row_of(each) for at, each in enumerate(wanted) if at not in needless]
        else:
            rows = [_row_of(each, at not in needless) for at, each in enumerate(wanted)]
        before = self._planned
        self._planned += self._change_plan(_ADD, rows)
        if self._planned - before == len(rows):
            return range(len(wanted))
        added = {key for (key,) in self._database.execute(_ADDED, (before,))}
        first_of_key = {each.key: at for at, each in reversed(list(enumerate(wanted)))}
        return sorted(first_of_key[key] for key in added)

    def _is_at(self, place: str, path: str) -> bool:
        return os.path.join(self._root, place) == _absolute(path)  # noqa: PTH118  as above

    def take_out(self, transfers: Iterable[Transfer]) -> None:
        """Note that these transfers of the plan are not to be done. Raises OSError."""
        self._change_plan(_TAKE_OUT, [(json.dumps([transfer.key for transfer in transfers]),)])

    def _change_plan(self, statement: str, rows: Iterable[tuple[object, ...]]) -> int:
        """Return how many rows have changed."""
        try:
            self._database.execute("BEGIN")
            with self._database:  # commits, or takes all of it back
                return self._database.executemany(statement, rows).rowcount
        except sqlite3.OperationalError as error:  # the plan's temporary file has no room
            import tempfile  # with all that it imports, a fortieth of the command line's start

            raise OSError(errno.ENOSPC, f"the plan cannot be kept ({error})", tempfile.gettempdir()) from error

    @property
    def planned(self) -> int:
        """The number in the plan of what was put into it last."""
        return self._planned

    def totals(self) -> tuple[int, int, int]:
        """Count what is to do: files, the sum of known sizes in bytes, files of unknown size."""
        files, known, unsized = self._database.execute(
            "SELECT count(*), total(size), count(*) - count(size) FROM plan WHERE todo"
        ).fetchone()
        return files, int(known), unsized

    def span(self) -> tuple[str, str] | None:
        """Return the first and the last key that is to do, in the order of their characters."""
        first, last = self._database.execute("SELECT min(key), max(key) FROM plan WHERE todo").fetchone()
        return None if first is None else (first, last)

    def sample(self, count: int, seed: str) -> None:
        """Leave of the plan `count` transfers at most; the same `seed` chooses the same. Raises OSError."""
        self._database.create_function("place_in", 1, partial(_place_in_sample, seed), deterministic=True)
        self._change_plan(_SAMPLE, [(count,)])

    def todo(self, last: int = 0, upto: int = sys.maxsize) -> Iterator[Transfer]:
        """Yield what the plan still asks for, in its order, reading ahead no more than a batch.

        All of it, or only what comes after the `last` number in it and not after `upto`.
        """
        while rows := self._database.execute(_NEXT_TODO, (last, upto, _BATCH)).fetchall():
            last = rows[-1][0]
            for _, key, path, size, text, source in rows:
                digest = Digest.kept(text) if text else None
                yield Transfer(self._direction, key, Path(text_of(path)), size, digest, source)

    def records(self) -> Iterator[Record]:
        """Yield everything recorded in this direction, whatever the archive, each key once, newest record."""
        last = ""
        while rows := self._database.execute(_NEXT_RECORDS, (self._direction, last, _BATCH)).fetchall():
            last = rows[-1][0]
            for row in rows:
                yield Record.read(self._root, row[:-1])

    def begin_run(self) -> None:
        """Forget how the last run went; until `end_run`, this one counts as cut short."""
        way = (self._direction, self._archive)
        try_change(self._database, (_FORGET_FAILURES, [way]), (_BEGIN_RUN, [(*way, time.time())]))

    def end_run(self, result: Result) -> None:
        """Remember how this run went, with all that was written during it."""
        self.flush()
        counts = (result.wanted, result.done, result.skipped, result.failed, result.cancelled)
        try_change(self._database, (_END_RUN, [(result.seconds, *counts, self._direction, self._archive)]))

    def write(self, outcome: Outcome) -> None:
        """Remember how a transfer ended, unless it was cancelled; rows are committed in batches."""
        if outcome.error:
            self._failed.append((self._direction, self._archive, *_failure_of(outcome.transfer, outcome.error)))
        elif outcome.status in (Status.DONE, Status.SKIPPED):
            self._remember(outcome)
        unwritten = len(self._moved) + len(self._failed)
        if unwritten >= _BATCH or time.monotonic() - self._written_at > _LONGEST_UNWRITTEN:
            self.flush()

    def _remember(self, outcome: Outcome) -> None:
        transfer = outcome.transfer
        try:
            status = os.stat(transfer.path)  # noqa: PTH116  as above
        except OSError:  # gone again: nothing to vouch for
            return
        if outcome.stamp and not outcome.stamp.fits(status):  # another process was quicker to take the name
            return
        # Relative where it can be, so that a data directory can be moved; pathlib takes ten times as long.
        path = _absolute(os.fspath(transfer.path)).removeprefix(self._prefix)
        digest = str(outcome.digest) if outcome.digest else None
        row = (transfer.key, kept(path), status.st_size, status.st_mtime_ns, digest, outcome.verified_by)
        self._moved.append((self._direction, self._archive, *row, time.time()))

    def flush(self) -> None:
        """Commit what has been remembered."""
        self._written_at = time.monotonic()
        moved, self._moved = self._moved, []
        failed, self._failed = self._failed, []
        if moved or failed:
            try_change(self._database, (_ADD_MOVED, moved), (_ADD_FAILED, failed))


def _absolute(path: str) -> str:
    return path if os.path.isabs(path) else str(Path(path).absolute())  # noqa: PTH117


def _row_of(wanted: Wanted, is_todo: bool = True) -> tuple[object, ...]:
    key, path, size, digest, source = wanted
    if not is_todo:
        return key, "", -1, "", "", False
    return key, kept(path), -1 if size is None else size, digest or "", source, True


def _place_in_sample(seed: str, key: str) -> bytes:
    # Of each key by itself, so that a growing directory keeps most of its sample.
    return hashlib.blake2b(key.encode(), key=hashlib.sha256(seed.encode()).digest(), digest_size=16).digest()


def _failure_of(transfer: Transfer, error: BulkError) -> tuple[object, ...]:
    # What an archive goes by where the key does not tell may be an address that lets its bearer in: not kept.
    key, path, _, digest, source = Wanted.of(transfer)
    passing = isinstance(error, TransientError)
    return key, kept(path), digest, not source, type(error).__name__, passing, kept(str(error))
