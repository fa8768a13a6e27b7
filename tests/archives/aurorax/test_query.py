"""What AuroraX can be asked for: values that are checked before any request."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_bulk.archives.aurorax import Chosen, Condition, ConjunctionQuery, EphemerisQuery, ProductQuery
from imap_bulk.archives.aurorax.moments import days, months, name_of, read_bound, read_moment, written
from imap_bulk.errors import BadQuery

SWARM = Chosen(program=("swarm",))
MOMENTS = st.integers(946_684_800, 1_893_456_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def at(text: str) -> datetime:
    return read_moment(text)


DAY = at("2019-01-01T00:00")


def ephemeris(**given: Any) -> EphemerisQuery:
    told: dict[str, Any] = {"chosen": SWARM, "start": at("2019-01-01T00:00"), "end": at("2019-01-02T23:59:59")}
    return EphemerisQuery(**told | given)


@pytest.mark.parametrize(
    ("text", "key", "operator", "values"),
    [
        ("nbtrace_region in north polar cap", "nbtrace_region", "in", ("north polar cap",)),
        ("a not in b, c", "a", "not in", ("b", "c")),
        ("a NOT  IN b", "a", "not in", ("b",)),
        ("confidence>=95", "confidence", ">=", ("95",)),
        ("state = definitive, more or less", "state", "=", ("definitive, more or less",)),
        ("x between 1, 2.5", "x", "between", ("1", "2.5")),
        ("inner != b", "inner", "!=", ("b",)),
    ],
)
def test_a_condition_is_read_as_people_write_it(
    text: str, key: str, operator: str, values: tuple[str, ...]
) -> None:
    assert Condition.of(text) == Condition(key, operator, values)


@pytest.mark.parametrize("text", ["", "a", "a in", "in b", "a ~ b", "a between 1", "a in b,,c", "a between 1,2,3"])
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadQuery, match=r"(is no condition; write NAME)|(lacks a value)"):
        Condition.of(text)


@pytest.mark.parametrize(
    ("text", "is_end", "moment"),
    [
        ("20200131", False, "2020-01-31T00:00:00"),
        ("20200131", True, "2020-01-31T23:59:59"),
        ("2020-01-31", True, "2020-01-31T23:59:59"),
        ("2020-01-31T06:30", True, "2020-01-31T06:30:00"),
        ("2020-01-31T06:30:15Z", False, "2020-01-31T06:30:15"),
        ("2020-01-31T06:30:15+02:00", False, "2020-01-31T04:30:15"),
    ],
)
def test_a_day_that_ends_a_range_ends_with_its_last_second(text: str, is_end: bool, moment: str) -> None:
    assert written(read_bound("end", text, is_end=is_end)) == moment


@pytest.mark.parametrize(
    "text", ["", "2020", "20200230", "2020-13-01", "yesterday", "2020-01-01T24:00", "2020-01-01T25:00"]
)
def test_what_is_no_day_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadQuery, match="is no day or time; write YYYYMMDD"):
        read_bound("--start-date", text, is_end=False)


@settings(max_examples=40)
@given(MOMENTS, st.integers(0, 200 * 86400), st.sampled_from([days, months]))
def test_windows_cover_a_range_without_gap_or_overlap(start: datetime, seconds: int, cut: Any) -> None:
    end = datetime.fromtimestamp(start.timestamp() + seconds, UTC)
    windows = list(cut(start, end))
    assert (windows[0][0], windows[-1][1]) == (start, end)
    assert all((after[0] - before[1]).total_seconds() == 1 for before, after in pairwise(windows))
    assert len({name_of(window) for window in windows}) == len(windows)
    assert all((last - first).days < 31 for first, last in windows)


def test_the_last_day_of_all_ends_every_range() -> None:
    start = at("9999-11-30T00:00")
    end = read_bound("--end-date", "99991231", is_end=True)
    assert end == at("9999-12-31T23:59:59")
    for cut, count in ((days, 32), (months, 2)):
        windows = list(cut(start, end))
        assert (len(windows), windows[-1][1]) == (count, end)
    assert name_of(next(months(at("9999-12-01T00:00"), end))) == "999912"


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("2019-01-01T00:00:00", "2019-01-01T23:59:59", "20190101"),
        ("2019-02-01T00:00:00", "2019-02-28T23:59:59", "201902"),
        ("2019-01-01T06:00:00", "2019-01-01T23:59:59", "20190101T060000-20190101T235959"),
        ("2019-01-01T00:00:00", "2019-01-01T12:00:00", "20190101T000000-20190101T120000"),
    ],
)
def test_a_part_of_a_day_has_another_name_than_the_day(start: str, end: str, name: str) -> None:
    assert name_of((at(start), at(end))) == name


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (lambda: ephemeris(chosen=Chosen()), "say which sources"),
        (lambda: ephemeris(start=at("2020-01-01T00:00")), "comes after the end"),
        (lambda: ephemeris(window="year"), "unknown window 'year'; use one of day, month"),
        (
            lambda: ProductQuery(chosen=SWARM, start=DAY, end=DAY, product_type=("jpeg",)),
            "unknown product type 'jpeg'; use one of keogram, ",
        ),
        (lambda: ConjunctionQuery("nonsense"), "no JSON document"),
        (lambda: ConjunctionQuery("[]"), "no JSON object"),
        (lambda: ConjunctionQuery('{"ground": [{}]}'), "has 1 blocks; give 2 to 10"),
        (lambda: ConjunctionQuery('{"ground": [{}], "space": [{}]}'), "has no start"),
        (lambda: ConjunctionQuery('{"ground": {}, "space": 5}'), "'space' of the conjunction query is no list"),
        (
            lambda: ConjunctionQuery(
                '{"ground":[{}],"space":[{"hemisphere":["up"]}],"start":"20200101","end":"20200101"}'
            ),
            "unknown hemisphere 'up'",
        ),
        (
            lambda: ConjunctionQuery(
                '{"ground":[{}],"space":[{"hemisphere":7}],"start":"20200101","end":"20200101"}'
            ),
            "'hemisphere' of the conjunction query is no list",
        ),
        (
            lambda: ConjunctionQuery(
                '{"ground":[{},{}],"conjunction_types":5,"start":"20200101","end":"20200101"}'
            ),
            "'conjunction_types' of the conjunction query is no list",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_not_asked(query: Any, said: str) -> None:
    with pytest.raises(BadQuery, match=said):
        query()


def test_an_ephemeris_search_is_written_as_the_api_has_it() -> None:
    query = ephemeris(where=(Condition("state", "=", ("definitive",)),), any_of=True)
    assert query.body(query.chosen, (query.start, query.end)) == {
        "data_sources": {
            "programs": ["swarm"],
            "platforms": [],
            "instrument_types": [],
            "ephemeris_metadata_filters": {
                "logical_operator": "OR",
                "expressions": [{"key": "state", "operator": "=", "values": ["definitive"]}],
            },
        },
        "start": "2019-01-01T00:00:00",
        "end": "2019-01-02T23:59:59",
    }


def test_a_conjunction_search_is_written_from_its_blocks() -> None:
    blocks = {"ground": [Chosen(program=("themis-asi",)), Chosen(program=("rego",))], "space": [SWARM]}
    start, end = at("2020-01-01T00:00"), at("2020-01-02T00:00")
    told = ConjunctionQuery.of(blocks, start, end, hemispheres=("northern",), distance_km=500).body()
    assert told["max_distances"] == {"ground1-ground2": 0, "ground1-space1": 500, "ground2-space1": 500}
    assert told["space"][0]["hemisphere"] == ["northern"]
    assert told["conjunction_types"] == ["nbtrace"]


def test_the_same_query_is_the_same_text_whatever_the_order_of_its_document() -> None:
    one = ConjunctionQuery.of(
        {"ground": [SWARM], "space": [SWARM]}, at("2020-01-01T00:00"), at("2020-01-02T00:00")
    )
    assert json.loads(one.document) == one.body()
