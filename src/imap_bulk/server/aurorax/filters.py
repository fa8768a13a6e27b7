"""Filters on the metadata of records, as queries spell them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from imap_bulk.server.aurorax.answers import bad_request

Matches = Callable[[Mapping[str, Any]], bool]
"""Whether a record's metadata is wanted."""

Compare = Callable[[Any, Sequence[str]], bool]

_BOTH = {"AND": all, "OR": any}


def everything(_: Mapping[str, Any]) -> bool:
    """Want every record."""
    return True


def read_filters(document: object) -> Matches:
    """Read the filters of a query, or their absence (null, {}, no expressions). Raises Refused."""
    if document is None or document == {}:
        return everything
    if not isinstance(document, dict) or not isinstance(document.get("expressions") or [], list):
        raise bad_request("Metadata filters need a logical_operator and an array of expressions.")
    name = str(document.get("logical_operator") or "AND").upper()
    if name not in _BOTH:
        raise bad_request(f"{name!r} is no logical operator; known are AND and OR.")
    expressions = [_expression(each) for each in document.get("expressions") or []]
    if not expressions:
        return everything
    join = _BOTH[name]
    return lambda metadata: join(matches(metadata) for matches in expressions)


def _expression(document: object) -> Matches:
    if not isinstance(document, dict) or not isinstance(document.get("key"), str):
        raise bad_request("An expression of a metadata filter needs key, operator and values.")
    operator, key = document.get("operator"), document["key"]
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise bad_request(f"{operator!r} is no operator; known are {', '.join(OPERATORS)}.")
    values = document.get("values")
    if values is None:
        raise bad_request("An expression of a metadata filter needs key, operator and values.")
    values = [str(value) for value in (values if isinstance(values, list) else [values])]
    compare, least, most = OPERATORS[operator]
    if not least <= len(values) <= most:
        raise bad_request(f"The operator {operator!r} cannot take {len(values)} values.")

    def matches(metadata: Mapping[str, Any]) -> bool:
        kept = metadata.get(key)
        return kept is not None and compare(kept, values)  # as in SQL, what is unknown fits nothing

    return matches


def _ordered(kept: Any, value: str) -> int:
    """Return -1, 0 or 1: as numbers where both are numbers, else as texts."""
    if isinstance(kept, bool):
        kept, value = str(kept).lower(), value.lower()
    left, right = _number(kept), _number(value)
    if left is None or right is None:
        return (str(kept) > value) - (str(kept) < value)
    return (left > right) - (left < right)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number else None


def _is_one_of(kept: Any, values: Sequence[str]) -> bool:
    return any(_ordered(kept, value) == 0 for value in values)


OPERATORS: dict[str, tuple[Compare, int, float]] = {
    "=": (lambda kept, values: _ordered(kept, values[0]) == 0, 1, 1),
    "!=": (lambda kept, values: _ordered(kept, values[0]) != 0, 1, 1),
    "<": (lambda kept, values: _ordered(kept, values[0]) < 0, 1, 1),
    "<=": (lambda kept, values: _ordered(kept, values[0]) <= 0, 1, 1),
    ">": (lambda kept, values: _ordered(kept, values[0]) > 0, 1, 1),
    ">=": (lambda kept, values: _ordered(kept, values[0]) >= 0, 1, 1),
    "in": (_is_one_of, 1, float("inf")),
    "not in": (lambda kept, values: not _is_one_of(kept, values), 1, float("inf")),
    "between": (lambda kept, values: _ordered(kept, values[0]) >= 0 >= _ordered(kept, values[1]), 2, 2),
}
"""Operator -> how it compares, and the least and most values it takes."""
