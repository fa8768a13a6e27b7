"""R6, R7: parts that are not the ones that were asked for, or of another object. Never a mix of two."""

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.faults.bench import AT_ONCE, IN_PARTS, SIZES, name_of, seeds
from tests.faults.clients import final_files, left_over
from tests.faults.conftest import Faulty

from imap_bulk import aio, errors
from imap_bulk.model import Event, Progress
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.chaos.fault import Kind
from imap_bulk.server.chaos.ranges import RANGE

MEDIUM = name_of("medium")
LARGE = name_of("large")


# --- R6


@pytest.mark.parametrize("fault", RANGE)
@pytest.mark.parametrize("seed", seeds(1, 60))
async def test_a_wrong_part_is_never_taken_for_the_right_one(
    faulty: Faulty, small_blocks: int, fault: str, seed: int
) -> None:
    bench = await faulty(f"{fault}*1", seed)
    assert (await bench.pull(MEDIUM, **IN_PARTS)).done == 1
    assert bench.faults == [fault]


@pytest.mark.parametrize("fault", RANGE)
async def test_a_wrong_rest_is_never_joined_to_what_is_here(faulty: Faulty, fault: str) -> None:
    bench = await faulty(f"truncate-length*1,{fault}*1")
    assert (await bench.pull(LARGE)).done == 1
    assert sorted(bench.faults) == sorted(["truncate-length", fault])


@pytest.mark.parametrize("fault", RANGE)
async def test_a_storage_that_never_sends_right_parts_still_has_its_whole_object_fetched(
    faulty: Faulty, fault: str
) -> None:
    bench = await faulty(f"truncate-length*1,{fault}=1,streak=0")
    assert (await bench.pull(LARGE)).done == 1


async def test_a_storage_that_ignores_every_range_still_has_a_large_object_fetched(
    faulty: Faulty, small_blocks: int
) -> None:
    bench = await faulty("range-ignored=1,streak=0")
    assert (await bench.pull(MEDIUM, **IN_PARTS)).done == 1


# --- R7


@pytest.mark.parametrize("fault", ["replaced", "replaced-412"])
async def test_an_object_that_always_changes_fails_after_two_restarts(
    faulty: Faulty, small_blocks: int, fault: str
) -> None:
    bench = await faulty(f"{fault}=1,streak=0")
    await bench.pull(MEDIUM, **IN_PARTS)
    assert isinstance(bench.outcome.error, errors.Rejected)
    assert bench.outcome.attempts == 3
    assert "changes faster than it can be fetched" in str(bench.outcome.error)


@pytest.mark.parametrize("settings", [{}, IN_PARTS], ids=["resumed", "in parts"])
@pytest.mark.parametrize("at", seeds(3, 40))
async def test_an_object_that_is_replaced_meanwhile_comes_whole_as_one_of_the_two(
    tmp_path: Path, small_blocks: int, settings: dict[str, Any], at: int
) -> None:
    first, second = (hashlib.shake_128(name).digest(SIZES["medium"]) for name in (b"first", b"second"))
    options = ServerOptions(tmp_path / "archive", chaos="truncate-length*1", grace=0.1)
    async with ArchiveServer(options) as server:
        await server.add(MEDIUM, first)
        replacing: list[asyncio.Task[object]] = []

        def replace_once(event: Event) -> None:
            if isinstance(event, Progress) and event.bytes > at << 17 and not replacing:
                replacing.append(asyncio.create_task(server.add(MEDIUM, second)))

        result = await aio.pull(
            MEDIUM,
            data_dir=tmp_path / "data",
            url=server.url,
            settings=replace(AT_ONCE, **settings),
            report=replace_once,
        )
        await asyncio.gather(*replacing)
    assert result.done == 1
    either = {hashlib.sha256(content).hexdigest() for content in (first, second)}
    assert set(final_files(tmp_path / "data").values()) <= either


async def test_what_a_run_left_is_not_joined_to_another_object(faulty: Faulty, small_blocks: int) -> None:
    bench = await faulty("truncate-length*1,storage:503-zero=1,streak=0")
    assert (await bench.pull(LARGE)).failed == 1
    assert left_over(bench.data_dir), "there is nothing to go on from"
    again = await faulty("replaced*1")
    again.data_dir = bench.data_dir
    assert (await again.pull(LARGE)).done == 1
    assert [(arrival.kind, arrival.fault) for arrival in again.at_storage()] == [
        (Kind.PART, "replaced"),
        (Kind.WHOLE, None),
    ]
