"""The SPEC in which faults are asked for, such as `truncate-length=0.1,api:503-date*3,streak=0`.

    NAME=PROBABILITY      a fault, or a group that shares its probability among the faults that fit a request:
                          all, api, storage, network, busy
    NAME*COUNT            the first COUNT requests of every path that the fault fits, beyond any streak
    api:NAME storage:NAME the fault at this origin only
    streak=N              at most N faults in a row for one path (default 2; 0: no limit)
    stall=SECONDS         how long silence and drip last (default 60)
    outage=START:LENGTH   seconds since the start, in which everything is a 503

A fault that is named is no longer part of a group: `all=0.1,stall-head=0` is everything but that one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from imap_bulk.server.chaos.entry import ENTRY, BadEntry, read_count, read_probability, read_seconds
from imap_bulk.server.chaos.fault import Fault, Kind
from imap_bulk.server.chaos.faults import ALL
from imap_bulk.server.wire import Origin

GROUPS: dict[str, Callable[[Fault, Kind], bool]] = {
    "all": lambda fault, kind: True,
    "api": lambda fault, kind: kind in Kind.API,
    "storage": lambda fault, kind: kind in Kind.STORAGE,
    "network": lambda fault, kind: fault.is_network,
    "busy": lambda fault, kind: fault.name.startswith(("503-", "429-")),
}
"""Group -> whether a fault of a request of this kind is in it."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A fault, everywhere or at one origin."""

    name: str
    origin: Origin | None = None

    def hits(self, kind: Kind) -> bool:
        """Tell whether a request of this kind can meet it."""
        return kind in ALL[self.name].kinds and self.origin in (None, kind.origin)


@dataclass(slots=True)
class Spec:
    """What a SPEC asks for."""

    probabilities: dict[Aim, float] = field(default_factory=dict)
    groups: dict[str, float] = field(default_factory=dict)
    counts: dict[Aim, int] = field(default_factory=dict)
    streak: int = 2
    stall: float = 60.0
    outage: tuple[float, float] | None = None

    def counted(self, kind: Kind) -> list[tuple[Fault, int]]:
        """Return the faults that the first requests of a path meet, and how many requests each."""
        return [(ALL[aim.name], count) for aim, count in self.counts.items() if aim.hits(kind)]

    def chances(self, kind: Kind) -> list[tuple[Fault, float]]:
        """Return the faults that a request of this kind may meet, and how probably each."""
        named = [aim for aim in (*self.probabilities, *self.counts) if aim.hits(kind)]
        chances = {aim.name: self.probabilities[aim] for aim in named if aim in self.probabilities}
        free = [
            fault for fault in ALL.values() if kind in fault.kinds and fault.name not in {a.name for a in named}
        ]
        for group, probability in self.groups.items():
            members = [fault for fault in free if GROUPS[group](fault, kind)]
            for fault in members:
                chances[fault.name] = chances.get(fault.name, 0.0) + probability / len(members)
        return [(ALL[name], chance) for name, chance in chances.items() if chance]


def parse_spec(text: str) -> Spec:
    """Read a SPEC. Raises ValueError."""
    spec = Spec()
    seen = set()
    for entry in (part.strip() for part in text.split(",")):
        match = ENTRY.fullmatch(entry)
        if not match:
            raise _bad(
                entry, "is none of NAME=PROBABILITY, NAME*COUNT, streak=N, stall=SECONDS, outage=START:LENGTH"
            )
        subject = entry[: match.start("sign")]
        if subject in seen:
            raise _bad(entry, f"names {subject} a second time")
        seen.add(subject)
        try:
            _add(spec, match)
        except BadEntry as trouble:
            raise _bad(entry, str(trouble)) from None
    for kind in Kind:
        if sum(chance for _, chance in spec.chances(kind)) > 1 + 1e-9:
            raise _bad(text, f"gives probabilities of more than 1 in sum to one request ({kind.name})")
    return spec


def _add(spec: Spec, match: re.Match[str]) -> None:
    """Take an entry in. Raises BadEntry."""
    name, sign, value = match["name"], match["sign"], match["value"]
    origin = Origin(match["origin"]) if match["origin"] else None
    if name in ALL:
        aim = Aim(name, origin)
        if origin and not any(aim.hits(kind) for kind in Kind):
            raise BadEntry(f"asks for a fault that {origin} cannot commit")
        if sign == "*":
            spec.counts[aim] = read_count(value)
        else:
            spec.probabilities[aim] = read_probability(value)
    elif origin or sign == "*":
        raise BadEntry("names no fault")
    elif name in GROUPS:
        spec.groups[name] = read_probability(value)
    else:
        _set_option(spec, name, value)


def _set_option(spec: Spec, name: str, value: str) -> None:
    match name:
        case "streak":
            spec.streak = read_count(value)
        case "stall":
            spec.stall = read_seconds(value)
        case "outage":
            start, _, length = value.partition(":")
            spec.outage = read_seconds(start), read_seconds(length)
        case _:
            raise BadEntry("names no fault, group or option")


def _bad(entry: str, trouble: str) -> ValueError:
    known = ", ".join((*GROUPS, *ALL))
    return ValueError(f"chaos: {entry!r} {trouble}; known faults and groups are {known}")
