from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.aurorax.conftest import API, TEST

if TYPE_CHECKING:
    from tests.server.aurorax.conftest import Visitor

KEYS = {
    "identifier", "program", "platform", "instrument_type", "source_type", "display_name", "owner", "maintainers",
    "metadata", "ephemeris_metadata_schema", "data_product_metadata_schema",
}  # fmt: skip
BASIC = {"identifier", "program", "platform", "instrument_type", "source_type", "display_name"}
NEW = {
    "program": "new",
    "platform": "place",
    "instrument_type": "camera",
    "source_type": "ground",
    "display_name": "N",
}


async def add(visitor: Visitor, **changes: Any) -> Any:
    answer = await visitor.send("POST", f"{API}/data_sources", NEW | changes)
    assert answer.status == 200, answer.text
    return answer.json


async def test_the_sample_has_the_identifiers_of_life(visitor: Visitor) -> None:
    listed = await visitor.ask("/data_sources")
    names = {each["identifier"]: (each["program"], each["platform"], each["instrument_type"]) for each in listed}
    assert names[3] == ("swarm", "swarma", "footprint")
    assert names[46] == ("themis-asi", "gillam", "panchromatic ASI")
    assert names[53][1] == "fort smith"
    assert names[103] == ("trex", "gillam", "RGB ASI")
    assert names[175] == ("auroramax", "yellowknife", "DSLR")
    assert [number for number in names if number < 0] == [-1]
    assert ("events", "toshi", "substorm onset") in names.values()


async def test_sources_that_are_added_at_once_get_identifiers_of_their_own(visitor: Visitor) -> None:
    added = await asyncio.gather(*(add(visitor, platform=f"place {number}") for number in range(8)))
    assert len({source["identifier"] for source in added}) == 8


async def test_every_format_has_all_keys_and_null_for_what_it_leaves_out(visitor: Visitor) -> None:
    source = await add(visitor, metadata={"a": 1})
    for form, told in (
        ("identifier_only", {"identifier"}),
        ("basic_info", BASIC),
        ("with_metadata", BASIC | {"metadata"}),
        ("full_record", KEYS),
    ):
        document = await visitor.ask(f"/data_sources/{source['identifier']}?format={form}")
        assert set(document) == KEYS
        assert {name for name, value in document.items() if value is not None} == told


async def test_a_listing_is_narrowed_down(visitor: Visitor) -> None:
    assert {each["program"] for each in await visitor.ask("/data_sources?program=swarm")} == {"swarm"}
    found = await visitor.ask("/data_sources?platform=fort%20smith&source_type=ground&owner=owner@example.org")
    assert [each["identifier"] for each in found] == [53, 96]


async def test_a_search_joins_values_by_or_and_fields_by_and(visitor: Visitor) -> None:
    wanted = {"programs": ["trex", "rego"], "platforms": ["gillam"], "instrument_types": None}
    answer = await visitor.send("POST", f"{API}/data_sources/search", wanted)
    assert [each["identifier"] for each in answer.json] == [78, 103]


async def test_an_empty_search_finds_all(visitor: Visitor) -> None:
    answer = await visitor.send("POST", f"{API}/data_sources/search", {"programs": []})
    assert len(answer.json) == len(await visitor.ask("/data_sources"))


async def test_statistics_come_where_they_are_asked_for(visitor: Visitor) -> None:
    assert "stats" not in await visitor.ask("/data_sources/3")
    stats = (await visitor.ask("/data_sources/3?include_stats=True"))["stats"]
    assert stats.pop("data_source")["identifier"] == 3
    assert stats == {
        "earliest_ephemeris_loaded": "2007-01-01T00:00:00",
        "latest_ephemeris_loaded": "2026-01-20T12:00:00",
        "ephemeris_count": 6959 * 1440 + 721,
        "earliest_data_product_loaded": None,
        "latest_data_product_loaded": None,
        "data_product_count": 0,
    }
    assert (await visitor.ask("/data_sources/400/stats"))["ephemeris_count"] == 0


