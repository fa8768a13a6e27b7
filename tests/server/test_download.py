from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
KEY = f"imap/mag/l2/2026/01/{NAME}"


async def test_a_download_is_redirected_to_a_signed_url(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    answer = await visitor.ask(f"/download/{KEY}")
    assert answer.status == 302
    assert answer.headers["Location"].startswith(f"{visitor.server.storage_url}/{KEY}?X-Amz-Algorithm=")


async def test_the_redirect_repeats_its_url_in_json_called_html(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    answer = await visitor.ask(f"/download/{KEY}")
    assert answer.json == {"download_url": answer.headers["Location"]}
    assert answer.headers["Content-Type"] == "text/html"


async def test_a_head_request_is_redirected_too(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    answer = await visitor.send("HEAD", f"{visitor.server.url}/download/{KEY}")
    assert (answer.status, answer.body) == (302, b"")
    assert "X-Amz-Signature" in answer.headers["Location"]


async def test_the_url_leads_to_the_bytes(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    answer = await visitor.download(NAME)
    assert (answer.status, answer.body) == (200, b"field")


async def test_api_and_storage_are_two_origins(visitor: Visitor) -> None:
    assert visitor.server.url != visitor.server.storage_url


async def test_a_download_url_lives_for_a_day(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"field")
    assert "X-Amz-Expires=86400&" in await visitor.sign_download(NAME)


async def test_the_lifetime_can_be_chosen(start: Start) -> None:
    visitor = await start(url_lifetime_download=7)
    await visitor.server.add(NAME, b"field")
    assert "X-Amz-Expires=7&" in await visitor.sign_download(NAME)


@pytest.mark.parametrize("path", [NAME, f"imap//{KEY[5:]}", f"./{KEY}", f"imap/mag/../{KEY[5:]}", "etc/passwd"])
async def test_anything_but_the_full_path_is_not_found(visitor: Visitor, path: str) -> None:
    await visitor.server.add(NAME, b"field")
    answer = await visitor.ask(f"/download/{path}")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.text == (
        "File not found, make sure you include the full path to the file in the request, "
        "e.g. /download/path/to/file/filename.pkts."
    )


@pytest.mark.parametrize("path", ["", "/"])
async def test_a_missing_path_is_told(visitor: Visitor, path: str) -> None:
    answer = await visitor.ask(f"/download{path}")
    assert answer.status == 400
    assert answer.text.startswith("No file requested for download.")


async def test_what_a_server_took_its_successor_serves(start: Start) -> None:
    first = await start()
    await first.server.add(NAME, b"field")
    await first.server.__aexit__(None, None, None)
    assert (await (await start()).download(NAME)).body == b"field"


async def test_an_object_larger_than_a_piece_arrives_whole(visitor: Visitor) -> None:
    body = bytes(range(256)) * 13_001
    await visitor.server.add(NAME, body)
    answer = await visitor.download(NAME)
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(body).digest()
    assert answer.headers["Content-Length"] == str(len(body))


async def test_an_empty_object_arrives(visitor: Visitor) -> None:
    await visitor.server.add(NAME, b"")
    answer = await visitor.download(NAME)
    assert (answer.status, answer.body, answer.headers["Content-Length"]) == (200, b"", "0")
