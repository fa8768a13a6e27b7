"""What AuroraX can be asked for, checked before it is asked."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any, Self

from imap_bulk.archives.aurorax import moments
from imap_bulk.archives.aurorax.keys import Triple, canonical
from imap_bulk.archives.aurorax.moments import Window, written
from imap_bulk.errors import BadQuery
from imap_bulk.urls import is_web_address

SOURCE_TYPES = ("ground", "heo", "leo", "lunar", "event_list", "not_applicable")
PRODUCT_TYPES = ("keogram", "montage", "movie", "summary_plot", "data_availability")
CONJUNCTION_TYPES = ("nbtrace", "sbtrace", "geographic")
HEMISPHERES = ("northern", "southern")
WINDOWS = {"day": moments.days, "month": moments.months}

_OPERATORS = ("not in", "between", "in", "<=", ">=", "!=", "=", "<", ">")
_CONDITION = re.compile(
    r"\s*(\S+?)\s*(<=|>=|!=|=|<|>|(?<=\s)(?:not\s+in|in|between)(?=\s))\s*(\S.*?)\s*", re.IGNORECASE | re.DOTALL
)
_BLOCKS = ("ground", "space", "events", "adhoc")
_MOST_BLOCKS = 10
_DISTANCE_KM = 300


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on metadata: what AuroraX calls an expression of a metadata filter."""

    key: str
    operator: str
    values: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `nbtrace_region in north polar cap`, `confidence >= 95`, `x between 1, 2`. Raises BadQuery."""
        match = _CONDITION.fullmatch(text)
        if not match:
            raise BadQuery(
                f"{text!r} is no condition; write NAME OPERATOR VALUE, as in 'nbtrace_region in north polar cap'; "
                f"operators are {', '.join(sorted(_OPERATORS))}."
            )
        operator = " ".join(match[2].lower().split())
        several = operator in ("in", "not in", "between")
        values = tuple(value.strip() for value in match[3].split(",")) if several else (match[3],)
        if not all(values) or (operator == "between" and len(values) != 2):
            raise BadQuery(f"{text!r} lacks a value; separate several by commas, and give two to between.")
        return cls(match[1], operator, values)

    def body(self) -> dict[str, Any]:
        """Write it for the wire."""
        return {"key": self.key, "operator": self.operator, "values": list(self.values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which data sources: of any of these programs, platforms and instrument types; () is any."""

    program: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    instrument_type: tuple[str, ...] = ()

    def matches(self, triple: Triple) -> bool:
        """Tell whether a source is chosen."""
        wanted = (self.program, self.platform, self.instrument_type)
        return all(not names or name in names for names, name in zip(wanted, triple, strict=True))

    def body(self) -> dict[str, Any]:
        """Write it for the wire."""
        return {
            "programs": list(self.program),
            "platforms": list(self.platform),
            "instrument_types": list(self.instrument_type),
        }

    def __bool__(self) -> bool:
        return bool(self.program or self.platform or self.instrument_type)

    def __str__(self) -> str:
        return "/".join(",".join(names) or "*" for names in (self.program, self.platform, self.instrument_type))


def _filtered(name: str, chosen: Chosen, where: tuple[Condition, ...], any_of: bool) -> dict[str, Any]:
    """Write sources and conditions on metadata for the wire."""
    if not where:
        return chosen.body()
    told = {"logical_operator": "OR" if any_of else "AND", "expressions": [each.body() for each in where]}
    return chosen.body() | {name: told}


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemerisQuery:
    """Where sources were, or operated, from `start` to `end`. Raises BadQuery where it asks for everything."""

    chosen: Chosen
    start: datetime
    end: datetime
    where: tuple[Condition, ...] = ()
    any_of: bool = False
    """Whether one of the conditions is enough."""
    window: str = "day"
    """How much one file holds: a day or a month of one source. Longer searches are not answered."""

    def __post_init__(self) -> None:
        _check_range(self.start, self.end)
        check_choice("window", (self.window,), tuple(WINDOWS))
        if not self.chosen and not self.where:
            raise BadQuery("say which sources: give `program`, `platform`, `instrument_type`, or `where`.")

    def __str__(self) -> str:
        return f"ephemeris of {self.chosen} from {written(self.start)} to {written(self.end)}"

    @property
    def conditions(self) -> str:
        """What makes the documents of this query others than those of a plain one; "" for a plain one."""
        return canonical([self.any_of, [each.body() for each in self.where]]) if self.where else ""

    def windows(self, window: str | None = None) -> Iterator[Window]:
        """Yield the windows of this query."""
        return WINDOWS[window or self.window](self.start, self.end)

    def body(self, chosen: Chosen, window: Window) -> dict[str, Any]:
        """Write the search for some sources and one window for the wire."""
        sources = _filtered("ephemeris_metadata_filters", chosen, self.where, self.any_of)
        return {"data_sources": sources, "start": written(window[0]), "end": written(window[1])}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductQuery:
    """Keograms, movies and plots that start and end from `start` to `end`."""

    chosen: Chosen
    start: datetime
    end: datetime
    product_type: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()
    any_of: bool = False
    file_base_url: str | None = None
    """What addresses of files are relative to that are not absolute."""

    def __post_init__(self) -> None:
        _check_range(self.start, self.end)
        check_choice("product type", self.product_type, PRODUCT_TYPES)
        if self.file_base_url is not None and not is_web_address(self.file_base_url):
            raise BadQuery(
                f"`file_base_url` {self.file_base_url!r} is no URL; write it as in https://host/files/."
            )
        if not self.chosen and not self.where and not self.product_type:
            raise BadQuery(
                "say which products: give `program`, `platform`, `instrument_type`, `product_type`, or `where`."
            )

    def __str__(self) -> str:
        return f"data products of {self.chosen} from {written(self.start)} to {written(self.end)}"

    def body(self) -> dict[str, Any]:
        """Write the search for the wire."""
        return {
            "data_sources": _filtered("data_product_metadata_filters", self.chosen, self.where, self.any_of),
            "start": written(self.start),
            "end": written(self.end),
            "data_product_type_filters": list(self.product_type),
        }


