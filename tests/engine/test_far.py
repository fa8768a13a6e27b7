"""What is far gets more at once: told by how long a connection takes to open, or an answer to come."""

import asyncio
import itertools
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohappyeyeballs
import pytest
from aiohttp import web
from tests.engine.scripted import Answer, Run, Storage, good, ranged

from imap_bulk.engine import partial
from imap_bulk.model import Direction, Status, Transfer

LATENCY = 0.02


@pytest.fixture
def ready(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Take 512,000 bytes for a large file."""
    monkeypatch.setattr(partial, "BLOCK_BYTES", 1 << 15)
    run.settings = replace(run.settings, parallel_bytes=1 << 17, parallel_latency=LATENCY / 2)
    return run


def far(answer: Answer) -> Answer:
    """Answer after a while, as the other side of an ocean does."""

    async def answer_late(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(LATENCY)
        return await answer(request)

    return answer_late


async def test_a_large_file_from_afar_comes_through_several_streams(
    ready: Run, storage: Storage, wanted: Transfer, tmp_path: Path
) -> None:
    storage.answers = [far(ranged())]
    (outcome,) = await ready(wanted)
    assert outcome.status is Status.DONE
    assert len(storage.requests) > 4


async def test_a_large_file_from_nearby_comes_through_one(ready: Run, storage: Storage, wanted: Transfer) -> None:
    ready.settings = replace(ready.settings, parallel_latency=60.0)
    storage.answers = [ranged()]
    (outcome,) = await ready(wanted)
    assert outcome.status is Status.DONE
    assert len(storage.requests) == 1


async def test_a_host_whose_connections_open_late_gets_more_at_once_before_its_first_answer(
    run: Run, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, waiting, are_many = aiohappyeyeballs.start_connection, itertools.count(1), asyncio.Event()

    async def connect_late(*args: Any, **options: Any) -> socket.socket:
        await asyncio.sleep(LATENCY)
        return await connect(*args, **options)

    async def answer_many(request: web.Request) -> web.StreamResponse:
        if next(waiting) > 8:
            are_many.set()
        async with asyncio.timeout(20):
            await are_many.wait()
        return await good()(request)

    monkeypatch.setattr(aiohappyeyeballs, "start_connection", connect_late)
    run.settings = replace(run.settings, transport="lean", jobs=16, jobs_start=2)
    storage.answers = [answer_many]
    transfers = [Transfer(Direction.PULL, str(n), tmp_path / str(n)) for n in range(16)]
    assert {outcome.status for outcome in await run(*transfers)} == {Status.DONE}
