"""Records to push: read from files, and all of them checked before the first is sent."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from imap_bulk.archives.aurorax.forms import parse
from imap_bulk.archives.aurorax.keys import Triple, canonical
from imap_bulk.archives.aurorax.moments import read_moment
from imap_bulk.archives.aurorax.query import PRODUCT_TYPES
from imap_bulk.archives.aurorax.searching import Kind
from imap_bulk.archives.aurorax.sources import triple_of
from imap_bulk.errors import BadManifest
from imap_bulk.listing import Listed, Listing
from imap_bulk.manifest.table import Fault

MOST_BYTES = 4 << 20
"""Longest body of a batch."""

_TRIPLE = ("program", "platform", "instrument_type")
_LOCATIONS = ("location_geo", "location_gsm", "nbtrace", "sbtrace")
_KNOWN = {
    Kind.EPHEMERIS: (*_TRIPLE, "data_source", "epoch", *_LOCATIONS, "metadata"),
    Kind.PRODUCTS: (*_TRIPLE, "data_source", "start", "end", "url", "data_product_type", "metadata"),
}
_BATCH = 500
_MOST_PROBLEMS = 100

Fields = Mapping[str, Any]


class Entry(NamedTuple):
    """A record on its way: where it was written, what it goes by in the archive, and itself in JSON."""

    number: int
    """Counting from 0, over all files."""
    place: str
    key: str
    document: bytes


@dataclass(frozen=True, slots=True)
class Records:
    """All records of a push, on disk when they are many."""

    kind: Kind
    names: tuple[str, ...]
    listing: Listing
    count: int
    repeated: int
    """How many more were written that say the same as another one."""
    warnings: tuple[str, ...] = ()

    def entries(self, triple: Triple) -> Iterator[Entry]:
        """Yield the records as they are sent, in the order in which they were written."""
        names = dict(zip(_TRIPLE, triple, strict=True))
        for number, listed in enumerate(self.listing):
            document = canonical(names | json.loads(listed.written)).encode()
            yield Entry(number, self.place(listed), listed.key, document)

    def place(self, listed: Listed) -> str:
        """Say where a record was written."""
        return f"{self.names[listed.source]} line {listed.line}"


def read_records(files: Iterable[tuple[str, Iterable[bytes]]], kind: Kind) -> Records:
    """Read all records of files, given as names and lines. Raises `BadManifest` with every bad one's line."""
    listing, names, problems = Listing(), [], _Problems()
    count = uneven = 0
    for source, (name, lines) in enumerate(files):
        names.append(name)
        told = _listed(source, name, lines, kind, problems)
        while batch := list(islice(told, _BATCH)):
            listing.add(batch)
            count += len(batch)
            uneven += sum(_is_uneven(kind, each.key) for each in batch)
    records = Records(kind, tuple(names), listing, count, 0, _warned(uneven))
    dropped = _without_repeated(records, problems)
    problems.raise_all()
    return Records(kind, tuple(names), listing, count - dropped, dropped, records.warnings)


def hold_to_source(records: Records, source: Mapping[str, Any]) -> list[str]:
    """Hold all records to the source they are for; return what is odd about their metadata, but no fault.

    Raises `BadManifest` with the line of every record that names another source.
    """
    own, problems = triple_of(source), _Problems()
    schema = source.get(f"{'ephemeris' if records.kind is Kind.EPHEMERIS else 'data_product'}_metadata_schema")
    known = {str(each.get("field_name")) for each in schema or () if isinstance(each, Mapping)}
    unknown: dict[str, int] = {}
    for listed in records.listing:
        told = json.loads(listed.written)
        named = tuple(told.get(name, mine) for name, mine in zip(_TRIPLE, own, strict=True))
        if named != own:
            problems.add(
                records.place(listed), f"is of {'/'.join(named)}, not of {'/'.join(own)}; see to --source"
            )
        for name in known and set(told.get("metadata") or {}) - known:
            unknown[name] = unknown.get(name, 0) + 1
    problems.raise_all()
    return [
        f"metadata {name!r} of {count} records is not in the schema of the source"
        for name, count in unknown.items()
    ]


class _Problems:
    """What is wrong, by place; the first hundred in words."""

    def __init__(self) -> None:
        self._told: list[str] = []
        self._count = 0

    def add(self, place: str, text: str) -> None:
        self._count += 1
        if len(self._told) < _MOST_PROBLEMS:
            self._told.append(f"{place}: {text}")

    def raise_all(self) -> None:
        """Raise BadManifest if there is anything."""
        if not self._count:
            return
        more = self._count - len(self._told)
        told = (*self._told, f"… and {more} more") if more else tuple(self._told)
        named, them = ("1 bad record", "it") if self._count == 1 else (f"{self._count} bad records", "them")
        raise BadManifest(f"{named}; correct {them} and run again: nothing was sent", told)


def _listed(source: int, name: str, lines: Iterable[bytes], kind: Kind, problems: _Problems) -> Iterator[Listed]:
    for line, fields in parse(lines, name):
        try:
            if isinstance(fields, Fault):
                raise fields
            record = _CHECKS[kind](_known(fields, kind))
            document = _document(record)
        except Fault as fault:
            problems.add(f"{name} line {line}", str(fault))
        else:
            yield Listed(source, line, document, key_of(kind, record))


