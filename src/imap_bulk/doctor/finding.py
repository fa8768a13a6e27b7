"""What a check has found."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has found, in one line, and what to do about it."""

    check: str
    state: State
    said: str
    remedy: str = ""


def ok(check: str, said: str) -> Finding:
    """Make the finding that nothing stands in the way."""
    return Finding(check, State.OK, said)


def warning(check: str, said: str, remedy: str) -> Finding:
    """Make the finding that something may stand in the way."""
    return Finding(check, State.WARNING, said, remedy)


def problem(check: str, said: str, remedy: str) -> Finding:
    """Make the finding that something does stand in the way."""
    return Finding(check, State.PROBLEM, said, remedy)
