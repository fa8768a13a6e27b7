"""Searches of all kinds: asked for, polled, fetched, cancelled, expired."""

from __future__ import annotations

import asyncio
import uuid
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.aurorax.conftest import API, DAY, HOUR, SWARM_A

from imap_bulk.server.aurorax.answers import Refused
from imap_bulk.server.aurorax.finding import READERS
from imap_bulk.server.aurorax.requests import Kind

if TYPE_CHECKING:
    from tests.server.aurorax.conftest import Start, Visitor
    from tests.server.conftest import Clock

QUERY = {"data_sources": SWARM_A, **HOUR}
CONJUNCTION = {
    "ground": [{"programs": ["rego"]}],
    "space": [{"programs": ["swarm"]}],
    "max_distances": {"ground1-space1": 500},
    **HOUR,
}
QUERIES: dict[str, Any] = {
    "ephemeris": QUERY,
    "data_products": {"data_sources": {}, **DAY},
    "conjunctions": CONJUNCTION,
}
TYPES = {"ephemeris": "ephemeris", "data_products": "data_product", "conjunctions": "conjunction"}
RUNNING = {
    "data_uri": None, "result_count": None, "file_size": None, "completed_timestamp": None, "query_duration": None,
    "result_file_deleted_timestamp": None, "error_condition": False,
}  # fmt: skip
ONE_SLOW = {"search_delay": 3600.0}


@pytest.mark.parametrize("kind", QUERIES)
async def test_a_search_is_accepted_with_an_absolute_location(visitor: Visitor, kind: str) -> None:
    location = await visitor.submit(kind, QUERIES[kind])
    assert location.startswith(f"{visitor.server.url}{API}/{kind}/requests/")
    assert uuid.UUID(location.rpartition("/")[2])


async def test_the_location_begins_with_the_public_url(start: Start) -> None:
    visitor = await start(public_url="https://archive.example.org/")
    assert (await visitor.submit("ephemeris", QUERY)).startswith("https://archive.example.org/api/v1/ephemeris/")


@pytest.mark.parametrize("kind", QUERIES)
async def test_a_running_search_has_all_keys(start: Start, kind: str) -> None:
    visitor = await start(**ONE_SLOW)
    location = await visitor.submit(kind, QUERIES[kind])
    status = (await visitor.send("GET", location, {})).json
    own = location.rpartition("/")[2]
    assert status == {
        "search_request": {
            "request_id": own,
            "query": QUERIES[kind] | {"request_id": own},
            "requested": "2026-01-20T12:00:00.000",
            "request_type": TYPES[kind],
        },
        "logs": [{"timestamp": "2026-01-20T12:00:00.000", "level": "info", "summary": "Search request received"}],
        "search_result": RUNNING,
    }
    assert (await visitor.send("GET", f"{location}/data")).status == 404


@pytest.mark.parametrize("kind", QUERIES)
async def test_a_finished_search_tells_of_its_result(visitor: Visitor, kind: str) -> None:
    location = await visitor.submit(kind, QUERIES[kind])
    result = (await visitor.poll(location))["search_result"]
    data = await visitor.send("GET", visitor.server.url + result["data_uri"])
    assert f"{location}/data" == visitor.server.url + result["data_uri"]
    assert data.headers["Content-Type"] == "application/json"
    assert set(data.json) == {"result"}
    assert result == RUNNING | {
        "data_uri": result["data_uri"],
        "result_count": len(data.json["result"]),
        "file_size": len(data.body),
        "completed_timestamp": "2026-01-20T12:00:00.000",
        "query_duration": 0,
    }


async def test_a_caller_may_choose_the_id(visitor: Visitor) -> None:
    chosen = str(uuid.uuid4())
    location = await visitor.submit("ephemeris", QUERY | {"request_id": chosen})
    assert location.endswith(chosen)
    assert (await visitor.fault("POST", "/ephemeris/search", QUERY | {"request_id": chosen}))[:2] == (
        400,
        "Duplicate",
    )
    assert (await visitor.fault("POST", "/ephemeris/search", QUERY | {"request_id": "x"}))[0] == 400


