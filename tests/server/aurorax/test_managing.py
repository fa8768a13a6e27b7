"""Uploads and deletions of ephemeris and data products."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.aurorax.conftest import API, DAY, HOUR, SWARM_A, TEST

from imap_bulk.server.aurorax import sample
from imap_bulk.server.aurorax.uploads import ReadRow, ephemeris_row, product_row, read_rows

if TYPE_CHECKING:
    from tests.server.aurorax.conftest import Start, Visitor
    from tests.server.conftest import Clock

RECORD = TEST | {
    "epoch": "2020-01-01T00:00:00.000Z",
    "location_geo": {"lat": 51.05, "lon": -114.07},
    "location_gsm": {"lat": 150.25, "lon": None} | {"lon": -10.75},
    "nbtrace": {"lat": 1.23, "lon": 45.6},
    "sbtrace": {"lat": 7.89, "lon": 101.23},
    "metadata": {"test_meta1": "testing1"},
}
PRODUCT = TEST | {
    "data_product_type": "keogram",
    "start": "2020-01-01T00:00:00.000",
    "end": "2020-01-01T23:59:00.000",
    "url": "test.jpg",
    "metadata": {"keogram_type": "daily"},
}
EPHEMERIS = "/data_sources/400/ephemeris"
PRODUCTS = "/data_sources/400/data_products"
SWARM = {"program": "swarm", "platform": "swarma", "instrument_type": "footprint"}


async def upload(visitor: Visitor, path: str, *records: Any) -> None:
    answer = await visitor.send("POST", API + path, list(records))
    assert (answer.status, answer.body) == (202, b""), answer.text


async def test_an_uploaded_ephemeris_record_is_found(visitor: Visitor) -> None:
    await upload(visitor, EPHEMERIS, RECORD)
    (found,) = await visitor.uploaded("ephemeris")
    assert found.pop("data_source")["identifier"] == 400
    given = {name: value for name, value in RECORD.items() if name not in TEST}
    assert found == given | {"epoch": "2020-01-01T00:00:00"}


async def test_a_number_that_no_answer_could_hold_is_refused(visitor: Visitor) -> None:
    endless = json.dumps([RECORD | {"metadata": {"a": 1.5}}]).replace("1.5", "1e999").encode()
    async with visitor.session.post(f"{visitor.server.url}{API}{EPHEMERIS}", data=endless) as answer:
        assert (answer.status, (await answer.json())["error_code"]) == (400, "AssertionError")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", PRODUCTS, [PRODUCT | {"url": "\ud800.jpg"}]),
        ("POST", EPHEMERIS, [RECORD | {"epoch": "0001-01-01T00:00:00+01:00"}]),
        ("DELETE", PRODUCTS, TEST | {"urls": ["\ud800.jpg"]}),
        ("PATCH", "/data_sources/400", {"owner": "\ud800"}),
    ],
)
async def test_what_could_not_be_kept_is_refused(visitor: Visitor, method: str, path: str, body: object) -> None:
    assert (await visitor.send(method, API + path, body)).status == 400


async def test_what_a_record_leaves_out_is_null(visitor: Visitor) -> None:
    await upload(visitor, EPHEMERIS, TEST | {"epoch": "2020-01-01T00:00:59.9"})
    (found,) = await visitor.uploaded("ephemeris")
    nowhere = {"lat": None, "lon": None}
    assert found["location_geo"] == found["nbtrace"] == nowhere
    assert found["metadata"] == {}
    assert found["epoch"] == "2020-01-01T00:00:59"


async def test_an_uploaded_product_is_found_with_its_url_as_it_was(visitor: Visitor) -> None:
    await upload(visitor, PRODUCTS, PRODUCT)
    (found,) = await visitor.uploaded("data_products")
    assert found.pop("data_source")["identifier"] == 400
    given = {name: value for name, value in PRODUCT.items() if name not in TEST}
    assert found == given | {"start": "2020-01-01T00:00:00", "end": "2020-01-01T23:59:00"}


@pytest.mark.parametrize(("path", "record"), [(EPHEMERIS, RECORD), (PRODUCTS, PRODUCT)])
async def test_a_second_upload_replaces_the_first(visitor: Visitor, path: str, record: Any) -> None:
    await upload(visitor, path, record)
    await upload(visitor, path, record | {"metadata": {"second": 1}})
    kind = path.rpartition("/")[2]
    while (await visitor.uploaded(kind))[0]["metadata"] != {"second": 1}:
        pass


async def test_an_upload_does_not_show_at_once(start: Start) -> None:
    visitor = await start(ingest_delay=3600.0)
    await upload(visitor, EPHEMERIS, RECORD)
    assert await visitor.uploaded("ephemeris", expected=0) == []


async def test_what_was_accepted_is_stored_when_the_server_stops(start: Start) -> None:
    visitor = await start(ingest_delay=3600.0)
    await upload(visitor, EPHEMERIS, RECORD)
    await upload(visitor, PRODUCTS, PRODUCT)
    await visitor.server.__aexit__(None, None, None)
    again = await start()
    assert len(await again.uploaded("ephemeris")) == 1
    assert len(await again.uploaded("data_products")) == 1


BAD_EPHEMERIS: list[Any] = [
    RECORD | {"epoch": None},
    RECORD | {"epoch": "yesterday"},
    RECORD | {"program": "other"},
    RECORD | {"platform": ""},
    RECORD | {"location_geo": {"lat": 91, "lon": 0}},
    RECORD | {"nbtrace": {"lat": 1, "lon": 181}},
    RECORD | {"sbtrace": {"lat": 1, "lon": None}},
    RECORD | {"sbtrace": {"lat": "1", "lon": 1}},
    RECORD | {"sbtrace": 7},
    "record",
]
BAD_PRODUCTS: list[Any] = [
    PRODUCT | {"url": None},
    PRODUCT | {"start": None},
    PRODUCT | {"end": "2019-01-01T00:00:00"},
    PRODUCT | {"data_product_type": "photo"},
    PRODUCT | {"instrument_type": "other"},
]


@pytest.mark.parametrize(
    ("read", "bad"),
    [*((ephemeris_row, bad) for bad in BAD_EPHEMERIS), *((product_row, bad) for bad in BAD_PRODUCTS)],
)
def test_a_bad_record_is_noticed(read: ReadRow, bad: Any) -> None:
    source = next(source for source in sample.sources() if source.identifier == 400)
    rows, errors = read_rows(source, [bad], read)
    assert rows == []
    assert errors[0]["error_message"].startswith("Record 0: ")


@pytest.mark.parametrize(
    ("path", "good", "bad"), [(EPHEMERIS, RECORD, BAD_EPHEMERIS[0]), (PRODUCTS, PRODUCT, BAD_PRODUCTS[0])]
)
async def test_each_bad_record_has_an_error_and_nothing_is_stored(
    visitor: Visitor, path: str, good: Any, bad: Any
) -> None:
    answer = await visitor.send("POST", API + path, [good, bad, good, bad])
    assert answer.status == 400
    assert [set(error) for error in answer.json] == [{"error_code", "error_message"}] * 2
    assert [error["error_message"].partition(":")[0] for error in answer.json] == ["Record 1", "Record 3"]
    assert await visitor.uploaded(path.rpartition("/")[2], expected=0) == []


async def test_an_upload_is_an_array(visitor: Visitor) -> None:
    assert (await visitor.fault("POST", EPHEMERIS, RECORD))[0] == 400


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("kind", ["ephemeris", "data_products"])
async def test_an_unknown_source_takes_nothing(visitor: Visitor, kind: str, method: str) -> None:
    assert (await visitor.fault(method, f"/data_sources/9/{kind}", []))[0] == 404


async def test_a_large_upload_is_taken(visitor: Visitor) -> None:
    records = [
        RECORD | {"epoch": f"2020-01-01T{hour:02}:{minute:02}:{second:02}"}
        for hour in range(4) for minute in range(60) for second in range(0, 60, 10)
    ]  # fmt: skip
    await upload(visitor, EPHEMERIS, *(record | {"metadata": {"x": "y" * 1000}} for record in records))
    assert len(await visitor.uploaded("ephemeris", expected=1440)) == 1440


# --- deletions


async def test_deleted_ephemeris_is_gone(visitor: Visitor) -> None:
    await upload(visitor, EPHEMERIS, *(RECORD | {"epoch": f"2020-01-01T00:0{minute}:00"} for minute in range(5)))
    answer = await visitor.send("DELETE", API + EPHEMERIS, TEST | HOUR | {"end": "2020-01-01T00:02:00"})
    assert (answer.status, answer.body) == (202, b"")
    left = await visitor.uploaded("ephemeris", expected=2)
    assert [record["epoch"][-5:] for record in left] == ["03:00", "04:00"]


async def test_deleted_products_are_gone(visitor: Visitor) -> None:
    await upload(visitor, PRODUCTS, *(PRODUCT | {"url": f"{name}.jpg"} for name in "abc"))
    await visitor.uploaded("data_products", expected=3)
    answer = await visitor.send("DELETE", API + PRODUCTS, TEST | {"urls": ["a.jpg", "c.jpg", "other.jpg"]})
    assert (answer.status, answer.body) == (200, b"")
    assert [record["url"] for record in await visitor.uploaded("data_products")] == ["b.jpg"]


async def test_deletions_of_the_sample_outlive_the_server(start: Start) -> None:
    visitor = await start()
    query = {"data_sources": SWARM_A, **HOUR}
    await visitor.send("DELETE", f"{API}/data_sources/3/ephemeris", SWARM | HOUR | {"end": "2020-01-01T00:29:00"})
    products = {"data_sources": {"programs": ["rego"]}, **DAY}
    url = (await visitor.search("data_products", products))[0]["url"]
    rego = {"program": "rego", "platform": "gillam", "instrument_type": "redline ASI", "urls": [url]}
    assert (await visitor.send("DELETE", f"{API}/data_sources/78/data_products", rego)).status == 200
    await visitor.server.__aexit__(None, None, None)
    again = await start()
    assert len(await again.search("ephemeris", query)) == 30
    assert len(await again.search("data_products", products)) == 2


async def test_uploads_to_a_sampled_source_replace_what_is_computed(visitor: Visitor) -> None:
    path = "/data_sources/3/ephemeris"
    await upload(visitor, path, SWARM | {"epoch": "2020-01-01T00:01:00", "metadata": {"mine": 1}})
    query = {"data_sources": SWARM_A, **HOUR}
    while (records := await visitor.search("ephemeris", query))[1]["metadata"] != {"mine": 1}:
        pass
    assert len(records) == 60


@pytest.mark.parametrize("path", [EPHEMERIS, PRODUCTS])
async def test_a_deletion_must_name_the_source_of_its_path(visitor: Visitor, path: str) -> None:
    document = TEST | HOUR | {"urls": ["a.jpg"]}
    for change in ({"program": "other"}, {"platform": None}, {"instrument_type": "x"}):
        assert (await visitor.fault("DELETE", path, document | change))[0] == 400


async def test_a_deletion_must_say_what(visitor: Visitor) -> None:
    assert (await visitor.fault("DELETE", EPHEMERIS, TEST))[0] == 400
    assert (await visitor.fault("DELETE", PRODUCTS, {"urls": ["a.jpg"]}))[0] == 400


async def test_a_deletion_of_no_urls_deletes_nothing(visitor: Visitor) -> None:
    await upload(visitor, PRODUCTS, PRODUCT)
    await visitor.uploaded("data_products")
    nothing: list[dict[str, Any]] = [{}, {"urls": None}, {"urls": []}]
    for none in nothing:
        assert (await visitor.send("DELETE", API + PRODUCTS, TEST | none)).status == 200
    assert len(await visitor.uploaded("data_products")) == 1


async def test_deletions_are_remembered_for_an_hour(visitor: Visitor, clock: Clock) -> None:
    path = f"{EPHEMERIS}/delete_jobs"
    assert await visitor.ask(path) == []
    await visitor.send("DELETE", API + EPHEMERIS, TEST | HOUR)
    (job,) = await visitor.ask(path)
    assert "ephemeris deletion" in (await visitor.ask(f"{path}/{job}"))[0]
    assert (await visitor.fault("GET", f"{path}/other"))[0] == 404
    clock.set("2026-01-20 13:00:00")
    assert await visitor.ask(path) == []
    assert (await visitor.fault("GET", f"{path}/{job}"))[0] == 404
