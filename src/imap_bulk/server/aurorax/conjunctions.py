"""Conjunctions: stretches of minutes in which sources of all blocks are close enough to each other."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from imap_bulk.server.aurorax import sample
from imap_bulk.server.aurorax.answers import bad_request
from imap_bulk.server.aurorax.conjunction_query import TYPES, ConjunctionQuery, Side
from imap_bulk.server.aurorax.holdings import Holdings
from imap_bulk.server.aurorax.queries import chosen
from imap_bulk.server.aurorax.sources import Source
from imap_bulk.server.aurorax.times import DAY, MINUTE, written

RADIUS = 6_371.0 + 110.0
"""Kilometres from the centre of the Earth to where aurora glows: distances are measured there."""

MOST_GROUPS = 10_000
"""How many combinations of sources are looked at; ten blocks of all sources would be too many for any memory."""

Spot = tuple[float, float, float]
"""A place as a unit vector."""

_ADHOC = {
    "identifier": sample.ADHOC,
    "program": "adhoc",
    "platform": "adhoc",
    "instrument_type": "adhoc",
    "source_type": "not_applicable",
    "display_name": "Ad hoc location",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A source, or a place, that can stand for its side of a conjunction."""

    side: Side
    basic: dict[str, Any]
    source: Source | None = None
    spot: Spot | None = None


@dataclass(slots=True)
class Range:
    """The least and the most of some distances, and when they were."""

    least: float = math.inf
    most: float = -math.inf
    closest: int = 0
    farthest: int = 0

    def add(self, distance: float, epoch: int) -> None:
        """Take one more distance in."""
        if distance < self.least:
            self.least, self.closest = distance, epoch
        if distance > self.most:
            self.most, self.farthest = distance, epoch


@dataclass(slots=True)
class Meeting:
    """A conjunction that is under way."""

    start: int
    end: int
    whole: Range = field(default_factory=Range)
    pairs: dict[tuple[int, int], Range] = field(default_factory=dict)

    def add(self, epoch: int, distances: Mapping[tuple[int, int], float]) -> None:
        """Go on for another minute."""
        self.end = epoch
        for pair, distance in distances.items():
            self.whole.add(distance, epoch)
            self.pairs.setdefault(pair, Range()).add(distance, epoch)

    def record(self, kind: str, members: Sequence[Member]) -> dict[str, Any]:
        """Return the record of a result."""
        span = {"start": written(self.start), "end": written(self.end)}
        return {
            "conjunction_type": kind,
            **span,
            "data_sources": [member.basic for member in members],
            **_distances(self.whole),
            "closest_epoch": written(self.whole.closest),
            "farthest_epoch": written(self.whole.farthest),
            "events": [
                {
                    "conjunction_type": kind,
                    "e1_source": members[left].basic,
                    "e2_source": members[right].basic,
                    **span,
                    **_distances(between),
                }
                for (left, right), between in self.pairs.items()
            ],
        }


def _distances(between: Range) -> dict[str, float]:
    return {"min_distance": round(between.least, 2), "max_distance": round(between.most, 2)}


