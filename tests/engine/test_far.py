"""One stream for what is near, several for a large file that is far: told by how long an answer takes."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from tests.engine.scripted import Answer, Run, Storage, ranged

from imap_bulk.engine import partial
from imap_bulk.model import Status, Transfer

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
