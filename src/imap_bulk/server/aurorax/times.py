"""Moments as AuroraX writes them: ISO 8601 in UTC; here they are Unix time in seconds."""

import re
from datetime import UTC, date, datetime, timedelta

DAY = 86_400
MINUTE = 60

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the service writes no zone, so none is kept
# Python reads 24:00 from 3.14 on; the answer is one whatever the Python.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT(?!24)\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def read_moment(text: object) -> float:
    """Read a moment, with or without fraction and zone; without one it is UTC. Raises ValueError."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError(f"{text!r} is not a date and time such as 2020-01-31T23:59:59")
    moment = datetime.fromisoformat(text)
    try:
        return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except OverflowError:  # in UTC it is of a year that nobody could write
        raise ValueError(f"{text!r} is not within the years 1 to 9999 of UTC") from None


def read_date(text: str) -> date:
    """Read a date. Raises ValueError."""
    if not _DATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a date such as 2020-01-31")
    return date.fromisoformat(text)


def written(seconds: float) -> str:
    """Write a moment exactly as records have it: no fraction, no zone."""
    return (_EPOCH + timedelta(seconds=seconds // 1)).isoformat()


def stamped(seconds: float) -> str:
    """Write a moment as requests and logs have it, with milliseconds."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def day_of(seconds: float) -> str:
    """Write the date of a moment."""
    return written(seconds)[:10]


def midnight(day: date) -> int:
    """Return when a day begins."""
    return (day - date(1970, 1, 1)).days * DAY
