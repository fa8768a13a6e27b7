"""Many clients, slow clients, clients that leave, servers that die: nothing torn, nothing lost, little memory.

The normal run has a few of each; the numbers of a mission are behind `-m soak`.
"""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from tests.server.load import NAME, Served, body, half_sent, many_at_once, md5, name, serving, slow_readers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.conftest import Answer

FEW = 24
MANY = 256
MOST_RSS_MIB = 200


# --- many at once


async def test_clients_at_once_are_all_served(root: Path) -> None:
    await many_at_once(root, FEW, 1 << 18)


@pytest.mark.soak
async def test_256_clients_at_once_are_all_served_in_little_memory(root: Path) -> None:
    assert await many_at_once(root, MANY, 8 << 20) < MOST_RSS_MIB


# --- slow readers


async def test_slow_readers_keep_nobody_else_waiting(root: Path) -> None:
    await slow_readers(root, FEW, 8 << 20)


@pytest.mark.soak
async def test_256_slow_readers_take_little_memory(root: Path) -> None:
    assert await slow_readers(root, MANY, 64 << 20) < MOST_RSS_MIB


# --- half-sent uploads


async def test_half_sent_uploads_leave_nothing(root: Path) -> None:
    await half_sent(root, FEW)


@pytest.mark.soak
async def test_256_half_sent_uploads_leave_nothing(root: Path) -> None:
    await half_sent(root, MANY)


# --- servers that die


async def lost(sending: Any) -> None:
    """See that the server dies over a request."""
    with pytest.raises(aiohttp.ClientError):
        await sending


async def test_a_first_upload_whose_row_was_not_written_is_not_listed(root: Path) -> None:
    async with serving(root, "first") as served:
        await lost(served.visitor.upload(NAME, b"field"))
    async with serving(root) as served:
        assert await served.visitor.names("instrument=mag") == []
        assert (await served.visitor.upload(NAME, b"another")).status == 200
        assert (await served.visitor.download(NAME)).body == b"another"


@pytest.mark.parametrize(("step", "left"), [("before", b"first"), ("after", b"other")])
async def test_a_replacement_that_was_cut_off_is_the_old_object_or_the_new_one(
    root: Path, step: str, left: bytes
) -> None:
    async with serving(root, step) as served:
        urls = [await served.visitor.sign_upload(NAME) for _ in "12"]
        assert (await served.visitor.send("PUT", urls[0], b"first")).status == 200
        await lost(served.visitor.send("PUT", urls[1], b"other"))
    async with serving(root) as served:
        answer = await served.visitor.download(NAME)
        assert (answer.body, answer.headers["ETag"]) == (left, md5(left))


VERSIONS = 4


def content(number: int, version: int) -> bytes:
    return body(number * VERSIONS + version, 100 + version)


async def upload_until_it_dies(served: Served, names: int, acknowledgements: int) -> dict[int, int]:
    """Upload versions of many names at once, and kill the server meanwhile; return what it acknowledged."""
    acknowledged: dict[int, int] = {}
    is_time = asyncio.Event()

    async def upload(number: int, urls: list[str]) -> None:
        for version, url in enumerate(urls):
            try:
                answer: Answer = await served.visitor.send("PUT", url, content(number, version))
            except aiohttp.ClientError:
                return
            assert answer.status == 200
            acknowledged[number] = version
            if sum(version + 1 for version in acknowledged.values()) >= acknowledgements:
                is_time.set()

    async def kill() -> None:
        await is_time.wait()
        await served.kill()

    async def sign(number: int) -> list[str]:
        return [await served.visitor.sign_upload(name(number)) for _ in range(VERSIONS)]

    urls = await asyncio.gather(*(sign(number) for number in range(names)))
    await asyncio.gather(kill(), *(upload(number, several) for number, several in enumerate(urls)))
    return acknowledged


async def check_what_is_left(root: Path, acknowledged: dict[int, int]) -> None:
    """See that all that is listed is whole, and that nothing acknowledged is missing or older than it was."""
    async with serving(root) as served:
        listed = {int(each[14:19]) for each in await served.visitor.names("instrument=swe")}
        assert listed >= acknowledged.keys()
        for number in listed:
            answer = await served.visitor.download(name(number))
            possible = [content(number, version) for version in range(acknowledged.get(number, 0), VERSIONS)]
            assert answer.body in possible
            assert answer.headers["ETag"] == md5(answer.body)


async def kills(root: Path, seed: int, names: int) -> None:
    async with serving(root) as served:
        acknowledgements = random.Random(seed).randrange(1, names * (VERSIONS - 1))
        acknowledged = await upload_until_it_dies(served, names, acknowledgements)
    await check_what_is_left(root, acknowledged)


@pytest.mark.parametrize("seed", range(2))
async def test_a_server_that_is_killed_loses_nothing_acknowledged_and_lists_nothing_torn(
    root: Path, seed: int
) -> None:
    await kills(root, seed, 16)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 150))
async def test_killed_again_and_again_it_loses_nothing(root: Path, seed: int) -> None:
    await kills(root, seed, 100)
