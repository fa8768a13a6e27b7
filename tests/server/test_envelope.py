from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imap_bulk.server.imap.generations import STRICT_2024

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

SCIENCE = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
SCIENCE_KEY = f"imap/mag/l2/2026/01/{SCIENCE}"
ANYWHERE = {"Access-Control-Allow-Origin": "*"}


@pytest.fixture
async def printed(start: Start) -> Visitor:
    visitor = await start(envelope=True)
    await visitor.server.add(SCIENCE, b"field")
    return visitor


async def test_an_envelope_holds_what_a_query_found(printed: Visitor) -> None:
    answer = await printed.ask("/query?instrument=mag")
    assert answer.json["statusCode"] == 200
    assert answer.json["headers"] == {"Content-Type": "application/json"}
    assert [record["file_path"] for record in answer.json["body"]] == [SCIENCE_KEY]


async def test_an_envelope_leads_to_downloads_as_well(printed: Visitor) -> None:
    answer = await printed.ask(f"/download/{SCIENCE_KEY}")
    url = answer.headers["Location"]
    assert answer.status == 302
    assert answer.json == {
        "statusCode": 302,
        "headers": {"Content-Type": "text/html", "Location": url},
        "body": {"download_url": url},
    }


async def test_an_envelope_holds_the_url_of_an_upload(printed: Visitor) -> None:
    answer = await printed.ask("/upload/naif0012.tls")
    assert set(answer.json) == {"statusCode", "body"}
    assert "X-Amz-Signature" in answer.json["body"]


@pytest.mark.parametrize(
    ("path", "status"), [("/upload/nope.txt", 400), (f"/upload/{SCIENCE}", 409), ("/download/x", 404)]
)
async def test_an_envelope_repeats_the_status_of_a_refusal(printed: Visitor, path: str, status: int) -> None:
    answer = await printed.ask(path)
    assert (answer.status, answer.json["statusCode"]) == (status, status)


async def test_what_the_gateway_says_itself_is_in_no_envelope(printed: Visitor) -> None:
    assert (await printed.ask("/query")).json == {"message": "Internal Server Error"}


async def test_an_envelope_of_2024_has_its_header_for_pages_from_anywhere(start: Start) -> None:
    visitor = await start(envelope=True, generation=STRICT_2024)
    answer = await visitor.ask("/query?instrument=mag")
    assert answer.json == {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", **ANYWHERE},
        "body": [],
    }
