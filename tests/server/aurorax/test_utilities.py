"""Availability, descriptions, time zones, and what administrators see of requests."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from tests.server.aurorax.conftest import API, HOUR, SWARM_A, TEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.aurorax.conftest import Start, Visitor

QUERY = {"data_sources": SWARM_A, **HOUR}
ADMIN = "/utils/admin/search_requests"
LISTING = {
    "search_type", "ip_address", "request_id", "requested", "active", "query_duration", "result_file_exists",
    "file_size", "result_count", "error_condition",
}  # fmt: skip


# --- availability


async def test_ephemeris_is_counted_by_day(visitor: Visitor) -> None:
    path = "/availability/ephemeris?start=2020-01-01&end=2020-01-02&program=swarm&platform=swarma"
    (counted,) = await visitor.ask(path)
    assert set(counted) == {"data_source", "available_ephemeris"}
    assert counted["data_source"]["identifier"] == 3
    assert counted["available_ephemeris"] == {"2020-01-01": 1440, "2020-01-02": 1440}
    assert await visitor.ask(f"{path}&slow=True") == [counted]


async def test_products_are_counted_by_day_and_type(visitor: Visitor) -> None:
    path = "/availability/data_products?start=2020-01-01&end=2020-01-01&source_type=ground"
    counted = await visitor.ask(path)
    assert [each["available_data_products"] for each in counted] == [{"2020-01-01": 3}] * 8
    movies = await visitor.ask(f"{path}&data_product_type=movie")
    assert [each["available_data_products"] for each in movies] == [{"2020-01-01": 1}] * 8


async def test_uploads_and_deletions_count(visitor: Visitor) -> None:
    swarm = dict(zip(TEST, ("swarm", "swarma", "footprint"), strict=True))
    for record in (TEST | {"epoch": "2020-01-01T00:00:00"}, swarm | {"epoch": "2020-01-01T00:00:30"}):
        number = 400 if record["program"] == "test-program" else 3
        await visitor.send("POST", f"{API}/data_sources/{number}/ephemeris", [record])
    await visitor.send(
        "DELETE", f"{API}/data_sources/3/ephemeris", swarm | HOUR | {"start": "2020-01-01T00:01:00"}
    )
    await visitor.uploaded("ephemeris")
    path = "/availability/ephemeris?start=2020-01-01&end=2020-01-02"
    expected = {"2020-01-01": 1440 - 59 + 1, "2020-01-02": 1440}
    while (await visitor.ask(f"{path}&program=swarm"))[0]["available_ephemeris"] != expected:
        pass
    (counted,) = await visitor.ask(f"{path}&program=test-program")
    assert counted["available_ephemeris"] == {"2020-01-01": 1}


async def test_without_dates_it_is_this_year_up_to_now(visitor: Visitor) -> None:
    assert await visitor.ask("/availability/ephemeris?start=9999-12-31") == []
    (counted,) = await visitor.ask("/availability/ephemeris?platform=swarma")
    days = counted["available_ephemeris"]
    assert next(iter(days)) == "2026-01-01"
    assert list(days)[-1] == "2026-01-20"
    assert days["2026-01-20"] == 721


async def test_bad_conditions_are_refused(visitor: Visitor) -> None:
    for conditions in (
        "start=yesterday",
        "end=2020-13-01",
        "end=2020-1-1",
        "source_type=x",
        "format=x",
        "slow=maybe",
    ):
        assert (await visitor.fault("GET", f"/availability/ephemeris?{conditions}"))[0] == 400
    assert (await visitor.fault("GET", "/availability/data_products?data_product_type=photo"))[0] == 400


# --- descriptions


async def test_queries_are_described(visitor: Visitor) -> None:
    filters = {"logical_operator": "OR", "expressions": [{"key": "tii_on", "operator": "in", "values": ["true"]}]}
    described = {
        "ephemeris": QUERY | {"data_sources": SWARM_A | {"ephemeris_metadata_filters": filters}},
        "data_products": QUERY | {"data_product_type_filters": ["keogram"]},
        "conjunction": {
            "ground": [SWARM_A],
            "space": [{"programs": ["swarm"]}],
            "adhoc": [{"locations": [{"lat": 1, "lon": 2}]}],
            "max_distances": {"ground1-space1": 500, "space1-adhoc1": None},
            **HOUR,
        },
    }
    words = [
        (await visitor.send("POST", f"{API}/utils/describe/query/{name}", query)).json
        for name, query in described.items()
    ]
    span = "for '2020-01-01T00:00:00' TO '2020-01-01T00:59:59'"
    names = "program IN ('swarm') AND platform IN ('swarma') AND instrument_type IN ('footprint')"
    sides = f"ground1: ({names}) AND space1: (program IN ('swarm')) AND adhoc1: (location IN (1, 2))"
    distances = "WITH ground1-space1 <= 500 km, space1-adhoc1 any distance"
    assert words == [
        f"Find ephemeris records {span} WHERE {names} AND (tii_on IN ('true'))",
        f"Find data product records {span} WHERE {names} AND data_product_type IN ('keogram')",
        f"Find nbtrace conjunctions {span} BETWEEN {sides} {distances}",
    ]


async def test_cartesian_products_are_counted(visitor: Visitor) -> None:
    query = HOUR | {"ground": [{"programs": ["themis-asi"]}], "space": [{"programs": ["swarm"]}]}
    answer = await visitor.send("POST", f"{API}/utils/describe/cartesian_products", query)
    assert answer.json == 4 * 3


async def test_times_are_converted(visitor: Visitor) -> None:
    assert "America/Edmonton" in await visitor.ask("/utils/timezones")
    told = await visitor.ask("/utils/timezones/convert?ts=2020-01-01T00:00:00&tz=America/Edmonton")
    assert told == "2020-01-01T07:00:00"
    for wrong in ("ts=x&tz=UTC", "ts=0001-01-01T00:00:00&tz=Asia/Tokyo"):
        assert (await visitor.fault("GET", f"/utils/timezones/convert?{wrong}"))[0] == 400
    assert (await visitor.fault("GET", "/utils/timezones/convert?ts=2020-01-01T00:00:00&tz=No/Where"))[0] == 404


# --- requests


async def test_requests_are_listed(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    (listed,) = await visitor.ask(ADMIN)
    assert set(listed) == LISTING
    assert listed["request_id"] == location.rpartition("/")[2]
    assert (listed["search_type"], listed["active"], listed["result_count"]) == ("ephemeris", False, 60)
    assert listed["result_file_exists"] is True


async def test_listed_requests_are_narrowed_down(start: Start) -> None:
    visitor = await start(search_delay=3600.0)
    await visitor.submit("ephemeris", QUERY)
    await visitor.send("DELETE", await visitor.submit("ephemeris", QUERY))
    for conditions, found in (
        ("active=True", 1),
        ("active=False", 1),
        ("search_type=ephemeris", 2),
        ("search_type=conjunction", 0),
        ("file_size=1", 0),
        ("result_count=0", 0),
        ("query_duration=1", 0),
        ("error_condition=true", 1),
        ("start=2026-01-20T12:00:01", 0),
        ("end=2026-01-20T12:00:01", 2),
    ):
        assert len(await visitor.ask(f"{ADMIN}?{conditions}")) == found, conditions
    for conditions in ("active=maybe", "search_type=x", "file_size=x", "start=x"):
        assert (await visitor.fault("GET", f"{ADMIN}?{conditions}"))[0] == 400


async def test_a_request_is_forgotten(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    path = f"{ADMIN}/{location.rpartition('/')[2]}"
    assert (await visitor.send("DELETE", API + path, {})).status == 200
    assert (await visitor.send("GET", location)).status == 404
    assert await visitor.ask(ADMIN) == []
    assert (await visitor.fault("DELETE", path))[0] == 400


async def test_what_is_nowhere_is_told_in_a_document(visitor: Visitor) -> None:
    assert (await visitor.fault("GET", "/nowhere"))[:2] == (404, "NotFound")
    assert (await visitor.fault("PUT", "/data_sources"))[0] == 405
    assert (await visitor.fault("GET", f"/{uuid.uuid4()}"))[0] == 404


def documented() -> Iterator[tuple[str, str]]:
    for kind in ("ephemeris", "data_products", "conjunctions"):
        yield "POST", f"/{kind}/search"
        for method in ("GET", "DELETE"):
            yield method, f"/{kind}/requests/{{id}}"
        for method in ("GET", "POST", "DELETE"):
            yield method, f"/{kind}/requests/{{id}}/data"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        yield method, "/data_sources/{identifier}"
    yield "GET", "/data_sources/{identifier}/ephemeris/delete_jobs"


async def test_every_documented_endpoint_answers(visitor: Visitor) -> None:
    for method, path in documented():
        answer = await visitor.send(method, API + path.format(identifier=400, id=uuid.uuid4()), {})
        assert answer.status in {200, 400, 404}
        assert "There is nothing at" not in answer.text
