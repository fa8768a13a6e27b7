"""The genuine mode answers as the old servers did, with all that they lacked."""

from typing import Any

import pytest
from tests.server.lsst.conftest import Astronomer, StartLsst

STRIPE = "/meta/v0/db/L2/DC_W13_Stripe82"
SYNC = "/db/v0/tap/sync"


@pytest.fixture
async def old(start_lsst: StartLsst) -> Astronomer:
    return await start_lsst(genuine=True)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/meta", "v0"),
        ("/meta/v0/db", {"result": ["L2"]}),
        ("/meta/v0/db/L2?containing=nix&count=1", {"results": [["DR1"], ["DC_W13_Stripe82"]]}),
        (STRIPE, {"result": [4, None, "db", "L2", "x", 1, "DC_W13_Stripe82", "lsst10", 3306]}),
        (f"{STRIPE}/tables/Object", {"result": [5, 4, "Object", "this is my object table"]}),
        ("/db/v0/tap", {"Links": "/sync"}),
        (f"{SYNC}?QUERY=SELECT+1", {"Info": "Listing queries is not implemented"}),
        (
            f"{SYNC}?query=SELECT+1+AS+one+WHERE+0",
            {"result": {"table": {"metadata": {"elements": []}, "data": []}}},
        ),
    ],
)
async def test_json_is_called_html(old: Astronomer, path: str, told: Any) -> None:
    answer = await old.ask(path)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert (answer.status, answer.json) == (200, told)


async def test_tables_are_listed_each_in_a_list_of_its_own(old: Astronomer) -> None:
    assert (await old.ask(f"{STRIPE}/tables")).json["results"][0] == ["Science_Ccd_Exposure"]
    assert (await old.ask(f"{STRIPE}/tables/Object/schema")).json["result"][0] == "Object"
    answer = await old.ask(f"{STRIPE}/tables/Obj-ect/schema")
    assert (answer.status, answer.json["exception"]) == (400, "ValueError")


async def test_the_shortest_path_leads_to_one_with_a_slash(old: Astronomer) -> None:
    answer = await old.ask("/meta/v0")
    assert (answer.status, answer.headers["Location"]) == (301, "/meta/v0/")
    assert "Metadata" in (await old.ask("/meta/v0/")).text


@pytest.mark.parametrize("path", ["/meta/v0/image", "/meta/v0/image/L2/DR1/calexp"])
async def test_images_are_described_by_a_sentence(old: Astronomer, path: str) -> None:
    answer = await old.ask(path)
    assert (answer.status, "not implemented" in answer.text) == (200, True)


async def test_an_unknown_database_breaks_it(old: Astronomer) -> None:
    answer = await old.ask("/meta/v0/db/L2/nix")
    assert (answer.status, answer.text[:9]) == (500, "<!DOCTYPE")


async def test_a_votable_has_the_word_none_for_null(old: Astronomer) -> None:
    answer = await old.query("SELECT 1 AS a, NULL AS b", accept="application/x-votable+xml")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<VOTABLE version="1.0">' in answer.text
    assert "<TD>1</TD><TD>None</TD>" in answer.text


async def test_a_wrong_statement_is_a_page_where_a_votable_was_wanted(old: Astronomer) -> None:
    answer = await old.query("SELECT x", accept="application/x-votable+xml")
    assert (answer.status, answer.text[:9]) == (500, "<!DOCTYPE")
    assert (await old.query("SELECT x")).json["error"] == "OperationalError"


async def test_an_image_says_nothing_of_itself(old: Astronomer) -> None:
    answer = await old.ask("/image/v0/calexp/id?id=5646240694", range="bytes=0-9")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "image/fits")
    assert not {"ETag", "Accept-Ranges", "Repr-Digest"} & set(answer.headers)


async def test_the_form_of_the_page_and_its_jobs_never_ran(old: Astronomer) -> None:
    assert (await old.ask("/image/v0/L2/DR1/calexp/5646240694")).status == 404
    assert (await old.ask("/image/v0/L2/DR1/calexp/5646240694", "POST")).status == 404
    assert (await old.ask("/image/v0/654/status")).status == 404
    answer = await old.query("SELECT 1 AS one", prefer="respond-async")
    assert answer.json["result"]["table"]["data"] == [[1]]
