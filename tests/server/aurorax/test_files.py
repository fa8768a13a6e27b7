"""The host of the products' files."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import pytest
from tests.server.aurorax.conftest import DAY

if TYPE_CHECKING:
    from tests.server.aurorax.conftest import Start, Visitor
    from tests.server.conftest import Answer

GILLAM = {"data_sources": {"programs": ["trex"], "platforms": ["gillam"]}, **DAY}


async def urls(visitor: Visitor) -> list[str]:
    return [record["url"] for record in await visitor.search("data_products", GILLAM)]


async def get(visitor: Visitor, **headers: str) -> Answer:
    return await visitor.send("GET", (await urls(visitor))[0], **headers)


async def test_keograms_are_pictures(visitor: Visitor) -> None:
    answer = await get(visitor)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert answer.body.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", answer.body[16:24])
    start = answer.body.index(b"IDAT") + 4
    rows = zlib.decompress(answer.body[start : answer.body.index(b"IEND") - 8])
    assert len(rows) == (width + 1) * height
    assert len(set(rows)) > 50


async def test_movies_look_like_movies(visitor: Visitor) -> None:
    answer = await visitor.send("GET", (await urls(visitor))[1])
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.body[4:12] == b"ftypisom"
    assert len(answer.body) > 200_000


async def test_every_file_differs_and_stays_as_it_is(start: Start) -> None:
    visitor = await start()
    first = [(await visitor.send("GET", url)).body for url in await urls(visitor)]
    assert len(set(first)) == 3
    await visitor.server.__aexit__(None, None, None)
    again = await start()
    assert [(await again.send("GET", url)).body for url in await urls(again)] == first


async def test_a_head_tells_the_length(visitor: Visitor) -> None:
    url = (await urls(visitor))[0]
    head, whole = await visitor.send("HEAD", url), await visitor.send("GET", url)
    assert head.body == b""
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert head.headers["ETag"] == whole.headers["ETag"]


async def test_a_part_is_served(visitor: Visitor) -> None:
    whole = await get(visitor)
    for asked, part in (
        ("bytes=10-19", slice(10, 20)),
        ("bytes=10-", slice(10, None)),
        ("bytes=-5", slice(-5, None)),
    ):
        answer = await get(visitor, Range=asked, If_Range=whole.headers["ETag"], If_Match=whole.headers["ETag"])
        assert (answer.status, answer.body) == (206, whole.body[part])
    assert (
        answer.headers["Content-Range"] == f"bytes {len(whole.body) - 5}-{len(whole.body) - 1}/{len(whole.body)}"
    )


@pytest.mark.parametrize("headers", [{"Range": "bytes=10-19", "If_Range": '"other"'}, {"Range": "lines=1-2"}])
async def test_a_part_of_something_else_is_the_whole(visitor: Visitor, headers: dict[str, str]) -> None:
    answer = await get(visitor, **headers)
    assert answer.status == 200
    assert answer.body.startswith(b"\x89PNG")


async def test_conditions_are_kept(visitor: Visitor) -> None:
    etag = (await get(visitor)).headers["ETag"]
    assert (await get(visitor, If_Match='"other"')).status == 412
    assert (await get(visitor, If_None_Match=etag)).status == 304
    assert (await get(visitor, Range="bytes=99999999-")).status == 416


async def test_a_missing_file_is_a_redirect_to_a_home_page(visitor: Visitor) -> None:
    known = (await urls(visitor))[0]
    for url in (
        visitor.server.url + "/files/nothing.jpg",
        known.replace("2020", "1990"),
        known.replace("/01/01/", "/02/31/"),
        known.replace("2020", "2030"),
        known.replace("/103/", "/3/"),
        known + "x",
    ):
        answer = await visitor.send("GET", url)
        assert (answer.status, answer.headers["Location"]) == (302, "/")
    home = await visitor.send("GET", "/")
    assert home.status == 200
    assert home.headers["Content-Type"].startswith("text/html")
