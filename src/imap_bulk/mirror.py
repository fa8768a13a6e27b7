"""An incremental mirror: a query asked again and again, each time for what was archived since the last time.

The watermark is the time of ingestion, by the archive's clock, up to which everything has come. It moves only when
a run is complete. The archive's conditions have the resolution of a day, and an index may lag: so each run asks
from the day before the watermark on, and what it lists again is here and does not move. Nothing is ever deleted.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple, Self

from imap_bulk import filenames
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.archives.imap.query import LATEST, read_day, written
from imap_bulk.archives.imap.records import ingested
from imap_bulk.errors import BadQuery
from imap_bulk.journal import Mirrored
from imap_bulk.lockfile import Change, age_of, diff, series_of
from imap_bulk.model import Event, Outcome, RemoteFile, Result, Status

_OVERLAP = timedelta(days=1)
_DIGIT = re.compile("[0-9]")
_BATCH = 500


class News(NamedTuple):
    """What became of one file; `again` is when it was archived again, YYYYMMDDhhmmss."""

    change: Change
    again: str | None = None


class Mirror:
    """One run of a mirror: `files` are to be pulled, its events heard, its result told at the end.

    A context manager. Raises BadQuery when the query already says when its files were archived.
    """

    def __init__(
        self, archive: ImapArchive, query: ImapQuery, data_dir: Path, since: str | None, *, dry_run: bool
    ) -> None:
        """Ask from the day `since` on, YYYYMMDD, or else from the watermark; `dry_run` leaves all as it is."""
        if query.filename or query.ingestion_start_date or query.ingestion_end_date:
            raise BadQuery("a mirror asks by ingestion dates itself; leave those and file names out.")
        if since is not None and not filenames.is_date(since):
            raise BadQuery(f"--since {since!r} is no day; write last, or YYYYMMDD, as in 20260115.")
        self._archive = archive
        self._query = query
        self._dry_run = dry_run
        self._since = since
        self._mirrored = Mirrored(data_dir, archive.name, _canonical(query), create=not dry_run)
        self.asked_from = since or _day_before(self._mirrored.watermark)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._mirrored.__exit__()

    @property
    def watermark(self) -> str | None:
        """The time up to which everything is here, YYYYMMDDhhmmss."""
        return self._mirrored.watermark

    @property
    def has_begun(self) -> bool:
        """Whether there was a run before this one."""
        return self._mirrored.has_begun

    @property
    def is_kept(self) -> bool:
        """Whether the next run will know of this one: the journal may be beyond our reach."""
        return self._mirrored.is_kept

    @property
    def leaves_a_gap(self) -> bool:
        """Whether this run begins after the watermark: then what lies between was never asked for."""
        return bool(self._since and self.watermark and self._since > self.watermark[:8])

    async def files(self) -> AsyncIterator[RemoteFile]:
        """Yield what the archive lists. Raises as its search, and BadQuery when it tells no times."""
        batch: list[RemoteFile] = []
        async for file in self._archive.search(replace(self._query, ingestion_start_date=self.asked_from)):
            batch.append(file)
            if len(batch) == _BATCH:
                self._note(batch)
                for noted in batch:
                    yield noted
                batch = []
        self._note(batch)
        for noted in batch:
            yield noted

    def _note(self, files: Sequence[RemoteFile]) -> None:
        times = [(file.key, ingested(file.meta)) for file in files]
        if not all(filenames.is_date(moment[:8]) for _, moment in times):
            raise BadQuery("this archive does not say when its files were ingested; leave --since out.")
        stale = self._mirrored.note(times)
        if stale and not self._dry_run:
            self._mirrored.forget(stale)

    def hear(self, event: Event) -> None:
        """Take an event of the run. Raises OSError."""
        if isinstance(event, Outcome) and event.status is Status.FAILED:
            self._mirrored.fail(event.transfer.key)

    def end(self, result: Result) -> list[News]:
        """Remember what came, and move the watermark if all did; return what is news. Raises OSError.

        In a first run everything is new, and nothing is news.
        """
        news = sorted(self._news(result), key=_key_of) if self.has_begun else []
        if self._dry_run:
            return news
        watermark = None if self.leaves_a_gap else self._mirrored.newest_listed() or self._begun_at()
        if not result.cancelled:  # who was cancelled need not have been heard of
            self._mirrored.settle()
        if result.complete:
            self._mirrored.advance(self.asked_from or "", watermark)
        return news

    def _begun_at(self) -> str | None:
        return self._since and f"{self._since}000000"

    def _news(self, result: Result) -> Iterator[News]:
        yield from (News(Change(key, key), again) for key, again in self._mirrored.changed())
        come = self._mirrored.new()
        versions = diff({old for key in come if (old := self._predecessor(key))}, come)
        yield from map(News, versions)
        if result.complete:
            replaced = {change.old for change in versions}
            gone = (key for key in self._mirrored.gone(self.asked_from or "") if key not in replaced)
            yield from (News(Change(key, None)) for key in gone if not self._is_outranked(key))

    def _predecessor(self, key: str) -> str | None:
        """Return the newest version of the same file that came earlier and is older."""
        older = [known for known in self._mirrored.known_like(_stem(key)) if _is_older(known, key)]
        return max(older, key=age_of, default=None)

    def _is_outranked(self, key: str) -> bool:
        """Whether a newer version alone explains that a file is not listed: of several majors the last is."""
        newer = (other for other in self._mirrored.listed_like(_stem(key)) if _is_older(key, other))
        return any(self._query.version == LATEST or age_of(key)[:2] != age_of(other)[:2] for other in newer)


def _canonical(query: ImapQuery) -> str:
    """Write the conditions so that those that mean the same are the same."""
    conditions = query.conditions().items()
    told = {name: sorted(value) if isinstance(value, list) else value for name, value in conditions}
    return json.dumps(told, sort_keys=True)


def _day_before(watermark: str | None) -> str | None:
    if watermark is None:
        return None
    day = read_day(watermark[:8])
    return written(day - _OVERLAP if day > date.min else day)


def _stem(key: str) -> str:
    """Cut a key before its version, the last thing in a name but for the extension, as in `naif0012.tls`."""
    directory, slash, name = key.rpartition("/")
    before, underscore, _ = name.rpartition("_")
    return directory + slash + (before + underscore or _DIGIT.split(name)[0])


def _is_older(key: str, other: str) -> bool:
    return series_of(key) == series_of(other) and age_of(key) < age_of(other)


def _key_of(news: News) -> str:
    return news.change.new or news.change.old or ""
