"""The page that browsers get, what it may do, and what it alone asks the archive."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.canaries import API_KEY, UNKNOWN_KEY

from imap_bulk.server.app import Scope
from imap_bulk.server.cors import is_page
from imap_bulk.server.imap.generations import STRICT_2024, STRICT_2026
from imap_bulk.server.page import is_browser

if TYPE_CHECKING:
    from tests.server.conftest import Answer, Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
KEY = f"imap/mag/l2/2026/01/{NAME}"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
WEB = resources.files("imap_bulk.server") / "web"
PARTS = [file.name for file in WEB.iterdir() if file.name != "index.html"]


def policy(answer: Answer) -> dict[str, str]:
    rules = (rule.strip().partition(" ") for rule in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in rules}


async def test_a_browser_gets_the_page(visitor: Visitor) -> None:
    answer = await visitor.ask("/", Accept=BROWSER)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<title>IMAP archive</title>" in answer.text


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
async def test_a_program_gets_what_the_gateway_says(visitor: Visitor, accept: str) -> None:
    answer = await visitor.ask("/", Accept=accept)
    assert (answer.status, answer.text) == (404, '{"message":"Not Found"}')


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "text/plain;q=0.9, TEXT/HTML;level=1"])
def test_whoever_names_html_is_a_browser(accept: str) -> None:
    assert is_browser(accept)


@given(st.text())
def test_whatever_is_accepted_can_be_read(accept: str) -> None:
    is_browser(accept)


@pytest.mark.parametrize("name", PARTS)
async def test_every_part_of_the_page_is_served(visitor: Visitor, name: str) -> None:
    answer = await visitor.ask(f"/page/{name}")
    assert answer.status == 200
    assert answer.body == (WEB / name).read_bytes()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2fpage.py", "%2e%2e/page.py", "app.js/", ""])
async def test_nothing_else_is_served(visitor: Visitor, name: str) -> None:
    assert (await visitor.ask(f"/page/{name}")).status == 404


async def test_the_page_may_talk_to_this_archive_alone(visitor: Visitor) -> None:
    rules = policy(await visitor.ask("/", Accept=BROWSER))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["connect-src"] == rules["frame-src"] == f"'self' {visitor.server.storage_url}"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"


async def test_where_every_address_is_served_the_policy_names_the_one_that_was_asked(start: Start) -> None:
    visitor = await start(host="0.0.0.0")
    port = visitor.server.url.rpartition(":")[2]
    answer = await visitor.send("GET", f"http://localhost:{port}/", Accept=BROWSER)
    assert policy(answer)["connect-src"].startswith("'self' http://localhost:")


@pytest.mark.parametrize("name", ["index.html", *PARTS])
def test_the_page_needs_nothing_from_elsewhere(name: str) -> None:
    addresses = re.findall(r"(?:https?:)?//[a-z][^\s\"']*", (WEB / name).read_text(encoding="utf-8"))
    assert set(addresses) <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("name", [name for name in PARTS if name.endswith(".js")])
def test_no_text_becomes_markup(name: str) -> None:
    script = (WEB / name).read_text(encoding="utf-8")
    for door in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function("):
        assert door not in script


@pytest.mark.parametrize(("keys", "asks"), [({}, False), ({API_KEY: Scope.WRITE}, True)])
async def test_the_page_knows_whether_there_are_keys(start: Start, keys: dict[str, Scope], asks: bool) -> None:
    visitor = await start(keys=keys)
    assert (await visitor.ask("/page/about")).json["has_keys"] is asks


async def test_the_page_offers_what_the_service_of_2024_could_be_asked_for(start: Start) -> None:
    offered = (await (await start(generation=STRICT_2024)).ask("/page/about")).json
    assert offered["tables"] == ["science"]
    assert "ingestion_start_date" in offered["unasked"]
    assert "spacecraft" not in offered["instruments"]
    assert offered["extensions"]["science"] == ["cdf", "pkts"]
    assert not offered["has_keys"]


async def test_days_count_all_versions(visitor: Visitor) -> None:
    for name in (NAME, NAME.replace("0002", "0001"), NAME.replace("0115", "0117"), "naif0012.tls"):
        await visitor.server.add(name, b"field")
    assert (await visitor.ask("/page/days?start_date=20260101")).json == [
        ["mag", "20260115", 2],
        ["mag", "20260117", 1],
    ]


async def test_days_are_filtered_as_a_query_is(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    assert (await visitor.ask("/page/days?data_level=l1a")).json == []
    assert (await visitor.ask("/page/days?nonsense=1")).text == (await visitor.ask("/query?nonsense=1")).text


async def test_days_show_no_more_than_a_query(start: Start) -> None:
    visitor = await start(generation=STRICT_2026, keys={API_KEY: Scope.READ})
    await visitor.server.add(NAME, b"field")
    assert (await visitor.ask("/page/days?start_date=20260101")).json == []
    seen = await visitor.ask("/api-key/page/days?start_date=20260101", x_api_key=API_KEY)
    assert seen.json == [["mag", "20260115", 1]]


async def test_a_download_is_told_without_a_redirect(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    answer = await visitor.ask(f"/page/download/{KEY}")
    assert answer.status == 200
    assert (await visitor.send("GET", answer.json["download_url"])).body == b"field"
    assert (await visitor.ask("/page/download/nothing")).status == 404


async def test_what_the_page_asks_stands_behind_the_same_keys(start: Start) -> None:
    visitor = await start(keys={API_KEY: Scope.READ})
    for path in ("/api-key/page/days?start_date=20260101", f"/api-key/page/download/{KEY}"):
        assert (await visitor.ask(path)).status == 401
        assert (await visitor.ask(path, x_api_key=UNKNOWN_KEY)).status == 403


async def preflight(visitor: Visitor, origin: str, method: str = "PUT") -> Answer:
    url = await visitor.sign_upload(NAME)
    return await visitor.send("OPTIONS", url, Origin=origin, Access_Control_Request_Method=method)


async def test_the_page_may_upload(visitor: Visitor) -> None:
    answer = await preflight(visitor, visitor.server.url)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == visitor.server.url
    assert answer.headers["Access-Control-Allow-Methods"] == "PUT"
    assert "Access-Control-Allow-Headers" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["http://elsewhere.example", "null", "http://[", ""])
async def test_no_other_page_may_upload(visitor: Visitor, origin: str) -> None:
    answer = await preflight(visitor, origin)
    assert answer.status == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
async def test_the_page_may_do_nothing_else(visitor: Visitor, method: str) -> None:
    assert "Access-Control-Allow-Origin" not in (await preflight(visitor, visitor.server.url, method)).headers


async def test_the_page_may_read_the_answer_to_its_upload(visitor: Visitor) -> None:
    url, origin = await visitor.sign_upload(NAME), visitor.server.url
    for target in (url, url[:-1]):  # taken, and refused
        answer = await visitor.send("PUT", target, b"field", Origin=origin)
        assert answer.headers["Access-Control-Allow-Origin"] == origin
    foreign = await visitor.send("PUT", url, b"field", Origin="http://elsewhere.example")
    assert "Access-Control-Allow-Origin" not in foreign.headers


async def test_downloads_are_shared_with_no_script(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    answer = await visitor.download(NAME, Origin=visitor.server.url)
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:9000", True),
        ("http://localhost:8000", "127.0.0.1:9000", True),
        ("http://[::1]:8000", "localhost:9000", True),
        ("http://archive.example:8000", "archive.example:9000", True),
        ("http://archive.example:8000", "127.0.0.1:9000", False),
        ("http://127.0.0.1:8001", "127.0.0.1:9000", False),
        ("https://127.0.0.1:8000", "127.0.0.1:9000", False),
        ("http://127.0.0.1:8000.elsewhere.example", "127.0.0.1:9000", False),
    ],
)
def test_the_page_is_known_by_its_origin(origin: str, host: str, allowed: bool) -> None:
    assert is_page(origin, host, 8000) is allowed


@given(st.text(), st.text())
def test_any_origin_can_be_judged(origin: str, host: str) -> None:
    is_page(origin, host, 8000)
