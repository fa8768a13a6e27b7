"""Splits an IMAP query whose answer is too large to be given: the real gateway ends at 6 MB, without paging.

The parts do not overlap and together ask for the same files. They differ only in what names a series of
versions, or, for SPICE, in what the archive applies after it has chosen the latest: so "latest" stays itself.
"""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from imap_bulk import filenames
from imap_bulk.archives.imap.query import ImapQuery, read_day, written

LAUNCH = date(2025, 9, 24)
"""Nearly everything starts between this day and today, so an open-ended query is cut there first."""

# `spin`, `repoint` and `thruster` are tables of their own; a query without a type does not list them.
_KERNEL_TYPES = tuple(name for name in filenames.SPICE_TYPES if name not in {"spin", "repoint", "thruster"})

Window = tuple[str | None, str | None]


def parts(query: ImapQuery, today: date) -> tuple[ImapQuery, ...]:
    """Split a query by day, then by instrument, then by data level; () when there is nothing left to split."""
    if query.filename:
        return ()
    return _by_day(query, today) or _by_value(query)


def _by_day(query: ImapQuery, today: date) -> tuple[ImapQuery, ...]:
    # A kernel's coverage may be unknown or span centuries; its day of ingestion is known and one.
    first, last = ("start_date", "end_date")
    if query.table == "spice":
        first, last = ("ingestion_start_date", "ingestion_end_date")
    windows = _windows(getattr(query, first), getattr(query, last), today)
    bounds: list[dict[str, Any]] = [{first: start, last: end} for start, end in windows]
    return tuple(replace(query, **bound) for bound in bounds)


def _windows(start: str | None, end: str | None, today: date) -> list[Window]:
    if start is None or end is None:
        days = sorted({LAUNCH, today + timedelta(days=1)})
        cuts = [day for day in days if _inside(written(day), start, end)]
        if cuts:
            ends = [written(day - timedelta(days=1)) for day in cuts]
            return list(zip([start, *map(written, cuts)], [*ends, end], strict=True))
    low = read_day(start or written(date.min)).toordinal()
    high = read_day(end or written(date.max)).toordinal()
    if low >= high:
        return []
    middle = (low + high) // 2
    halves = ((low, middle), (middle + 1, high))
    return [(written(date.fromordinal(a)), written(date.fromordinal(b))) for a, b in halves]


def _inside(cut: str, start: str | None, end: str | None) -> bool:
    return (start is None or start < cut) and (end is None or cut <= end)


def _by_value(query: ImapQuery) -> tuple[ImapQuery, ...]:
    if query.legacy_names:
        return ()  # the instruments of the first generation are not today's
    if query.table == "spice":
        if query.type not in (None, "kernels"):
            return ()
        return tuple(replace(query, type=name) for name in _KERNEL_TYPES)
    if not query.instrument:
        return tuple(replace(query, instrument=(name,)) for name in filenames.INSTRUMENTS)
    if not query.data_level and query.table == "science":
        return tuple(replace(query, data_level=(level,)) for level in filenames.DATA_LEVELS)
    return ()
