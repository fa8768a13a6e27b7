from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.canaries import API_KEY, READ_KEY, UNKNOWN_KEY

from imap_bulk.server.app import Scope

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
KEY = f"imap/mag/l2/2026/01/{NAME}"
READS = ["/query?table=science", "/spice-query?type=kernels", f"/download/{KEY}"]
UNAUTHORIZED = (401, '{"message":"Unauthorized"}')
FORBIDDEN = (403, '{"message":"Forbidden"}')


@pytest.fixture
async def guarded(start: Start) -> Visitor:
    visitor = await start(keys={READ_KEY: Scope.READ, API_KEY: Scope.WRITE})
    await visitor.server.add(NAME, b"field")
    return visitor


@pytest.mark.parametrize("path", [*READS, "/upload/naif0012.tls"])
@pytest.mark.parametrize("prefix", ["/api-key", "/authorized"])
async def test_no_key_is_unauthorized(guarded: Visitor, prefix: str, path: str) -> None:
    answer = await guarded.ask(prefix + path)
    assert (answer.status, answer.text) == UNAUTHORIZED


@pytest.mark.parametrize("path", [*READS, "/upload/naif0012.tls"])
async def test_an_unknown_key_is_forbidden(guarded: Visitor, path: str) -> None:
    answer = await guarded.ask(f"/api-key{path}", x_api_key=UNKNOWN_KEY)
    assert (answer.status, answer.text) == FORBIDDEN


async def test_an_unknown_token_is_forbidden(guarded: Visitor) -> None:
    answer = await guarded.ask("/authorized/query?table=science", Authorization=f"Bearer {UNKNOWN_KEY}")
    assert (answer.status, answer.text) == FORBIDDEN


@pytest.mark.parametrize("value", [f"Basic {READ_KEY}", READ_KEY, "Bearer", ""])
async def test_only_bearers_are_authorized(guarded: Visitor, value: str) -> None:
    answer = await guarded.ask("/authorized/query?table=science", Authorization=value)
    assert (answer.status, answer.text) == UNAUTHORIZED


async def test_a_key_counts_only_where_keys_are_asked_for(guarded: Visitor) -> None:
    assert (await guarded.ask("/authorized/query?table=science", x_api_key=API_KEY)).status == 401
    assert (await guarded.ask("/api-key/query?table=science", Authorization=f"Bearer {API_KEY}")).status == 401


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("key", [READ_KEY, API_KEY])
async def test_every_key_may_read(guarded: Visitor, key: str, path: str) -> None:
    assert (await guarded.ask(f"/api-key{path}", x_api_key=key)).status in {200, 302}
    assert (await guarded.ask(f"/authorized{path}", Authorization=f"Bearer {key}")).status in {200, 302}


@pytest.mark.parametrize("path", READS)
async def test_reading_needs_no_key_at_the_bare_prefix(guarded: Visitor, path: str) -> None:
    assert (await guarded.ask(path)).status in {200, 302}


async def test_a_reader_may_not_upload(guarded: Visitor) -> None:
    for prefix, header in (
        ("/api-key", {"x_api_key": READ_KEY}),
        ("/authorized", {"Authorization": f"Bearer {READ_KEY}"}),
    ):
        answer = await guarded.ask(f"{prefix}/upload/naif0012.tls", **header)
        assert answer.status == 403
        assert answer.json == "Upload access denied. Your API key has read-only permissions."


async def test_a_writer_may_upload(guarded: Visitor) -> None:
    for prefix, header in (
        ("/api-key", {"x_api_key": API_KEY}),
        ("/authorized", {"Authorization": f"bearer {API_KEY}"}),
    ):
        answer = await guarded.ask(f"{prefix}/upload/naif0012.tls", **header)
        assert answer.status == 200
        assert "X-Amz-Signature" in answer.json


async def test_with_keys_the_bare_prefix_has_no_uploads(guarded: Visitor) -> None:
    answer = await guarded.ask("/upload/naif0012.tls", x_api_key=API_KEY)
    assert (answer.status, answer.text) == (404, '{"message":"Not Found"}')


@pytest.mark.parametrize("prefix", ["", "/api-key", "/authorized"])
async def test_without_keys_everybody_may_write(visitor: Visitor, prefix: str) -> None:
    assert (await visitor.ask(f"{prefix}/upload/naif0012.tls")).status == 200


async def test_storage_asks_for_no_key(guarded: Visitor) -> None:
    assert (await guarded.download(NAME)).body == b"field"
