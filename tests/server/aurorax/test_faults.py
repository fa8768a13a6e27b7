"""Faults on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from tests.server.aurorax.conftest import API, DAY, HOUR, SWARM_A, TEST

from imap_bulk.server.aurorax.committing import FAULTS, parse_spec
from imap_bulk.server.aurorax.faults import ALL

if TYPE_CHECKING:
    from tests.server.aurorax.conftest import Start, Visitor
    from tests.server.conftest import Answer

QUERY = {"data_sources": SWARM_A, **HOUR}
RECORDS = [TEST | {"epoch": f"2020-01-01T00:0{minute}:00"} for minute in range(3)]
UPLOAD = f"{API}/data_sources/400/ephemeris"


async def finished(visitor: Visitor) -> str:
    location = await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    return location


async def upload(visitor: Visitor, fault: str, records: Any = RECORDS) -> Answer:
    return await visitor.send("POST", UPLOAD, records, x_demo_fault=fault)


def test_each_fault_has_a_line_of_help() -> None:
    assert list(FAULTS) == list(ALL)
    assert all(FAULTS.values())


async def test_maintenance_stops_writing_and_slow_counting_but_no_reading(start: Start) -> None:
    visitor = await start(faults="maintenance=1")
    for method, path in (
        ("POST", "/data_sources"),
        ("PATCH", "/data_sources/400"),
        ("DELETE", "/data_sources/400/ephemeris"),
        ("POST", "/data_sources/400/data_products"),
        ("GET", "/availability/ephemeris?slow=True"),
    ):
        status, code, message = await visitor.fault(method, path)
        assert (status, code) == (503, "Unavailable")
        assert "maintenance mode" in message
    assert len(await visitor.search("ephemeris", QUERY)) == 60
    assert (await visitor.send("POST", f"{API}/data_sources/search", {})).status == 200


async def test_busy_tells_when_to_come_back(visitor: Visitor) -> None:
    answer = await visitor.send("GET", f"{API}/data_sources", x_demo_fault="busy")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert answer.json["error_code"] == "ToManyRequests"


@pytest.mark.parametrize("kind", ["ephemeris", "data_products", "conjunctions"])
async def test_a_failed_search_has_an_error_and_no_result(visitor: Visitor, kind: str) -> None:
    query = QUERY | {"space": [SWARM_A, SWARM_A]}
    location = await visitor.submit(kind, query, x_demo_fault="failed-search")
    status = await visitor.poll(location)
    assert status["search_result"]["error_condition"] is True
    assert status["search_result"]["data_uri"] is None
    assert status["logs"][-1]["level"] == "error"
    assert (await visitor.send("GET", f"{location}/data")).status == 404


async def test_a_relative_location(visitor: Visitor) -> None:
    location = await visitor.submit("ephemeris", QUERY, x_demo_fault="relative-location")
    assert location.startswith("/api/v1/ephemeris/requests/")
    assert (await visitor.send("GET", location)).status == 200


async def test_counted_faults_befall_the_first_requests(start: Start) -> None:
    visitor = await start(faults="expired-result*2, relative-location*1")
    location = visitor.server.url + await visitor.submit("ephemeris", QUERY)
    await visitor.poll(location)
    statuses = [(await visitor.send("GET", f"{location}/data")).status for _ in range(3)]
    assert statuses == [404, 404, 200]
    assert (await visitor.submit("ephemeris", QUERY)).startswith("http")
    assert [fault for _, _, fault in visitor.server.committed] == ["relative-location", *["expired-result"] * 2]


async def test_a_result_without_its_wrapper(visitor: Visitor) -> None:
    location = await finished(visitor)
    whole = await visitor.send("GET", f"{location}/data")
    bare = await visitor.send("GET", f"{location}/data", x_demo_fault="bare-array")
    assert bare.json == whole.json["result"]
    shaped = await visitor.send("POST", f"{location}/data", {"epoch": True}, x_demo_fault="bare-array")
    assert shaped.json[0] == {"epoch": "2020-01-01T00:00:00"}


async def test_an_error_in_place_of_a_result(visitor: Visitor) -> None:
    answer = await visitor.send("GET", f"{await finished(visitor)}/data", x_demo_fault="result-error")
    assert answer.status == 200
    assert set(answer.json["error"]) == {"error_code", "error_message"}


async def test_a_connection_ends_in_the_middle(visitor: Visitor) -> None:
    location = await finished(visitor)
    with pytest.raises(aiohttp.ClientPayloadError):
        await visitor.send("GET", f"{location}/data", x_demo_fault="cut-body")
    with pytest.raises(aiohttp.ClientPayloadError):
        await visitor.send("POST", f"{location}/data", {"epoch": True}, x_demo_fault="cut-body")
    assert (await visitor.send("GET", f"{location}/data")).status == 200


async def test_a_slow_body_comes_whole_in_the_end(start: Start) -> None:
    visitor = await start(faults="slow-body*1,stall=0.05")
    location = await finished(visitor)
    assert len((await visitor.send("GET", f"{location}/data")).json["result"]) == 60
    assert visitor.server.committed[0][2] == "slow-body"


async def test_a_page_in_place_of_a_file(visitor: Visitor) -> None:
    products = await visitor.search("data_products", {"data_sources": {"programs": ["rego"]}, **DAY})
    answer = await visitor.send("GET", products[0]["url"], x_demo_fault="page-for-file")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_one_record_is_refused(visitor: Visitor) -> None:
    answer = await upload(visitor, "bad-record")
    assert answer.status == 400
    assert [error["error_message"] for error in answer.json] == ["Record 1: 2020-01-01T00:01:00 is refused."]


async def test_too_many_records_at_once(start: Start) -> None:
    visitor = await start(faults="too-large=1,limit=2")
    assert (await visitor.send("POST", UPLOAD, RECORDS)).status == 413
    assert (await visitor.send("POST", UPLOAD, RECORDS[:2])).status == 202


async def test_a_duplicate_upload(visitor: Visitor) -> None:
    answer = await upload(visitor, "duplicate")
    assert (answer.status, answer.json["error_code"]) == (409, "Duplicate")


async def test_a_lost_upload_is_accepted_and_never_found(visitor: Visitor) -> None:
    assert (await upload(visitor, "lost-upload")).status == 202
    assert await visitor.uploaded("ephemeris", expected=0) == []


async def test_a_fault_befalls_only_what_it_fits(visitor: Visitor) -> None:
    answer = await visitor.send("GET", f"{API}/data_sources", x_demo_fault="expired-result")
    assert answer.status == 200
    assert (await visitor.fault("GET", "/data_sources", x_demo_fault="nonsense"))[0] == 400


async def test_the_seed_decides_on_probabilities(start: Start, root: Any) -> None:
    met = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        visitor = await start(root=root / name, seed=seed, faults="busy=0.5,bad-gateway=0.2,internal-error=0.1")
        met.append([(await visitor.send("GET", f"{API}/data_sources/3")).status for _ in range(40)])
    assert met[0] == met[1] != met[2]
    assert set(met[0]) == {200, 429, 500, 502}


@pytest.mark.parametrize("spec", ["nonsense=1", "busy=2", "busy*x", "busy", "api:busy=1", "limit*3", "stall=x"])
def test_a_bad_spec_is_told(spec: str) -> None:
    with pytest.raises(ValueError, match=r"^faults: .*known faults are maintenance"):
        parse_spec(spec)