def conjunctions(
    query: ConjunctionQuery, sources: Sequence[Source], holdings: Holdings
) -> Iterator[dict[str, Any]]:
    """Yield the records of all conjunctions, in the order in which they end. Raises Refused."""
    sides = [_members(side, sources) for side in query.sides]
    if math.prod(map(len, sides)) > MOST_GROUPS:
        raise bad_request(f"The criteria blocks match more than {MOST_GROUPS:,} groups of data sources.")
    groups = [(kind, group) for kind in query.types for group in product(*sides)]
    open_ones: dict[int, Meeting] = {}
    first = int(query.start // DAY) * DAY
    for midnight in range(first, int(query.end) + 1, DAY):
        day = _Day(query, holdings, max(query.start, midnight), min(query.end, midnight + DAY - 1))
        for number, (kind, group) in enumerate(groups):
            holdings.check()
            for meeting in day.meetings(kind, group, open_ones.pop(number, None)):
                if meeting.end < midnight + DAY - MINUTE:
                    yield meeting.record(kind, group)
                else:
                    open_ones[number] = meeting  # it may go on after midnight
    for number, meeting in open_ones.items():
        yield meeting.record(*groups[number])


def _members(side: Side, sources: Sequence[Source]) -> list[Member]:
    if side.kind == "adhoc":
        return [Member(side, _ADHOC, spot=_spot(*location)) for location in side.locations]
    return [Member(side, source.in_record(), source) for source in chosen(side.block, sources)]


class _Day:
    """Where everything is on one day, looked up once."""

    def __init__(self, query: ConjunctionQuery, holdings: Holdings, start: float, end: float) -> None:
        self._query = query
        self._holdings = holdings
        self._start = start
        self._end = end
        self._tracks: dict[tuple[str, str, int], dict[int, Spot]] = {}

    def meetings(self, kind: str, group: Sequence[Member], before: Meeting | None) -> Iterator[Meeting]:
        """Yield what a group has of this day; the first may go on from the day `before`."""
        tracks = [self._track(kind, member) for member in group if member.source]
        epochs = set.intersection(*(set(track) for track in tracks)) if tracks else set(self._minutes())
        meeting = before
        for epoch in sorted(epochs):
            distances = self._close(kind, group, epoch)
            if distances is None:
                continue
            if meeting is None or epoch - meeting.end > MINUTE:
                if meeting:
                    yield meeting
                meeting = Meeting(epoch, epoch)
            meeting.add(epoch, distances)
        if meeting:
            yield meeting

    def _minutes(self) -> Iterator[int]:
        first = int(-(-self._start // MINUTE)) * MINUTE
        yield from range(first, int(self._end) + 1, MINUTE)

    def _close(self, kind: str, group: Sequence[Member], epoch: int) -> dict[tuple[int, int], float] | None:
        """Return the distances of all pairs, or None if one of them is too far apart."""
        spots = [member.spot or self._track(kind, member)[epoch] for member in group]
        distances = {}
        for pair in combinations(range(len(spots)), 2):
            distance = _distance(spots[pair[0]], spots[pair[1]])
            if distance > self._query.limits[pair]:
                return None
            distances[pair] = distance
        return distances

    def _track(self, kind: str, member: Member) -> dict[int, Spot]:
        assert member.source
        key = (kind, member.side.name, member.source.identifier)
        if key not in self._tracks:
            self._tracks[key] = dict(self._places(kind, member.side, member.source))
        return self._tracks[key]

    def _places(self, kind: str, side: Side, source: Source) -> Iterator[tuple[int, Spot]]:
        for epoch, record in self._holdings.timed(source, self._start, self._end):
            metadata = record["metadata"] if isinstance(record["metadata"], dict) else {}
            if not side.block.matches(metadata) or not _is_in(side.hemispheres, record["location_geo"]["lat"]):
                continue
            place = record[TYPES[kind]]
            if place["lat"] is None and side.kind != "space":
                place = record["location_geo"]  # who stands on the ground may leave the traces out
            if place["lat"] is not None:
                yield epoch, _spot(place["lat"], place["lon"])


def _is_in(hemispheres: Sequence[str], latitude: float | None) -> bool:
    if not hemispheres:
        return True
    return latitude is not None and ("northern" if latitude >= 0 else "southern") in hemispheres


def _spot(latitude: float, longitude: float) -> Spot:
    north, east = math.radians(latitude), math.radians(longitude)
    return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)


def _distance(one: Spot, other: Spot) -> float:
    """Return the kilometres along the great circle."""
    cosine = one[0] * other[0] + one[1] * other[1] + one[2] * other[2]
    return RADIUS * math.acos(max(-1.0, min(1.0, cosine)))


def with_queries(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record whose events tell by which queries their ephemeris is found."""
    events = [
        event | {f"generated_{side}_ephemeris_query": _ephemeris_query(event, side) for side in ("e1", "e2")}
        for event in record["events"]
    ]
    return record | {"events": events}


def _ephemeris_query(event: Mapping[str, Any], side: str) -> dict[str, Any]:
    source = event[f"{side}_source"]
    names = {f"{name}s": [source[name]] for name in ("program", "platform", "instrument_type")}
    return {"data_sources": names, "start": event["start"], "end": event["end"]}
