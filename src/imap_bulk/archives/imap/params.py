"""Spells an IMAP query for the wire, as the archive's generations and tables understand it."""

from datetime import date, timedelta

from imap_bulk.archives.imap.query import LATEST, ImapQuery, read_day, written
from imap_bulk.errors import BadQuery

# TDB - UTC = 32.184 s (TT - TAI) + 37 s (TAI - UTC since 2017), good to 2 ms until the next leap second.
# The archive's own records agree: 2025-10-01T23:00:00.094 UTC is 812631669.2765 there.
_TDB_MINUS_UTC = 69.184
_J2000 = date(2000, 1, 1).toordinal() + 0.5
_DAY_SECONDS = 86400
_MILLISECOND = 0.001


def endpoint(query: ImapQuery) -> str:
    """Tell which path answers this query."""
    return "/spice-query" if query.table == "spice" else "/query"


def params(query: ImapQuery, *, has_tables: bool) -> dict[str, str]:
    """Spell one piece of a query; `has_tables` tells today's archives from those before 2025.

    Raises `BadQuery` when this archive neither understands a condition nor lets it be applied afterwards.
    """
    if query.table == "spice":
        told = _spice_params(query)
    elif has_tables:
        told = _common_params(query) | _present_params(query)
    else:
        told = _common_params(query) | _past_params(query)
    return {name: value for name, value in told.items() if value}


def _digits(number: int | None) -> str:
    return "" if number is None else str(number)


def _common_params(query: ImapQuery) -> dict[str, str]:
    """Spell what both generations understand. `version=latest` is understood by neither."""
    return {
        "instrument": ",".join(query.instrument),
        "data_level": ",".join(query.data_level),
        "descriptor": ",".join(query.descriptor),
        "start_date": query.start_date or "",
        "end_date": query.end_date or "",
        "repointing": _digits(query.repointing),
        "version": "" if query.version in (None, LATEST) else query.version,
        "extension": query.extension or "",
        "file_path": query.key,
    }


def _present_params(query: ImapQuery) -> dict[str, str]:
    return {
        "table": query.table,
        "ingestion_start_date": query.ingestion_start_date or "",
        "ingestion_end_date": query.ingestion_end_date or "",
        "major_version": _digits(query.major_version),
        "minor_version": _digits(query.minor_version),
        # The ancillary table answers 400 to `latest`.
        "latest": "true" if query.version == LATEST and query.table == "science" else "",
    }


def _past_params(query: ImapQuery) -> dict[str, str]:
    if query.table == "ancillary":
        raise BadQuery("this archive is of the generation before 2025: it lists science files alone.")
    if query.major_version is not None or "." in (query.version or ""):
        raise BadQuery("this archive is of the generation before 2025: its versions are vNNN, without a major.")
    return {} if query.minor_version is None else {"version": f"v{query.minor_version:03}"}


def _spice_params(query: ImapQuery) -> dict[str, str]:
    """Spell a SPICE query; a version, and the end of the last day of ingestion, are left to be filtered here."""
    return {
        "type": query.type or "",
        "file_name": query.filename or "",
        "start_time": _tdb(query.start_date, 0, 0),
        "end_time": _tdb(query.end_date, 1, -_MILLISECOND),
        "start_ingest_date": query.ingestion_start_date or "",
        "end_ingest_date": _day_after(query.ingestion_end_date),
        "latest": "true" if query.version == LATEST else "",
    }


def _tdb(day: str | None, days_later: int, seconds_later: float) -> str:
    """Give UTC midnight of a day as TDB seconds past J2000, to the millisecond."""
    if day is None:
        return ""
    days = read_day(day).toordinal() + days_later - _J2000
    return f"{days * _DAY_SECONDS + _TDB_MINUS_UTC + seconds_later:.3f}"


def _day_after(day: str | None) -> str:
    """Give the next day: the archive compares `end_ingest_date` with a time, so it ends at midnight before it."""
    if day is None:
        return ""
    last = read_day(day)
    return written(last if last == date.max else last + timedelta(days=1))
