"""What is known of a run that is over."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from imap_bulk.model import Outcome, Pacing, Plan, Proof, Result
from imap_bulk.report.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Doing:
    """What a run was asked to do; nothing in it is a secret."""

    direction: str
    archive: str
    data_dir: str
    command: str
    """To be typed to run it again."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is known of a run that is over, or was stopped; times in seconds since its start, but for `started`."""

    doing: Doing
    started: float
    """Unix time."""
    seconds: float
    plan: Plan | None
    result: Result | None
    timeline: Timeline
    setbacks: Mapping[tuple[str, str], int]
    """Attempts that failed, by host and by the kind of error."""
    changes: Mapping[str, Sequence[tuple[float, int, str]]]
    """When the number of requests at once changed at each host, to what, and why."""
    pacings: Sequence[Pacing]
    proofs: Counter[Proof | None]
    slowest: Sequence[Outcome]
    failures: Sequence[Outcome]
    """The first few hundred."""
