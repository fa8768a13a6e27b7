"""The operators of metadata filters, against Python's own."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.server.aurorax.answers import Refused
from imap_bulk.server.aurorax.filters import OPERATORS, read_filters

if TYPE_CHECKING:
    from collections.abc import Callable

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
NUMBERS = st.integers(-50, 50) | st.floats(-50, 50)
WORDS = st.text(alphabet="abc ", max_size=3).filter(lambda word: word.strip() not in {"", "inf", "nan"})


def matches(kept: Any, operator: str, *values: Any) -> bool:
    expression = {"key": "field", "operator": operator, "values": [str(value) for value in values]}
    return read_filters({"expressions": [expression]})({"field": kept})


@given(NUMBERS, st.sampled_from(sorted(COMPARISONS)), NUMBERS)
def test_numbers_are_compared_as_numbers(kept: float, name: str, value: float) -> None:
    assert matches(kept, name, value) is COMPARISONS[name](kept, value)


@given(WORDS, st.sampled_from(sorted(COMPARISONS)), WORDS)
def test_texts_are_compared_as_texts(kept: str, name: str, value: str) -> None:
    assert matches(kept, name, value) is COMPARISONS[name](kept, value)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_between_includes_both_ends(kept: float, least: float, most: float) -> None:
    assert matches(kept, "between", least, most) is (least <= kept <= most)


@given(WORDS, st.lists(WORDS, min_size=1))
def test_in_and_not_in_are_opposites(kept: str, values: list[str]) -> None:
    assert matches(kept, "in", *values) is (kept in values)
    assert matches(kept, "not in", *values) is (kept not in values)


@given(st.sampled_from(sorted(OPERATORS)))
def test_what_is_unknown_fits_nothing(name: str) -> None:
    values = ["1", "2"] if name == "between" else ["1"]
    wanted = read_filters({"expressions": [{"key": "other", "operator": name, "values": values}]})
    assert not wanted({"field": 1})
    assert not wanted({"other": None})


@given(st.lists(st.booleans(), min_size=1, max_size=4))
def test_expressions_are_joined(held: list[bool]) -> None:
    expressions = [{"key": "field", "operator": "=", "values": ["1" if each else "2"]} for each in held]
    for name, join in (("AND", all), ("and", all), (None, all), ("OR", any)):
        wanted = read_filters({"logical_operator": name, "expressions": expressions})
        assert wanted({"field": 1}) is join(held)


@pytest.mark.parametrize("value", ["true", "True"])
def test_booleans_are_compared_in_any_letter_case(value: str) -> None:
    assert matches(True, "=", value)
    assert not matches(False, "=", value)


@pytest.mark.parametrize("absent", [None, {}, {"expressions": []}, {"logical_operator": "AND"}])
def test_no_filter_wants_everything(absent: Any) -> None:
    assert read_filters(absent)({})


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"expressions": "x"},
        {"expressions": ["x"]},
        {"expressions": [{"operator": "=", "values": ["1"]}]},
        {"expressions": [{"key": "a", "operator": "~", "values": ["1"]}]},
        {"expressions": [{"key": "a", "operator": "=", "values": ["1", "2"]}]},
        {"expressions": [{"key": "a", "operator": "between", "values": ["1"]}]},
        {"expressions": [{"key": "a", "operator": "in", "values": []}]},
        {"logical_operator": "XOR", "expressions": []},
    ],
)
def test_a_bad_filter_is_refused(document: Any) -> None:
    with pytest.raises(Refused) as refused:
        read_filters(document)
    assert refused.value.status == 400
