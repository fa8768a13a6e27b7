"""What a journal knows of all archives and both directions, read without changing anything."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from imap_bulk.digest import Digest
from imap_bulk.journal.record import Record, text_of
from imap_bulk.journal.schema import open_journal
from imap_bulk.model import Direction, Proof

_HOLDINGS = """
SELECT direction, archive, verified_by, count(*), total(size), max(at) FROM moved
GROUP BY direction, archive, verified_by ORDER BY direction, archive, verified_by
"""
_DELIVERIES = """
SELECT place, archive, verified_by, count(*), total(size), max(at) FROM delivered
GROUP BY place, archive, verified_by ORDER BY place, archive, verified_by
"""
_RUNS = """
SELECT direction, archive, started, seconds, wanted, done, skipped, failed, cancelled FROM run
ORDER BY direction, archive
"""
_FAILURES = """
SELECT key, path, digest, key_tells, kind, passing, said FROM failed
WHERE direction = ? AND archive = ? ORDER BY key
"""
_NEXT_RECORDS = """
SELECT key, path, size, mtime_ns, NULL, NULL FROM moved
WHERE direction = ? AND archive = ? AND key > ? ORDER BY key LIMIT 500
"""


_MIRRORS = """
SELECT filters, watermark, ended FROM mirror LEFT JOIN mirror_run ON mirror = number
WHERE archive = ? ORDER BY number
"""


class Holding(NamedTuple):
    """Files moved between one archive and here that one kind of proof speaks for."""

    direction: Direction
    archive: str
    verified_by: Proof | None
    files: int
    bytes: int
    last: float
    """Unix time at which the latest of them was moved or proven."""


class Deliveries(NamedTuple):
    """Files delivered from one archive to one place that one kind of proof speaks for."""

    place: str
    archive: str
    verified_by: Proof | None
    files: int
    bytes: int
    last: float
    """Unix time at which the latest of them was delivered."""


class Run(NamedTuple):
    """The last run of one archive and direction; `seconds` and the counts are None if it was cut short."""

    direction: Direction
    archive: str
    started: float
    """Unix time."""
    seconds: float | None
    wanted: int | None
    done: int | None
    skipped: int | None
    failed: int | None
    cancelled: int | None


class Failure(NamedTuple):
    """A transfer that failed in the last run."""

    key: str
    path: str
    digest: Digest | None
    """What its bytes should be, where that is known."""
    key_tells: bool
    """Whether the key is all that an archive needs to find the file."""
    kind: str
    """Name of the error's class."""
    passing: bool
    """Whether another attempt may help."""
    said: str


class MirrorRun(NamedTuple):
    """A mirror of one archive, and how far it is."""

    filters: Mapping[str, Any]
    """What it asks for, by condition."""
    watermark: str | None
    """The time by the archive's clock up to which everything is here, YYYYMMDDhhmmss; None before that was so."""
    ended: float | None
    """Unix time at which its last run ended that was not interrupted; None where that was not noted."""


class Ledger:
    """The journal of a data directory, as it stands. A context manager."""

    def __init__(self, data_dir: Path) -> None:
        """Open the journal; where there is none, nothing is known, and none is made. Raises OSError."""
        self._root = str(data_dir.absolute())
        self._database = open_journal(data_dir, create=False, is_needed=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def holdings(self) -> list[Holding]:
        """Count what has been moved."""
        return [
            Holding(Direction(way), archive, Proof(proof) if proof else None, files, int(size), last)
            for way, archive, proof, files, size, last in self._database.execute(_HOLDINGS)
        ]

    def deliveries(self) -> list[Deliveries]:
        """Count what has been delivered to buckets."""
        return [
            Deliveries(place, archive, Proof(proof) if proof else None, files, int(size), last)
            for place, archive, proof, files, size, last in self._database.execute(_DELIVERIES)
        ]

    def runs(self) -> list[Run]:
        """Return the last run of each archive and direction."""
        return [Run(Direction(way), *rest) for way, *rest in self._database.execute(_RUNS)]

    def failures(self, direction: Direction, archive: str) -> list[Failure]:
        """Return what failed in the last run, by key."""
        return [
            Failure(
                key,
                text_of(path),
                Digest.parse(digest) if digest else None,
                bool(tells),
                kind,
                bool(passing),
                text_of(said),
            )
            for key, path, digest, tells, kind, passing, said in self._database.execute(
                _FAILURES, (direction, archive)
            )
        ]

    def mirrors(self, archive: str) -> list[MirrorRun]:
        """Return the mirrors of an archive, in the order in which they began."""
        rows = self._database.execute(_MIRRORS, (archive,))
        return [MirrorRun(json.loads(filters), watermark, ended) for filters, watermark, ended in rows]

    def records(self, direction: Direction, archive: str) -> Iterator[Record]:
        """Yield what has been moved, by key; without digests, which take as long to read as files to look for."""
        last = ""
        while rows := self._database.execute(_NEXT_RECORDS, (direction, archive, last)).fetchall():
            last = rows[-1][0]
            for row in rows:
                yield Record.read(self._root, row)
