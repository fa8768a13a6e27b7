"""The metadata service answers each row of the page, M1 to M13."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.lsst.conftest import Astronomer, StartLsst

from imap_bulk.server.lsst.dialect import like
from imap_bulk.server.lsst.paging import containing

IMAGES = "/meta/v0/image/L2/DR1/calexp"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/", ["db", "image", "meta"]),
        ("/meta", ["v0"]),
        ("/db", ["v0"]),
        ("/image", ["v0"]),
        ("/meta/v0", {"result": ["db", "image"]}),
        ("/meta/v0/", {"result": ["db", "image"]}),
        ("/meta/v0/db", ["DC", "L1", "L2", "L3", "dev"]),
        (
            "/meta/v0/db/L3/joe_myDb",
            [{"name": "joe_myDb", "owner": "joe", "host": "lsst10", "port": 3360}, {"note": "demo"}],
        ),
        ("/meta/v0/db/L2/DR1/tables/Object", [{"name": "Object", "descr": "this is my object table"}, {}]),
        ("/meta/v0/image", ["DC", "L1", "L2", "L3", "dev"]),
        ("/meta/v0/image/L2", ["DR1", "kti/test20150202"]),
        ("/meta/v0/image/L2/DR1", ["raw", "calexp", "deepCoadd"]),
        ("/meta/v0/image/dev", []),
    ],
    ids=["M1", "M1-meta", "M1-db", "M1-image", "M2", "M2-slash", "M3", "M5", "M7", "M9", "M10", "M11", "none"],
)
async def test_a_row_of_the_page_is_answered(astronomer: Astronomer, path: str, told: Any) -> None:
    assert await astronomer.told(path) == told


async def test_m4_lists_the_databases_of_a_level(astronomer: Astronomer) -> None:
    assert await astronomer.told("/meta/v0/db/L2") == {
        "results": ["DR1", "DC_W13_Stripe82"],
        "more": False,
        "stable": True,
        "start": 0,
        "count": 1000,
    }


@pytest.mark.parametrize("containing", ["%Stripe82%", "%25Stripe82%25", "stripe", "/^dc_.*82$/"])
async def test_m4_keeps_what_contains_a_text(astronomer: Astronomer, containing: str) -> None:
    answer = await astronomer.told(f"/meta/v0/db/L2?containing={containing}&start=0&count=1000")
    assert answer["results"] == ["DC_W13_Stripe82"]


async def test_m4_refuses_what_is_no_pattern(astronomer: Astronomer) -> None:
    answer = await astronomer.ask("/meta/v0/db/L2?containing=/(/")
    assert (answer.status, answer.json["exception"]) == (400, "ValueError")


async def test_levels_are_known_whatever_their_case(astronomer: Astronomer) -> None:
    assert (await astronomer.told("/meta/v0/db/l2"))["results"] == ["DR1", "DC_W13_Stripe82"]
    assert (await astronomer.told("/meta/v0/db/dc"))["results"] == []


async def test_m6_lists_tables_each_in_a_list_of_its_own(astronomer: Astronomer) -> None:
    answer = await astronomer.told("/meta/v0/db/L2/DC_W13_Stripe82/tables?containing=object")
    assert answer["results"] == [["Object"]]
    answer = await astronomer.told("/meta/v0/db/L2/DC_W13_Stripe82/tables")
    assert answer["results"] == [["Science_Ccd_Exposure"], ["DeepCoadd"], ["Object"], ["DeepForcedSource"]]


async def test_m8_shows_how_mysql_would_create_the_table(astronomer: Astronomer) -> None:
    answer = await astronomer.told("/meta/v0/db/L2/DC_W13_Stripe82/tables/Science_Ccd_Exposure/schema")
    name, statement = answer["result"]
    assert name == "Science_Ccd_Exposure"
    assert statement.startswith(
        "CREATE TABLE `Science_Ccd_Exposure` (\n  `scienceCcdExposureId` bigint(20) NOT NULL,\n"
    )


async def test_m8_refuses_names_with_other_signs(astronomer: Astronomer) -> None:
    answer = await astronomer.ask("/meta/v0/db/L2/DR1/tables/Obj%20ect/schema")
    assert (answer.status, answer.json["exception"]) == (400, "ValueError")


@pytest.mark.parametrize(
    "path",
    ["/db/L9", "/db/L2/nix", "/db/L1/DR1", "/db/L2/DR1/tables/nix", "/image/L2/nix", "/image/L2/DR1/nix", "/nix"],
)
async def test_what_is_not_there_is_a_404_in_json(astronomer: Astronomer, path: str) -> None:
    answer = await astronomer.ask(f"/meta/v0{path}")
    assert (answer.status, sorted(answer.json)) == (404, ["exception", "message"])


async def test_m12_lists_urls_that_lead_to_images(astronomer: Astronomer) -> None:
    answer = await astronomer.told(IMAGES)
    assert len(answer["results"]) == 8
    assert answer["results"][0] == f"{astronomer.server.url}/image/v0/L2/DR1/calexp/5646240694"
    assert (await astronomer.ask(answer["results"][1])).headers["Content-Type"] == "image/fits"


@pytest.mark.parametrize("separator", [";", "&"])
async def test_m12_gives_the_page_that_is_asked_for(astronomer: Astronomer, separator: str) -> None:
    everything = (await astronomer.told(IMAGES))["results"]
    answer = await astronomer.told(f"{IMAGES}?start=6{separator}count=5")
    assert answer == {"results": everything[6:], "more": False, "stable": True, "start": 6, "count": 5}


async def test_m12_gives_no_page_longer_than_the_server_likes(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(page_size=5)
    answer = await astronomer.told(f"{IMAGES}?count=1000")
    assert (len(answer["results"]), answer["more"], answer["count"]) == (5, True, 5)


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ("owner=tom", 4),
        ("owner=nobody", 0),
        ("createAfter=2015-05-17", 5),
        ("createBefore=2015/05/17", 3),
        ("createAfter=2015-05-15T16:43:21&createBefore=20150517", 2),
    ],
)
async def test_m12_keeps_what_fits_the_conditions(astronomer: Astronomer, conditions: str, count: int) -> None:
    assert len((await astronomer.told(f"{IMAGES}?{conditions}"))["results"]) == count


@pytest.mark.parametrize(
    "bad",
    ["start=x", "count=-1", "createAfter=yesterday", "createAfter=2015-05-14T24:00", "createBefore=2015-W20-4"],
)
async def test_m12_refuses_what_makes_no_sense(astronomer: Astronomer, bad: str) -> None:
    assert (await astronomer.ask(f"{IMAGES}?{bad}")).status == 400


async def test_m13_tells_url_and_owner(astronomer: Astronomer) -> None:
    assert await astronomer.told(f"{IMAGES}/5646240694") == {
        "url": f"{astronomer.server.url}/image/v0/L2/DR1/calexp/5646240694",
        "owner": "tom",
    }


async def test_a_collection_may_have_a_slash_in_its_name(astronomer: Astronomer) -> None:
    answer = await astronomer.told("/meta/v0/image/L2/kti%2Ftest20150202/calexp")
    image = await astronomer.ask(answer["results"][0])
    assert image.headers["Content-Type"] == "image/fits"


async def test_level_1_is_not_stable_and_moves_under_its_reader(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(faults="unstable*1")
    first = await astronomer.told("/meta/v0/image/L1/live/raw?count=3")
    second = await astronomer.told("/meta/v0/image/L1/live/raw?start=3&count=3")
    again = await astronomer.told("/meta/v0/image/L1/live/raw?count=3")
    assert first["stable"] is False
    assert second["results"][0] == first["results"][2]
    assert again["results"][1:] == first["results"][:2]
    assert (await astronomer.ask(again["results"][0])).headers["Content-Type"] == "image/fits"


@pytest.mark.parametrize(
    ("accept", "content_type", "begin"),
    [
        ("text/html", "text/html", b"<!DOCTYPE html>"),
        ("text/csv", "text/csv", b"name\r\nDR1\r\n"),
        ("text/tsv", "text/tab-separated-values", b"name\nDR1\n"),
        ("application/fitsTable", "application/fits", b"SIMPLE  ="),
        ("*/*", "application/json", b'{"results"'),
        ("application/nothing", "application/json", b'{"results"'),
        ("text/csv;q=0.1, application/json;q=0.9", "application/json", b'{"results"'),
    ],
)
async def test_lists_come_in_the_form_that_is_liked(
    astronomer: Astronomer, accept: str, content_type: str, begin: bytes
) -> None:
    answer = await astronomer.ask("/meta/v0/db/L2", accept=accept)
    assert answer.headers["Content-Type"] == content_type
    assert answer.body.startswith(begin)


async def test_everything_stands_below_the_prefix(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(prefix="/api")
    assert await astronomer.told("") == ["db", "image", "meta"]
    url = (await astronomer.told(IMAGES))["results"][0]
    assert "/api/image/v0/" in url
    assert (await astronomer.ask(url)).status == 200


@pytest.mark.parametrize("wanted", ["/(a+)+$/", "/a*b*c*d*/", "/" + "a" * 200 + "/", "/[/"])
def test_a_pattern_that_may_take_for_ever_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match="regular expression"):
        containing(wanted)


@given(st.text("ab_%", max_size=12), st.text("abx", max_size=12))
def test_like_is_what_it_is_in_sql(pattern: str, text: str) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(":memory:")) as connection:
        expected = connection.execute("SELECT ? LIKE ?", (text, pattern)).fetchone()[0]
    assert like(pattern)(text) is bool(expected)
