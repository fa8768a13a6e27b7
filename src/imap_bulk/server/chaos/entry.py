"""One entry of a SPEC of faults: `NAME=VALUE` or `NAME*COUNT`, with what a value may be."""

import re

ENTRY = re.compile(r"(?:(?P<origin>api|storage):)?(?P<name>[a-z0-9-]+)(?P<sign>[=*])(?P<value>[0-9.:]+)", re.ASCII)

_NUMBER = r"[0-9]{0,9}\.?[0-9]{1,9}"


class BadEntry(ValueError):
    """What is wrong with an entry, as the end of a sentence that names it."""


def read_count(value: str) -> int:
    """Read a whole number. Raises BadEntry."""
    if not re.fullmatch("[0-9]{1,9}", value):
        raise BadEntry("needs a whole number")
    return int(value)


def read_seconds(value: str) -> float:
    """Read seconds. Raises BadEntry."""
    if not re.fullmatch(_NUMBER, value):
        raise BadEntry("needs seconds (outage: START:LENGTH)")
    return float(value)


def read_probability(value: str) -> float:
    """Read a probability. Raises BadEntry."""
    if not re.fullmatch(_NUMBER, value) or float(value) > 1:
        raise BadEntry("needs a probability from 0 to 1")
    return float(value)
