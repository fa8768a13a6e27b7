"""What searches ask for, read from their JSON."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from imap_bulk.server.aurorax import products
from imap_bulk.server.aurorax.answers import bad_request
from imap_bulk.server.aurorax.filters import Matches, everything, read_filters
from imap_bulk.server.aurorax.sources import Source
from imap_bulk.server.aurorax.times import DAY, read_moment

Read = TypeVar("Read")

MONTH = 31 * DAY
"""The longest span of an asynchronous ephemeris search."""

TWO_DAYS = 2 * DAY
TEN_YEARS = 3_653 * DAY


@dataclass(frozen=True, slots=True)
class Block:
    """Which sources, and which of their records; an empty list leaves a field free."""

    programs: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    instrument_types: tuple[str, ...] = ()
    matches: Matches = everything

    def names(self, source: Source) -> bool:
        """Tell whether a source is among those asked for."""
        wanted = (self.programs, self.platforms, self.instrument_types)
        return all(not some or own in some for some, own in zip(wanted, source.triple, strict=True))

    @property
    def is_open(self) -> bool:
        """Tell whether nothing narrows it down."""
        return not (self.programs or self.platforms or self.instrument_types or self.matches is not everything)


@dataclass(frozen=True, slots=True)
class EphemerisQuery:
    """Where some sources were from `start` to `end`, both included."""

    block: Block
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class ProductQuery:
    """The products that lie within `start` and `end`; without types, those of all types."""

    block: Block
    start: float
    end: float
    types: tuple[str, ...]


def read_ephemeris_query(document: Mapping[str, Any], longest: float = MONTH) -> EphemerisQuery:
    """Read a query. Raises Refused."""
    start, end = read_span(document)
    if end - start > longest:
        span = "1 month" if longest == MONTH else f"{longest / DAY:g} days"
        raise bad_request(f"The time span of an ephemeris search must not be longer than {span}.")
    block = read_block(document.get("data_sources"), "ephemeris_metadata_filters")
    if block.is_open:
        raise bad_request("At least one filter criteria parameter must be specified.")
    return EphemerisQuery(block, start, end)


def read_product_query(document: Mapping[str, Any], longest: float | None = None) -> ProductQuery:
    """Read a query. Raises Refused."""
    start, end = read_span(document)
    if longest is not None and end - start > longest:
        raise bad_request("The time span of a synchronous data product search must not be longer than 10 years.")
    types = read_list(document, "data_product_type_filters")
    for name in types:
        check_product_type(name)
    return ProductQuery(
        read_block(document.get("data_sources"), "data_product_metadata_filters"), start, end, types
    )


def check_product_type(name: object) -> None:
    """Refuse what is no type of data products. Raises Refused."""
    if name not in products.TYPES:
        raise bad_request(f"{name!r} is no data product type; known are {', '.join(products.TYPES)}.")


def read_block(document: object, filters: str) -> Block:
    """Read which sources are asked for; `filters` is what their metadata filters are called. Raises Refused."""
    if not isinstance(document, dict):
        raise bad_request("The field data_sources is required.")
    return replace(read_names(document), matches=read_filters(document.get(filters)))


def read_names(document: Mapping[str, Any]) -> Block:
    """Read which sources are asked for by name. Raises Refused."""
    return Block(
        programs=read_list(document, "programs"),
        platforms=read_list(document, "platforms"),
        instrument_types=read_list(document, "instrument_types"),
    )


def read_list(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Read an array of strings; null is an empty one. Raises Refused."""
    values = document.get(name) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise bad_request(f"The field {name} must be an array of strings.")
    return tuple(values)


def read_span(document: Mapping[str, Any]) -> tuple[float, float]:
    """Read `start` and `end`. Raises Refused."""
    start, end = (required(document, name, read_moment) for name in ("start", "end"))
    if end < start:
        raise bad_request("The end of the time span is before its start.")
    return start, end


def required(document: Mapping[str, Any], name: str, read: Callable[[Any], Read]) -> Read:
    """Read a field that must be there. Raises Refused."""
    if document.get(name) is None:
        raise bad_request(f"The field {name} is required.")
    try:
        return read(document[name])
    except ValueError as error:
        raise bad_request(f"The field {name} is wrong: {error}.") from None


def chosen(block: Block, sources: Iterable[Source]) -> list[Source]:
    """Return the sources that a block asks for."""
    return [source for source in sources if block.names(source)]
