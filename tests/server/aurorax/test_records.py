"""What searches find: ephemeris, data products and conjunctions of the sample."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.aurorax.conftest import API, DAY, HOUR, SWARM_A

if TYPE_CHECKING:
    from tests.server.aurorax.conftest import Start, Visitor

BASIC = ["identifier", "program", "platform", "instrument_type", "source_type", "display_name"]
PLACES = ["location_geo", "location_gsm", "nbtrace", "sbtrace"]
GILLAM = {"programs": ["trex"], "platforms": ["gillam"]}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
SWARM_FIELDS = {
    "nbtrace_region", "sbtrace_region", "radial_distance", "radial_trace_region", "spacecraft_region", "state",
    "tii_on", "tii_quality_vixh", "tii_quality_vixv", "tii_quality_viy", "tii_quality_viz",
}  # fmt: skip


def filtered(*expressions: tuple[str, str, list[str]], by: str = "AND") -> dict[str, Any]:
    told = [{"key": key, "operator": operator, "values": values} for key, operator, values in expressions]
    return {"logical_operator": by, "expressions": told}


# --- ephemeris


async def test_an_ephemeris_record_has_exactly_its_keys(visitor: Visitor) -> None:
    record = (await visitor.search("ephemeris", {"data_sources": SWARM_A, **HOUR}))[0]
    assert set(record) == {"data_source", "epoch", *PLACES, "metadata"}
    assert list(record["data_source"]) == BASIC
    assert all(set(record[place]) == {"lat", "lon"} for place in PLACES)
    assert set(record["metadata"]) == SWARM_FIELDS
    assert record["location_gsm"] == {"lat": None, "lon": None}


async def test_a_day_has_a_record_for_each_minute_without_zone_or_fraction(visitor: Visitor) -> None:
    records = await visitor.search("ephemeris", {"data_sources": SWARM_A, **DAY})
    epochs = [record["epoch"] for record in records]
    assert len(set(epochs)) == 1440
    assert epochs == sorted(epochs)
    assert all(MOMENT.fullmatch(epoch) for epoch in epochs)
    assert {-90 <= record["location_geo"]["lat"] <= 90 for record in records} == {True}
    assert {-180 <= record["location_geo"]["lon"] <= 180 for record in records} == {True}


async def test_both_ends_are_included_and_there_is_neither_past_nor_future(visitor: Visitor) -> None:
    for begin, end, count in (
        ("2020-01-01T00:00:00", "2020-01-01T00:05:00", 6),
        ("2020-01-01T00:00:00.500Z", "2020-01-01T00:04:59.999Z", 4),
        ("2020-01-01T00:00:00.000Z", "2020-01-01T00:00:00.000Z", 1),
        ("2020-01-01T02:00:00+02:00", "2020-01-01T00:01", 2),
        ("2006-12-31T23:58:00", "2007-01-01T00:01:00", 2),
        ("1990-01-01T00:00:00", "1990-01-02T00:00:00", 0),
        ("2026-01-20T11:59:00", "2026-01-21T00:00:00", 2),
    ):
        query = {"data_sources": SWARM_A, "start": begin, "end": end}
        assert len(await visitor.search("ephemeris", query)) == count, begin


async def test_instruments_operate_in_the_dark(visitor: Visitor) -> None:
    records = await visitor.search("ephemeris", {"data_sources": GILLAM, **DAY})
    hours = {int(record["epoch"][11:13]) for record in records}
    assert hours == set(range(24)) - set(range(14, 22))
    assert len({record["location_geo"]["lat"] for record in records}) == 1
    assert set(records[0]["metadata"]) == {"calgary_apa_ml_v1", "calgary_apa_ml_v1_confidence"}


async def test_regions_follow_the_latitude(visitor: Visitor) -> None:
    records = await visitor.search("ephemeris", {"data_sources": SWARM_A, **DAY})
    polar = [each for each in records if each["metadata"]["nbtrace_region"] == "north polar cap"]
    assert polar
    assert {each["nbtrace"]["lat"] > 70 for each in polar} == {True}
    assert {each["sbtrace"]["lat"] == -each["nbtrace"]["lat"] for each in records} == {True}


async def test_the_same_seed_gives_the_same_orbits(start: Start, root: Any) -> None:
    query = {"data_sources": SWARM_A, **HOUR}
    servers = [await start(root=root / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    first, second, third = [await visitor.search("ephemeris", query) for visitor in servers]
    assert first == second != third


async def test_records_are_filtered_by_metadata(visitor: Visitor) -> None:
    wanted = filtered(("nbtrace_region", "in", ["north polar cap"]), ("tii_on", "=", ["true"]))
    query = {"data_sources": SWARM_A | {"ephemeris_metadata_filters": wanted}, **DAY}
    found = await visitor.search("ephemeris", query)
    assert 0 < len(found) < 1440
    assert {each["metadata"]["nbtrace_region"] for each in found} == {"north polar cap"}


async def test_a_filter_alone_is_criterion_enough(visitor: Visitor) -> None:
    wanted = filtered(("calgary_apa_ml_v1_confidence", ">=", ["95"]))
    found = await visitor.search("ephemeris", {"data_sources": {"ephemeris_metadata_filters": wanted}, **DAY})
    assert found
    assert min(each["metadata"]["calgary_apa_ml_v1_confidence"] for each in found) >= 95


async def test_ephemeris_is_answered_at_once_for_two_days(visitor: Visitor) -> None:
    path = f"{API}/ephemeris/search_synchronous"
    query = {"data_sources": SWARM_A, **HOUR}
    answer = await visitor.send("POST", path, {"query": query})
    assert answer.json == await visitor.search("ephemeris", query)
    answer = await visitor.send("POST", path, {"query": query, "response_format": {"epoch": True}})
    assert answer.json[0] == {"epoch": "2020-01-01T00:00:00"}
    answer = await visitor.send("POST", f"{path}?data_source_record_format=identifier_only", {"query": query})
    assert answer.json[0]["data_source"] == {"identifier": 3}
    long = query | {"end": "2020-01-03T00:00:01"}
    assert (await visitor.fault("POST", "/ephemeris/search_synchronous", {"query": long}))[0] == 400
    assert (await visitor.fault("POST", "/ephemeris/search_synchronous", query))[0] == 400


# --- data products


async def test_a_product_record_has_exactly_its_keys(visitor: Visitor) -> None:
    records = await visitor.search("data_products", {"data_sources": GILLAM, **DAY})
    assert {frozenset(record) for record in records} == {
        frozenset({"data_source", "data_product_type", "start", "end", "url", "metadata"})
    }
    assert [(each["data_product_type"], each["start"], each["end"], each["metadata"]) for each in records] == [
        ("keogram", "2020-01-01T00:00:00", "2020-01-01T23:59:00", {"keogram_type": "daily_hires"}),
        ("movie", "2020-01-01T00:00:00", "2020-01-01T23:59:00", {"movie_type": "real-time daily"}),
        ("keogram", "2020-01-01T06:00:00", "2020-01-01T06:59:00", {"keogram_type": "hourly"}),
    ]
    assert all(each["url"].startswith(f"{visitor.server.url}/files/") for each in records)


@pytest.mark.parametrize(
    ("types", "count"), [([], 3), (["movie"], 1), (["keogram", "movie"], 3), (["montage"], 0)]
)
async def test_products_are_filtered_by_type(visitor: Visitor, types: list[str], count: int) -> None:
    query = {"data_sources": GILLAM, **DAY, "data_product_type_filters": types}
    assert len(await visitor.search("data_products", query)) == count


async def test_products_are_filtered_by_metadata(visitor: Visitor) -> None:
    wanted = filtered(("keogram_type", "=", ["hourly"]), ("movie_type", "!=", ["x"]), by="OR")
    query = {"data_sources": GILLAM | {"data_product_metadata_filters": wanted}, **DAY}
    found = await visitor.search("data_products", query)
    assert [each["data_product_type"] for each in found] == ["movie", "keogram"]


async def test_products_lie_within_the_span(visitor: Visitor) -> None:
    span = {"start": "2020-01-01T06:00:00", "end": "2020-01-01T23:58:59"}
    found = await visitor.search("data_products", {"data_sources": GILLAM, **span})
    assert [each["metadata"] for each in found] == [{"keogram_type": "hourly"}]


async def test_products_are_answered_at_once_for_ten_years(visitor: Visitor) -> None:
    query = {"data_sources": GILLAM, "start": "2010-01-01T00:00:00", "end": "2019-12-31T23:59:59"}
    answer = await visitor.send("POST", f"{API}/data_products/search_synchronous", {"query": query})
    assert len(answer.json) == 3652 * 3
    long = {"query": query | {"end": "2020-02-01T00:00:00"}}
    assert (await visitor.fault("POST", "/data_products/search_synchronous", long))[0] == 400


# --- conjunctions

GROUND_SPACE = {
    "ground": [{"programs": ["rego"]}],
    "space": [{"programs": ["swarm"]}],
    "max_distances": {"ground1-space1": 500},
    "conjunction_types": ["nbtrace"],
    **DAY,
}


async def test_a_conjunction_has_exactly_its_keys(visitor: Visitor) -> None:
    found = await visitor.search("conjunctions", GROUND_SPACE)
    assert found
    for each in found:
        assert set(each) == {
            "conjunction_type", "start", "end", "data_sources", "min_distance", "max_distance", "closest_epoch",
            "farthest_epoch", "events",
        }  # fmt: skip
        assert [list(source) for source in each["data_sources"]] == [BASIC, BASIC]
        (event,) = each["events"]
        assert set(event) == {
            "conjunction_type", "e1_source", "e2_source", "start", "end", "min_distance", "max_distance",
        }  # fmt: skip
        assert 0 <= each["min_distance"] <= each["max_distance"] <= 500
        assert each["start"] <= each["closest_epoch"] <= each["end"]
        assert all(MOMENT.fullmatch(each[name]) for name in ("start", "end", "closest_epoch", "farthest_epoch"))


async def test_consecutive_minutes_are_one_conjunction(visitor: Visitor) -> None:
    always = GROUND_SPACE | {"max_distances": {"space1-ground1": None}, "ground": [{"programs": ["rego"]}]}
    found = await visitor.search("conjunctions", always | {"space": [{"platforms": ["swarma"]}]})
    assert [(each["start"], each["end"]) for each in found] == [
        ("2020-01-01T00:00:00", "2020-01-01T13:59:00"),
        ("2020-01-01T22:00:00", "2020-01-01T23:59:00"),
    ]


async def test_a_conjunction_goes_on_over_midnight(visitor: Visitor) -> None:
    night = {"start": "2020-01-01T22:00:00", "end": "2020-01-02T13:59:59"}
    places = [{"locations": [{"lat": 56, "lon": -94}]}]
    query = {
        "ground": [{"programs": ["rego"]}],
        "adhoc": places,
        "max_distances": {"adhoc1-ground1": 100},
        **night,
    }
    found = await visitor.search("conjunctions", query)
    assert [(each["start"], each["end"]) for each in found] == [("2020-01-01T22:00:00", "2020-01-02T13:59:00")]
    assert found[0]["data_sources"][1]["identifier"] == -1
    assert found[0]["min_distance"] == found[0]["max_distance"] == pytest.approx(58.7, abs=1)


async def test_two_blocks_on_the_ground_must_be_in_one_place_unless_told_otherwise(visitor: Visitor) -> None:
    ground = [{"programs": ["rego"]}, {"programs": ["trex"]}]
    found = await visitor.search("conjunctions", {"ground": ground, **HOUR})
    assert [each["data_sources"][1]["identifier"] for each in found] == [103]
    found = await visitor.search(
        "conjunctions", {"ground": ground, "max_distances": {"ground1-ground2": None}, **HOUR}
    )
    assert [each["data_sources"][1]["identifier"] for each in found] == [96, 103]


async def test_three_blocks_have_an_event_for_each_pair(visitor: Visitor) -> None:
    query = GROUND_SPACE | {"adhoc": [{"locations": [{"lat": 56, "lon": -94}]}]}
    found = await visitor.search("conjunctions", query)
    assert {len(each["events"]) for each in found} == {3}


async def test_hemispheres_types_and_filters_narrow_conjunctions_down(visitor: Visitor) -> None:
    south = GROUND_SPACE | {"space": [{"programs": ["swarm"], "hemisphere": ["southern"]}]}
    assert await visitor.search("conjunctions", south | {"conjunction_types": ["geographic"]}) == []
    wanted = filtered(("state", "=", ["predicted"]))
    space = [{"programs": ["swarm"], "ephemeris_metadata_filters": wanted}]
    assert await visitor.search("conjunctions", GROUND_SPACE | {"space": space}) == []


async def test_too_many_groups_fail_the_search(visitor: Visitor) -> None:
    location = await visitor.submit("conjunctions", HOUR | {"space": [{"programs": ["swarm", "themis"]}] * 10})
    status = await visitor.poll(location)
    assert status["search_result"]["error_condition"] is True
    assert status["logs"][-1]["summary"] == "The criteria blocks match more than 10,000 groups of data sources."


async def test_events_tell_where_their_ephemeris_is_when_asked(visitor: Visitor) -> None:
    location = await visitor.submit("conjunctions", GROUND_SPACE)
    await visitor.poll(location)
    answer = await visitor.send("GET", f"{location}/data?generate_ephemeris_queries=true")
    event = answer.json["result"][0]["events"][0]
    assert await visitor.search("ephemeris", event["generated_e2_ephemeris_query"])


async def test_fields_of_conjunctions_are_chosen(visitor: Visitor) -> None:
    location = await visitor.submit("conjunctions", GROUND_SPACE)
    await visitor.poll(location)
    tree = {"start": True, "events": {"e1_source": {"owner": True}}, "data_sources": {"program": True}}
    answer = await visitor.send("POST", f"{location}/data", tree)
    assert answer.json["result"][0] | {"start": ""} == {
        "start": "",
        "events": [{"e1_source": {"owner": "owner@example.org"}}],
        "data_sources": [{"program": "rego"}, {"program": "swarm"}],
    }
