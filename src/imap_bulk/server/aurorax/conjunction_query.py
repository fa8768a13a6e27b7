"""What a conjunction search asks for: blocks of sources, and how close they must come to each other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from imap_bulk.server.aurorax.answers import bad_request
from imap_bulk.server.aurorax.queries import Block, read_block, read_list, read_span

TYPES = {"nbtrace": "nbtrace", "sbtrace": "sbtrace", "geographic": "location_geo"}
"""Conjunction type -> the field of an ephemeris record whose places are compared."""

HEMISPHERES = ("northern", "southern")
KINDS = ("ground", "space", "events", "adhoc")
LEAST_BLOCKS, MOST_BLOCKS = 2, 10
PRECISIONS = (30, 60)

UNLIMITED = float("inf")


@dataclass(frozen=True, slots=True)
class Side:
    """One block of the query, called `ground1`, `space2`, ... by its kind and its turn."""

    name: str
    kind: str
    block: Block = Block()  # noqa: RUF009 - frozen
    hemispheres: tuple[str, ...] = ()
    locations: tuple[tuple[float, float], ...] = ()
    """Of an ad hoc block: degrees north and east."""


@dataclass(frozen=True, slots=True)
class ConjunctionQuery:
    """Where sources of all sides are close to each other, from `start` to `end`; limits in kilometres."""

    sides: tuple[Side, ...]
    start: float
    end: float
    types: tuple[str, ...]
    limits: Mapping[tuple[int, int], float]
    """By the indices of two sides, the lower one first."""


def read_conjunction_query(document: Mapping[str, Any]) -> ConjunctionQuery:
    """Read a query. Raises Refused."""
    start, end = read_span(document)
    sides = tuple(_sides(document))
    if not LEAST_BLOCKS <= len(sides) <= MOST_BLOCKS:
        raise bad_request(f"A conjunction search needs from {LEAST_BLOCKS} to {MOST_BLOCKS} criteria blocks.")
    types = read_list(document, "conjunction_types") or ("nbtrace",)
    for name in types:
        if name not in TYPES:
            raise bad_request(f"{name!r} is no conjunction type; known are {', '.join(TYPES)}.")
    if document.get("epoch_search_precision") not in (None, *PRECISIONS):
        raise bad_request("The field epoch_search_precision must be 30 or 60.")
    return ConjunctionQuery(sides, start, end, types, _limits(document, sides))


def _sides(document: Mapping[str, Any]) -> Iterator[Side]:
    for kind in KINDS:
        blocks = document.get(kind) or []
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise bad_request(f"The field {kind} must be an array of criteria blocks.")
        for number, block in enumerate(blocks, start=1):
            yield _side(f"{kind}{number}", kind, block)


def _side(name: str, kind: str, block: Mapping[str, Any]) -> Side:
    if kind == "adhoc":
        return Side(name, kind, locations=tuple(_locations(name, block.get("locations"))))
    hemispheres = read_list(block, "hemisphere")
    for hemisphere in hemispheres:
        if hemisphere not in HEMISPHERES:
            raise bad_request(f"{hemisphere!r} is no hemisphere; known are {', '.join(HEMISPHERES)}.")
    return Side(name, kind, read_block(block, "ephemeris_metadata_filters"), hemispheres)


def _locations(name: str, locations: object) -> Iterator[tuple[float, float]]:
    if not isinstance(locations, list) or not locations:
        raise bad_request(f"The block {name} needs locations.")
    for location in locations:
        try:
            yield float(location["lat"]), float(location["lon"])
        except (TypeError, KeyError, ValueError):
            raise bad_request(f"Each location of the block {name} needs numbers lat and lon.") from None


def _limits(document: Mapping[str, Any], sides: tuple[Side, ...]) -> dict[tuple[int, int], float]:
    given = document.get("max_distances") or {}
    if not isinstance(given, dict):
        raise bad_request("The field max_distances must be an object.")
    limits = {}
    for (left, first), (right, second) in combinations(enumerate(sides), 2):
        names = (f"{first.name}-{second.name}", f"{second.name}-{first.name}")
        stated = [name for name in names if name in given]
        if not stated:
            limits[left, right] = 0.0 if first.kind == second.kind == "ground" else UNLIMITED
            continue
        limits[left, right] = _distance(given[stated[0]], stated[0])
    return limits


def _distance(value: object, name: str) -> float:
    if value is None:
        return UNLIMITED
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise bad_request(f"The distance {name} must be a number of kilometres, or null.")
    return float(value)