def _document(record: Fields) -> str:
    """Write a record as it is kept until it is sent. Raises Fault."""
    try:
        document = canonical(record, allow_nan=False)
        size = len(document.encode())
    except ValueError:  # Python reads NaN, numbers beyond its own, and halves of surrogate pairs without a word
        raise Fault("holds NaN, an infinity or half a character, which JSON cannot; leave that out") from None
    if size > MOST_BYTES // 2:
        raise Fault(f"this record is longer than {MOST_BYTES >> 21} MiB; shorten its metadata")
    return document


def key_of(kind: Kind, record: Fields) -> str:
    """Tell what a record goes by within its source: its epoch, or its URL."""
    return str(record["epoch"] if kind is Kind.EPHEMERIS else record["url"])


def _is_uneven(kind: Kind, key: str) -> bool:
    """Whether an epoch is no whole minute."""
    return kind is Kind.EPHEMERIS and not key.endswith(":00")


def _warned(uneven: int) -> tuple[str, ...]:
    if not uneven:
        return ()
    return (f"{uneven} records are of no whole minute; AuroraX's own client cuts seconds off, so others may too",)


def _without_repeated(records: Records, problems: _Problems) -> int:
    """Drop records that say the same again; note those that say something else of the same key."""
    dropped: list[tuple[int]] = []
    for (_, first), *others in records.listing.repeated():
        for number, other in others:
            if other.written == first.written:
                dropped.append((number,))
            else:
                text = f"says something else of {first.key} than {records.place(first)} does; keep one of them"
                problems.add(records.place(other), text)
    records.listing.merge((), dropped)
    return len(dropped)


def _known(fields: Fields, kind: Kind) -> dict[str, Any]:
    """Take the fields of a record that say something, the source among them. Raises Fault."""
    if unknown := [name for name in fields if name not in _KNOWN[kind]]:
        known = ", ".join(name for name in _KNOWN[kind] if name != "data_source")
        raise Fault(f"there is no field {unknown[0]!r}; use {known}")
    told = {name: value for name, value in fields.items() if value is not None}
    within = told.pop("data_source", {})  # as the archive's own records have it
    if not isinstance(within, Mapping):
        raise Fault("data_source is no object; write one with program, platform and instrument_type")
    told = {name: within[name] for name in _TRIPLE if name in within} | told
    for name in _TRIPLE:
        if name in told and not isinstance(told[name], str):
            raise Fault(f"{name} is no text; write it between quotation marks")
    if not isinstance(told.get("metadata", {}), Mapping):
        raise Fault("metadata is no object; write names and values")
    return told


def _checked_ephemeris(told: dict[str, Any]) -> dict[str, Any]:
    told["epoch"] = _time(told, "epoch")
    for name in _LOCATIONS:
        if name in told:
            told[name] = _location(name, told[name])
    return told


def _checked_product(told: dict[str, Any]) -> dict[str, Any]:
    told["start"], told["end"] = _time(told, "start"), _time(told, "end")
    if told["start"] > told["end"]:
        raise Fault(f"start {told['start']} comes after end {told['end']}; swap them")
    url = told.get("url")
    if not isinstance(url, str) or not url or url.split() != [url]:
        raise Fault("url is missing or no URL; write where the file is, without blanks")
    if told.get("data_product_type") not in PRODUCT_TYPES:
        raise Fault(f"data_product_type {told.get('data_product_type')!r} is none of {', '.join(PRODUCT_TYPES)}")
    return told


_CHECKS: dict[Kind, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Kind.EPHEMERIS: _checked_ephemeris,
    Kind.PRODUCTS: _checked_product,
}


def _time(told: Fields, name: str) -> str:
    """Read a time, and write it in UTC with the fraction it has."""
    text = told.get(name)
    if not isinstance(text, str) or not text:
        raise Fault(f"{name} is missing; write it as in 2020-01-01T00:30:00")
    try:
        return read_moment(text).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        raise Fault(f"{name} {text!r} is no time; write it as in 2020-01-01T00:30:00") from None


def _location(name: str, value: object) -> dict[str, float | None]:
    if not isinstance(value, Mapping) or not set(value) <= {"lat", "lon"}:
        raise Fault(f"{name} is no location; write lat and lon")
    lat, lon = (_degrees(f"{name}.{part}", value.get(part)) for part in ("lat", "lon"))
    if (lat is None) != (lon is None):
        raise Fault(f"{name} has one of lat and lon; give both or neither")
    # What AuroraX calls latitude in the GSM system goes beyond 90 in its own client's tests.
    if name != "location_gsm" and lat is not None and lon is not None and (abs(lat) > 90 or abs(lon) > 180):
        raise Fault(f"{name} ({lat}, {lon}) is nowhere on Earth; lat is -90..90, lon -180..180")
    return {"lat": lat, "lon": lon}


def _degrees(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        raise Fault(f"{name} is no number; write degrees")
    return value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def split(entries: Iterable[Entry], most: int, most_bytes: int = MOST_BYTES) -> Iterator[Sequence[Entry]]:
    """Yield entries in batches of at most `most`, whose bodies have at most `most_bytes`."""
    batch: list[Entry] = []
    size = 2
    for entry in entries:
        more = len(entry.document) + 1
        if batch and (len(batch) == most or size + more > most_bytes):
            yield batch
            batch, size = [], 2
        batch.append(entry)
        size += more
    if batch:
        yield batch
