"""Times as AuroraX has them: UTC, ISO 8601. Its records tell whole seconds, without a zone."""

import re
from collections.abc import Iterator
from datetime import MAXYEAR, UTC, date, datetime, timedelta

from imap_bulk.errors import BadQuery

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
_TO_LAST_SECOND = DAY - SECOND
_LAST_SECOND = datetime.max.replace(microsecond=0, tzinfo=UTC)

_DAY = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_TIME = re.compile(  # without 24:00, which Python reads from 3.14 on: one answer whatever the Python
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ](?!24)[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?"
)

Window = tuple[datetime, datetime]
"""Two moments, both of which are inside."""


def read_moment(text: str) -> datetime:
    """Read a full time, of UTC where it names no zone. Raises ValueError."""
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is no time; write YYYY-MM-DDTHH:MM:SS, as in 2020-01-01T00:30:00")
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_bound(what: str, text: str, *, is_end: bool) -> datetime:
    """Read a day or a full time; a day that ends a range ends with its last second. Raises BadQuery."""
    match = _DAY.fullmatch(text)
    try:
        moment = read_moment(f"{'-'.join(match.groups())}T00:00") if match else read_moment(text)
    except (ValueError, OverflowError):
        raise BadQuery(
            f"{what} {text!r} is no day or time; write YYYYMMDD, as in 20200131, or 2020-01-31T06:30:00."
        ) from None
    return moment + _TO_LAST_SECOND if match and is_end else moment


def written(moment: datetime) -> str:
    """Write a moment as the API has it, to the second."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def days(start: datetime, end: datetime) -> Iterator[Window]:
    """Yield the days from `start` to `end`; the first and the last may be parts of days."""
    while start <= end:
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        yield start, min(midnight + _TO_LAST_SECOND, end)
        if midnight.date() == date.max:
            return
        start = midnight + DAY


def months(start: datetime, end: datetime) -> Iterator[Window]:
    """Yield the calendar months from `start` to `end`; the first and the last may be parts of months."""
    while start <= end:
        year, month = divmod(start.year * 12 + start.month, 12)
        if year > MAXYEAR:
            yield start, end
            return
        following = datetime(year, month + 1, 1, tzinfo=UTC)
        yield start, min(following - SECOND, end)
        start = following


def halves(window: Window) -> tuple[Window, ...]:
    """Cut a window in two; () where it is one second."""
    start, end = window
    if end - start < SECOND:
        return ()
    middle = start + timedelta(seconds=(end - start) // SECOND // 2)
    return (start, middle), (middle + SECOND, end)


def name_of(window: Window) -> str:
    """Name a window for a file: YYYYMMDD for a whole day, YYYYMM for a whole month, else both its ends."""
    start, end = window
    is_even = start == start.replace(hour=0, minute=0, second=0, microsecond=0)
    if is_even and end == start + _TO_LAST_SECOND:
        return f"{start:%Y%m%d}"
    if is_even and start.day == 1 and window == next(months(start, _LAST_SECOND)):
        return f"{start:%Y%m}"
    return f"{start:%Y%m%dT%H%M%S}-{end:%Y%m%dT%H%M%S}"