@dataclass(frozen=True, slots=True)
class ConjunctionQuery:
    """When sources were close to one another. `document` is the search as AuroraX has it, in JSON."""

    document: str
    name: str = ""
    """What the file of the result is called, beside the mark of its query."""

    def __post_init__(self) -> None:
        try:
            told = json.loads(self.document)
        except (ValueError, RecursionError):
            raise BadQuery("the conjunction query is no JSON document; write one object.") from None
        try:
            canonical(told).encode()
        except UnicodeEncodeError:
            raise BadQuery("the conjunction query holds half a character; leave that out.") from None
        _check_conjunction(told)

    def __str__(self) -> str:
        told = self.body()
        return f"conjunctions from {told['start']} to {told['end']}"

    @classmethod
    def of(
        cls,
        blocks: Mapping[str, Iterable[Chosen]],
        start: datetime,
        end: datetime,
        *,
        types: tuple[str, ...] = ("nbtrace",),
        hemispheres: tuple[str, ...] = (),
        distance_km: float = _DISTANCE_KM,
        name: str = "",
    ) -> Self:
        """Write a query from blocks of sources by kind, all pairs of which may be `distance_km` apart."""
        _check_range(start, end)
        told: dict[str, Any] = {kind: [each.body() for each in chosen] for kind, chosen in blocks.items()}
        for block in told.get("space", ()):
            block["hemisphere"] = list(hemispheres)
        names = [f"{kind}{number}" for kind in told for number in range(1, len(told[kind]) + 1)]
        pairs = combinations(names, 2)
        told |= {
            "start": written(start),
            "end": written(end),
            "conjunction_types": list(types),
            "max_distances": {f"{one}-{other}": _distance(one, other, distance_km) for one, other in pairs},
            "epoch_search_precision": 60,
        }
        return cls(canonical(told), name)

    def body(self) -> dict[str, Any]:
        """Return the search for the wire."""
        told = json.loads(self.document)
        assert isinstance(told, dict)
        return told


Query = EphemerisQuery | ProductQuery | ConjunctionQuery


def _distance(one: str, other: str, distance_km: float) -> float:
    """Bound the distance of two blocks. Two sites on the ground stay where they are: 0 says not to ask for it."""
    return 0 if one.startswith("ground") and other.startswith("ground") else distance_km


def _check_conjunction(told: object) -> None:
    if not isinstance(told, dict):
        raise BadQuery("the conjunction query is no JSON object; write one, with ground, space, start and end.")
    for kind in _BLOCKS:
        _listed(told, kind, "blocks")
    count = sum(len(told.get(kind) or []) for kind in _BLOCKS)
    if not 2 <= count <= _MOST_BLOCKS:
        raise BadQuery(
            f"the conjunction query has {count} blocks; give 2 to {_MOST_BLOCKS} of {', '.join(_BLOCKS)}."
        )
    start, end = (_told_moment(told, name) for name in ("start", "end"))
    _check_range(start, end)
    check_choice("conjunction type", _listed(told, "conjunction_types", "names"), CONJUNCTION_TYPES)
    for block in told.get("space") or ():
        if isinstance(block, dict):
            check_choice("hemisphere", _listed(block, "hemisphere", "names"), HEMISPHERES)


def _listed(told: Mapping[str, Any], name: str, what: str) -> tuple[str, ...]:
    """Return what a list says, as texts. Raises BadQuery where it is none."""
    values = told.get(name) or []
    if not isinstance(values, list):
        raise BadQuery(f"{name!r} of the conjunction query is no list; write a list of {what}.")
    return tuple(map(str, values))


def _told_moment(told: Mapping[str, Any], name: str) -> datetime:
    if not isinstance(text := told.get(name), str):
        raise BadQuery(f"the conjunction query has no {name}; write it as in 2020-01-01T00:00:00.")
    return moments.read_bound(name, text, is_end=name == "end")


def _check_range(start: datetime, end: datetime) -> None:
    if start > end:
        raise BadQuery(f"the start {written(start)} comes after the end {written(end)}; swap them.")


def check_choice(what: str, values: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    """Raise BadQuery for a value that is none of those allowed."""
    for value in values:
        if value not in allowed:
            raise BadQuery(f"unknown {what} {value!r}; use one of {', '.join(allowed)}.")