async def test_an_added_source_is_there(visitor: Visitor) -> None:
    source = await add(visitor)
    assert source["identifier"] == 401
    assert source["owner"] == "administrator@example.org"
    assert await visitor.ask("/data_sources/401?format=full_record") == source


async def test_a_source_may_bring_its_identifier(visitor: Visitor) -> None:
    assert (await add(visitor, identifier=7))["identifier"] == 7


@pytest.mark.parametrize("changes", [TEST, {"identifier": 103}])
async def test_a_duplicate_is_refused(visitor: Visitor, changes: Any) -> None:
    assert await visitor.fault("POST", "/data_sources", NEW | changes) == (
        409,
        "Duplicate",
        "There was a duplicate record found. No changes were made.",
    )


async def test_required_fields_must_be_there(visitor: Visitor) -> None:
    for field in NEW:
        status, _, message = await visitor.fault("POST", "/data_sources", NEW | {field: None})
        assert (status, message) == (400, f"The field {field} is required.")


async def test_over_long_texts_break_the_service(visitor: Visitor) -> None:
    status, code, _ = await visitor.fault("POST", "/data_sources", NEW | {"platform": "x" * 51})
    assert (status, code) == (500, "ApplicationError")


@pytest.mark.parametrize(
    "changes", [{"source_type": "x"}, {"program": 1}, {"maintainers": "x"}, {"identifier": "x"}]
)
async def test_a_wrong_field_is_refused(visitor: Visitor, changes: Any) -> None:
    assert (await visitor.fault("POST", "/data_sources", NEW | changes))[0] == 400


async def test_a_patch_changes_what_it_gives_and_nulls_are_nothing(visitor: Visitor) -> None:
    before = await add(visitor, metadata={"a": 1}, maintainers=["a@example.org"])
    patch = dict.fromkeys(KEYS) | {"display_name": "Other", "maintainers": [], "metadata": {}}
    answer = await visitor.send("PATCH", f"{API}/data_sources/{before['identifier']}", patch)
    assert answer.json == before | {"display_name": "Other", "maintainers": [], "metadata": {}}


async def test_a_put_replaces_all(visitor: Visitor) -> None:
    before = await add(visitor, metadata={"a": 1})
    answer = await visitor.send(
        "PUT", f"{API}/data_sources/{before['identifier']}", NEW | {"platform": "elsewhere"}
    )
    assert answer.json == before | {"platform": "elsewhere", "metadata": None}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_a_change_into_a_duplicate_is_refused(visitor: Visitor, method: str) -> None:
    source = await add(visitor)
    status, code, _ = await visitor.fault(method, f"/data_sources/{source['identifier']}", NEW | TEST)
    assert (status, code) == (409, "Duplicate")


async def test_a_deleted_source_is_gone(visitor: Visitor) -> None:
    source = await add(visitor)
    path = f"/data_sources/{source['identifier']}"
    answer = await visitor.send("DELETE", API + path, {})
    assert (answer.status, answer.body) == (200, b"")
    assert (await visitor.fault("GET", path))[0] == 404


async def test_a_source_with_data_stays(visitor: Visitor) -> None:
    assert (await visitor.fault("DELETE", "/data_sources/103"))[:2] == (409, "Conflict")
    await visitor.send("POST", f"{API}/data_sources/400/ephemeris", [TEST | {"epoch": "2020-01-01T00:00:00"}])
    await visitor.uploaded("ephemeris")
    assert (await visitor.fault("DELETE", "/data_sources/400"))[:2] == (409, "Conflict")


async def test_an_unknown_source_is_not_found(visitor: Visitor) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert await visitor.fault(method, "/data_sources/12345678", NEW) == (
            404,
            "NotFound",
            "No Data Source record found in AuroraX for identifier 12345678",
        )


async def test_an_identifier_is_a_number(visitor: Visitor) -> None:
    assert (await visitor.fault("GET", "/data_sources/x"))[0] == 400
    assert (await visitor.fault("GET", "/data_sources/99999999999"))[0] == 400


async def test_an_unknown_format_is_refused(visitor: Visitor) -> None:
    assert (await visitor.fault("GET", "/data_sources?format=x"))[0] == 400