async def test_of_two_searches_with_one_id_one_is_refused(visitor: Visitor) -> None:
    query = QUERY | {"request_id": str(uuid.uuid4())}
    answers = await asyncio.gather(*(visitor.send("POST", f"{API}/ephemeris/search", query) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [202, 400]


async def test_an_unknown_request_is_not_found(visitor: Visitor) -> None:
    for kind, rest, method in product(QUERIES, ("", "/data"), ("GET", "DELETE")):
        status, code, _ = await visitor.fault(method, f"/{kind}/requests/{uuid.uuid4()}{rest}")
        assert (status, code) == (404, "NotFound")


async def test_a_request_belongs_to_its_kind(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY)
    assert (await visitor.send("GET", location.replace("ephemeris", "conjunctions"))).status == 404


@pytest.mark.parametrize("kind", QUERIES)
async def test_a_cancelled_search_ends_with_an_error(start: Start, kind: str) -> None:
    visitor = await start(**ONE_SLOW)
    location = await visitor.submit(kind, QUERIES[kind])
    answer = await visitor.send("DELETE", location, {})
    assert answer.status == 200
    assert answer.json["search_result"] == RUNNING | {"error_condition": True}
    assert answer.json["logs"][-1]["level"] == "error"
    assert (await visitor.send("GET", f"{location}/data")).status == 404


async def test_a_search_is_cancelled_while_it_writes(visitor: Visitor) -> None:
    month = {"data_sources": SWARM_A, "start": "2020-01-01T00:00:00", "end": "2020-01-31T00:00:00"}
    location = await visitor.submit("ephemeris", month)
    await visitor.send("GET", location)  # by now it has begun
    async with asyncio.timeout(1):
        answer = await visitor.send("DELETE", location, {})
    assert answer.json["search_result"]["error_condition"] is True


async def test_a_finished_search_cannot_be_cancelled(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    answer = await visitor.send("DELETE", location)
    assert answer.status == 200
    assert answer.json["search_result"]["error_condition"] is False


async def test_cancelling_finished_conjunctions_deletes_their_result(visitor: Visitor) -> None:
    location = await visitor.submit("conjunctions", CONJUNCTION)
    await visitor.poll(location)
    answer = await visitor.send("DELETE", location)
    assert (answer.status, answer.body) == (204, b"")
    assert (await visitor.send("GET", f"{location}/data")).status == 404
    assert (await visitor.send("DELETE", location)).status == 204


async def test_a_deleted_result_is_gone_and_its_request_stays(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    answer = await visitor.send("DELETE", f"{location}/data", {})
    assert answer.status == 200
    assert answer.json["search_result"]["result_file_deleted_timestamp"] == "2026-01-20T12:00:00.000"
    assert (await visitor.send("GET", f"{location}/data")).status == 404
    assert (await visitor.send("GET", location)).json == answer.json


async def test_a_result_expires(start: Start, clock: Clock) -> None:
    visitor = await start(lifetime=3600)
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    clock.set("2026-01-20 12:59:59")
    assert (await visitor.send("GET", f"{location}/data")).status == 200
    clock.set("2026-01-20 13:00:00")
    assert (await visitor.send("GET", f"{location}/data")).status == 404
    assert (await visitor.send("POST", f"{location}/data", {"epoch": True})).status == 404
    assert list((visitor.server.root / "aurorax-results").iterdir()) == []


async def test_results_and_requests_outlive_the_server(start: Start) -> None:
    visitor = await start()
    location = await visitor.submit("ephemeris", QUERY)
    before = await visitor.poll(location)
    await visitor.server.__aexit__(None, None, None)
    again = await start()
    path = location.removeprefix(visitor.server.url)
    assert (await again.send("GET", path)).json == before
    assert len((await again.send("GET", f"{path}/data")).json["result"]) == 60


async def test_an_unfinished_search_goes_on_after_a_restart(start: Start) -> None:
    visitor = await start(**ONE_SLOW)
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.server.__aexit__(None, None, None)
    again = await start()
    status = await again.poll(again.server.url + location.removeprefix(visitor.server.url))
    assert status["search_result"]["result_count"] == 60


async def test_fields_are_chosen_by_the_body(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    tree = {
        "data_source": {"identifier": True, "owner": True, "program": False},
        "epoch": True,
        "location_geo": {"lat": True},
        "metadata": True,
        "nbtrace": {"lat": False},
    }
    answer = await visitor.send("POST", f"{location}/data", tree)
    record = answer.json["result"][0]
    assert record.pop("metadata")["state"] == "definitive"
    assert isinstance(record["location_geo"].pop("lat"), float)
    assert record == {
        "data_source": {"identifier": 3, "owner": "owner@example.org"},
        "epoch": "2020-01-01T00:00:00",
        "location_geo": {},
        "nbtrace": {},
    }


async def test_the_source_of_a_record_is_told_in_the_format_asked_for(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    for form, keys in (("identifier_only", 1), ("basic_info", 6), ("with_metadata", 7), ("full_record", 11)):
        answer = await visitor.send("GET", f"{location}/data?data_source_record_format={form}")
        assert len(answer.json["result"][0]["data_source"]) == keys


BAD: list[tuple[str, Any]] = [
    ("ephemeris", QUERY | {"start": None}),
    ("ephemeris", QUERY | {"start": "2020-01-01"}),
    ("ephemeris", QUERY | {"start": "2020-02-01T00:00:00"}),
    ("ephemeris", QUERY | {"end": "2020-02-01T00:00:01"}),
    ("ephemeris", QUERY | {"data_sources": None}),
    ("ephemeris", QUERY | {"data_sources": {"programs": [], "ephemeris_metadata_filters": {}}}),
    ("ephemeris", QUERY | {"data_sources": {"programs": "swarm"}}),
    ("data_products", {**DAY}),
    ("data_products", QUERIES["data_products"] | {"data_product_type_filters": ["photo"]}),
    ("conjunctions", CONJUNCTION | {"space": []}),
    ("conjunctions", CONJUNCTION | {"space": [{"programs": ["swarm"]}] * 10}),
    ("conjunctions", CONJUNCTION | {"conjunction_types": ["x"]}),
    ("conjunctions", CONJUNCTION | {"max_distances": {"ground1-space1": "near"}}),
    ("conjunctions", CONJUNCTION | {"epoch_search_precision": 7}),
    ("conjunctions", CONJUNCTION | {"adhoc": [{"locations": []}]}),
    ("conjunctions", CONJUNCTION | {"space": [{"programs": ["swarm"], "hemisphere": ["east"]}]}),
]


@pytest.mark.parametrize(("kind", "query"), BAD)
def test_a_bad_query_is_refused(kind: str, query: Any) -> None:
    with pytest.raises(Refused) as refused:
        READERS[Kind(kind)](query)
    assert refused.value.status == 400


@pytest.mark.parametrize("kind", QUERIES)
async def test_a_bad_query_is_told_of(visitor: Visitor, kind: str) -> None:
    for path in (f"/{kind}/search", f"/utils/describe/query/{kind.replace('conjunctions', 'conjunction')}"):
        status, _, message = await visitor.fault("POST", path, QUERIES[kind] | {"start": None})
        assert (status, message) == (400, "The field start is required.")
        assert (await visitor.fault("POST", path, []))[0] == 400


async def test_a_month_is_the_longest_span(visitor: Visitor) -> None:
    rare = {
        "programs": ["test-program"],
        "ephemeris_metadata_filters": {"expressions": [{"key": "x", "operator": "=", "values": ["1"]}]},
    }
    month = {"data_sources": rare, "start": "2020-01-01T00:00:00", "end": "2020-02-01T00:00:00"}
    assert await visitor.search("ephemeris", month) == []


async def test_what_is_no_json_is_refused(visitor: Visitor) -> None:
    url = f"{visitor.server.url}{API}/ephemeris/search"
    async with visitor.session.post(url, data=b"{") as answer:
        assert answer.status == 400
        assert (await answer.json())["error_message"] == "The body of the request is not JSON."
