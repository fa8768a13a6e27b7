"""What the IMAP archive can be asked for. Checked here: the server answers a malformed value with 500."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from numbers import Integral
from typing import Any, Self

from imap_bulk import filenames
from imap_bulk.errors import BadName, BadQuery

TABLES = ("science", "ancillary", "spice")

LATEST = "latest"

_SHARED = {"start_date", "end_date", "ingestion_start_date", "ingestion_end_date", "version", "filename"}
_KNOWN = {
    "science": _SHARED
    | {"instrument", "data_level", "descriptor", "repointing", "major_version", "minor_version", "extension"},
    "ancillary": _SHARED | {"instrument", "descriptor", "extension"},
    "spice": _SHARED | {"type"},
}
_EXTENSIONS = {"science": filenames.SCIENCE_EXTENSIONS, "ancillary": filenames.ANCILLARY_EXTENSIONS}
_SPICE_TYPES = ("kernels", *filenames.SPICE_TYPES)

_SEVERAL = {"instrument", "data_level", "descriptor"}
_NUMBERS = {
    "repointing": (re.compile("(?:repoint)?([0-9]{1,5})"), "write repoint00012, or 12"),
    "major_version": (re.compile("([0-9]{1,3})"), "write a number from 0 to 999"),
    "minor_version": (re.compile("([0-9]{1,4})"), "write a number from 0 to 9999"),
}
_VERSIONS = {
    "science": (re.compile(r"v[0-9]{3}(\.[0-9]{4})?"), "vMMM.mmmm, vNNN or latest, as in v001.0002"),
    "ancillary": (re.compile("v[0-9]{3}"), "vNNN or latest, as in v001"),
    "spice": (re.compile("v?[0-9]{1,9}"), "a number or latest, as in 12"),
}
_LEGACY_VERSION = re.compile("v[0-9]{2}-[0-9]{2}")
_DESCRIPTOR = re.compile(r"[!-~]+")
_PLAIN_WORD = re.compile("[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapQuery:
    """The conditions of a search, all of them valid. Raises `BadQuery` otherwise, and when there is none.

    Dates are YYYYMMDD in UTC and inclusive; `start_date` and `end_date` bound a file's start date. Several
    instruments, data levels or descriptors mean any of them.
    """

    table: str = "science"
    instrument: tuple[str, ...] = ()
    data_level: tuple[str, ...] = ()
    descriptor: tuple[str, ...] = ()
    start_date: str | None = None
    end_date: str | None = None
    ingestion_start_date: str | None = None
    ingestion_end_date: str | None = None
    repointing: int | None = None
    version: str | None = None
    """`vMMM.mmmm`, `vNNN`, `latest`; a number for SPICE."""
    major_version: int | None = None
    minor_version: int | None = None
    extension: str | None = None
    filename: str | None = None
    """One exact name; needs no other condition and takes none."""
    type: str | None = None
    """Kind of SPICE kernel."""
    legacy_names: bool = False
    """Whether first-generation instruments, versions and names are taken."""

    @classmethod
    def of(cls, /, **given: object) -> Self:
        """Read conditions as a command line or a notebook gives them. Raises `BadQuery`.

        Values may be text, numbers, `datetime.date`, or lists of these; None and "" mean not given. Of a
        `datetime` counts the day: that in UTC, if it has a time zone. A file name chooses its table when none
        is given.
        """
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise BadQuery(f"there is no condition {name!r}; use {', '.join(known[:-1])}.")
        legacy = bool(given.pop("legacy_names", False))
        values: dict[str, Any] = {name: _read(name, value) for name, value in given.items()}
        values = {name: value for name, value in values.items() if value not in (None, ())}
        if "filename" in values and "table" not in values:
            values["table"] = _table_of(values["filename"], legacy)
        return cls(**values, legacy_names=legacy)

    def __post_init__(self) -> None:
        _check_choice("table", (self.table,), TABLES)
        _check_fields(self)
        _check_values(self)
        for bounds in ("start_date", "end_date"), ("ingestion_start_date", "ingestion_end_date"):
            _check_dates(self, *bounds)
        _check_version(self)
        if self.filename and _table_of(self.filename, self.legacy_names) != self.table:
            raise BadQuery(f"{self.filename!r} is not in the {self.table} table; leave the table out.")

    def __str__(self) -> str:
        shown = " ".join(f"{name}={_shown(getattr(self, name))}" for name in self.given())
        return f"query of table {self.table} ({shown})"

    def given(self) -> list[str]:
        """Name the conditions that are set, beyond the table."""
        names = [field.name for field in fields(self) if field.name not in {"table", "legacy_names"}]
        return [name for name in names if getattr(self, name) not in (None, ())]

    def conditions(self) -> dict[str, Any]:
        """Give what `of` makes this query from, as a JSON document can hold it."""
        given = {name: getattr(self, name) for name in self.given()}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
        return {"table": self.table, **plain}

    def pieces(self) -> Iterator[Self]:
        """Yield the queries with at most one instrument, data level and descriptor that together make this one."""
        choices = product(self.instrument or ("",), self.data_level or ("",), self.descriptor or ("",))
        for chosen in choices:
            names = ("instrument", "data_level", "descriptor")
            several: dict[str, Any] = {n: (v,) if v else () for n, v in zip(names, chosen, strict=True)}
            yield replace(self, **several)

    @property
    def key(self) -> str:
        """The object key of `filename`, or ""."""
        return filenames.parse(self.filename, legacy=self.legacy_names).key if self.filename else ""


def days_ago(days: int, today: date) -> tuple[str, str]:
    """Give the start and end date of "from `days` days ago until today". Raises `BadQuery`."""
    try:
        first = today - timedelta(days=days)
    except OverflowError:
        first = None
    if days < 0 or first is None:
        raise BadQuery(f"there is no day {days} days ago; give a number of days from 0 on.")
    return written(first), written(today)


def written(day: date) -> str:
    """Write a day as YYYYMMDD."""
    return f"{day.year:04}{day.month:02}{day.day:02}"


def read_day(text: str) -> date:
    """Read a day that is known to be a valid YYYYMMDD."""
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def _read(name: str, value: object) -> Any:
    texts = _texts(name, value)
    if name in _SEVERAL:
        return tuple(dict.fromkeys(texts))
    if len(texts) > 1:
        raise BadQuery(f"`{name}` takes one value, not {', '.join(texts)}.")
    if not texts:
        return None
    return _number(name, texts[0]) if name in _NUMBERS else texts[0]


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, (list, tuple, set, frozenset)):
        members = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        return [text for member in members for text in _member(name, member)]
    return _member(name, value)


def _member(name: str, value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, datetime):
        return [written(_day_of(value))]
    if isinstance(value, date):
        return [written(value)]
    if isinstance(value, int | Integral) and not isinstance(value, bool):  # numpy's whole numbers are Integral
        number = int(value)
        if 0 <= number < 10**9:
            return [str(number)]
    raise BadQuery(f"`{name}` takes text, not this {type(value).__name__}.")


def _day_of(moment: datetime) -> date:
    """Tell the day in UTC, as the archive counts them; a time without a zone is taken to be UTC."""
    with suppress(OverflowError):  # behind the last day of all
        if moment.tzinfo:
            return moment.astimezone(UTC).date()
    return moment.date()


def _number(name: str, text: str) -> int:
    pattern, form = _NUMBERS[name]
    match = pattern.fullmatch(text)
    if not match:
        raise BadQuery(f"`{name}` {text!r} is no such number; {form}.")
    return int(match[1])


def _table_of(filename: str, legacy: bool) -> str:
    try:
        kind = filenames.parse(filename, legacy=legacy).kind
    except BadName as error:
        raise BadQuery(str(error)) from error
    if kind not in TABLES:
        raise BadQuery(f"{filename!r} is a {kind} file, which no query lists; pull it by its name.")
    return str(kind)


def _shown(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _named(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _check_fields(query: ImapQuery) -> None:
    given = query.given()
    known = _KNOWN[query.table]
    if not given:
        raise BadQuery(f"give at least one filter: {_named(sorted(known))}.")
    for name in given:
        if name not in known:
            raise BadQuery(f"the {query.table} table has no `{name}`; its conditions are {_named(sorted(known))}.")
    if query.filename and len(given) > 1:
        raise BadQuery(f"a filename says everything; leave {_named(sorted(set(given) - {'filename'}))} out.")
    if query.version not in (None, LATEST) and (query.major_version, query.minor_version) != (None, None):
        raise BadQuery("give a version, or a major and minor version, not both.")


def _check_values(query: ImapQuery) -> None:
    if query.legacy_names:
        _check_legacy(query)
    else:
        _check_choice("instrument", query.instrument, filenames.INSTRUMENTS)
        _check_choice("data level", query.data_level, filenames.DATA_LEVELS)
    if query.extension is not None:
        _check_choice("extension", (query.extension,), _EXTENSIONS[query.table])
    if query.type is not None:
        _check_choice("SPICE type", (query.type,), _SPICE_TYPES)
    for descriptor in query.descriptor:
        if not _DESCRIPTOR.fullmatch(descriptor) or set(descriptor) & set("_*?/"):
            raise BadQuery(
                f"descriptor {descriptor!r} matches nothing; write it out, without '_', blank or wildcard."
            )


def _check_legacy(query: ImapQuery) -> None:
    """Check the form alone: the first generation had other instruments and levels (`ultra-45`, `l2pre`)."""
    for value in (*query.instrument, *query.data_level):
        if not _PLAIN_WORD.fullmatch(value):
            raise BadQuery(f"{value!r} is neither an instrument nor a data level.")


def _check_choice(what: str, values: Sequence[str], allowed: Sequence[str]) -> None:
    for value in values:
        if value not in allowed:
            raise BadQuery(f"unknown {what} {value!r}; use one of {', '.join(allowed)}.")


def _check_dates(query: ImapQuery, first: str, last: str) -> None:
    start, end = getattr(query, first), getattr(query, last)
    for name, day in ((first, start), (last, end)):
        if day is not None and not filenames.is_date(day):
            raise BadQuery(f"`{name}` {day!r} is no day; write YYYYMMDD, as in 20260115.")
    if start and end and start > end:
        raise BadQuery(f"`{first}` {start} comes after `{last}` {end}; swap them.")


def _check_version(query: ImapQuery) -> None:
    if query.version in (None, LATEST):
        return
    pattern, form = _VERSIONS[query.table]
    legacy = query.legacy_names and _LEGACY_VERSION.fullmatch(query.version)
    if not pattern.fullmatch(query.version) and not legacy:
        raise BadQuery(f"version {query.version!r} is none of the {query.table} table; write {form}.")
