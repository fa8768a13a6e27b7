from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from imap_bulk.server.imap.generations import PERMISSIVE, STRICT_2024

if TYPE_CHECKING:
    from tests.server.conftest import Clock, Start, Visitor

QUERY = "/query?instrument=mag"
ANYWHERE = {"Access-Control-Allow-Origin": "*"}


@pytest.mark.parametrize(
    ("generation", "headers", "status"),
    [
        (PERMISSIVE, {"Content-Type": "application/json"}, 500),
        (STRICT_2024, {"Content-Type": "application/json", **ANYWHERE}, 502),
    ],
    ids=["2026", "2024"],
)
async def test_an_answer_is_as_long_as_the_gateway_takes_it(
    start: Start, generation: Any, headers: dict[str, str], status: int
) -> None:
    visitor = await start(generation=generation)
    for number in range(3):
        await visitor.server.add(f"imap_swe_l1a_sci_2024010{number + 1}_v001.cdf", b"")
    text = (await visitor.ask("/query?instrument=swe")).text
    length = len(json.dumps({"statusCode": 200, "headers": headers, "body": text}))
    visitor = await stop_and_start(start, visitor, generation, length)
    assert (await visitor.ask("/query?instrument=swe")).status == 200
    visitor = await stop_and_start(start, visitor, generation, length - 1)
    assert (await visitor.ask("/query?instrument=swe")).status == status


async def stop_and_start(start: Start, running: Visitor, generation: Any, limit: int) -> Visitor:
    await running.server.__aexit__(None, None, None)
    return await start(generation=generation, answer_limit_bytes=limit)


async def statuses(visitor: Visitor, requests: int) -> list[int]:
    return [(await visitor.ask(QUERY)).status for _ in range(requests)]


async def test_more_requests_than_the_rate_are_429s(start: Start) -> None:
    visitor = await start(throttle=3)
    assert await statuses(visitor, 5) == [200, 200, 200, 429, 429]


@pytest.mark.parametrize("generation", [PERMISSIVE, STRICT_2024], ids=lambda each: each.name)
async def test_a_throttled_request_is_told_in_the_gateways_words(start: Start, generation: object) -> None:
    visitor = await start(throttle=1, generation=generation)
    await visitor.ask(QUERY)
    answer = await visitor.ask(QUERY)
    assert (answer.status, answer.text) == (429, '{"message":"Too Many Requests"}')


async def test_time_brings_requests_back(start: Start, clock: Clock) -> None:
    visitor = await start(throttle=2)
    assert await statuses(visitor, 3) == [200, 200, 429]
    clock.now += 0.5
    assert await statuses(visitor, 2) == [200, 429]


async def test_a_rest_saves_no_more_than_one_second(start: Start, clock: Clock) -> None:
    visitor = await start(throttle=2)
    clock.now += 3_600
    assert await statuses(visitor, 3) == [200, 200, 429]


async def test_a_rate_below_one_lets_one_through(start: Start, clock: Clock) -> None:
    visitor = await start(throttle=0.5)
    assert await statuses(visitor, 2) == [200, 429]
    clock.now += 2
    assert await statuses(visitor, 2) == [200, 429]


async def test_a_clock_that_is_set_back_takes_nothing_away(start: Start, clock: Clock) -> None:
    visitor = await start(throttle=2)
    clock.now -= 60
    assert await statuses(visitor, 3) == [200, 200, 429]


async def test_storage_is_not_throttled(start: Start) -> None:
    visitor = await start(throttle=1)
    await visitor.server.add("naif0012.tls", b"leap")
    url = await visitor.sign_download("naif0012.tls")
    assert [(await visitor.send("GET", url)).status for _ in range(3)] == [200, 200, 200]
