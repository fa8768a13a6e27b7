"""R24: everything at once. Nothing is lost, nothing is wrong, everything is accounted for, and nothing grows."""

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import linear_regression
from typing import Any

import pytest
from tests.faults.bench import Bench
from tests.faults.clients import fill, run

from imap_bulk.errors import Busy, TransientError
from imap_bulk.model import Result
from imap_bulk.server.app import ArchiveServer, ServerOptions

FILES = 300
MIB = 1 << 20
MOST_RUNS = 5
LONGEST_WAIT = 0.02
MOST_OF_PEAKS = 8
"""MiB that the allocator may keep of new peaks; five minutes have shown up to 2.9."""

WARM_UP = 120.0
"""Seconds after which threads, pools and caches are what they stay."""
SIZES = (0, 1, 700, 16_000, 140_000, 400_000)
OFF = ("redirect-file", "redirect-ftp", "json-giant")
"""What fails a file for good, by design: an archive that sends elsewhere or says too much is not asked again."""

SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("share", [0.05])
@pytest.mark.parametrize("seed", [24, *(pytest.param(seed, marks=SOAK) for seed in range(100))])
async def test_one_run_brings_everything_through_every_fault(
    tmp_path: Path, small_blocks: int, share: float, seed: int
) -> None:
    async with _troubled(tmp_path, share, seed) as bench:
        result = await _pull_when_listed(bench)
        assert (result.done, result.failed) == (FILES, 0), [outcome.error for outcome in result.failures]


@pytest.mark.parametrize("share", [0.15, pytest.param(0.2, marks=SOAK)])
@pytest.mark.parametrize("seed", [24, *(pytest.param(seed, marks=SOAK) for seed in range(100))])
async def test_a_few_runs_bring_everything_through_more_faults_than_one_puts_up_with(
    tmp_path: Path, small_blocks: int, share: float, seed: int
) -> None:
    """Pull until everything is there, as exit code 75 tells people to; all failures on the way are passing ones.

    One file may meet six faults of a kind that is asked again but twice: an expired URL, a 404 for what is listed.
    """
    async with _troubled(tmp_path, share, seed) as bench:
        failures = 0
        for _ in range(MOST_RUNS):
            with contextlib.suppress(TransientError):  # the listing itself may fail so
                result = await _pull(bench)
                assert [o.error for o in result.failures if not isinstance(o.error, TransientError)] == []
                failures += result.failed
                if result.complete:
                    assert result.done + result.skipped == FILES
                    break
        else:
            raise AssertionError(f"not complete after {MOST_RUNS} runs")
        assert failures <= FILES // 100


@contextlib.asynccontextmanager
async def _troubled(tmp_path: Path, share: float, seed: int) -> AsyncIterator[Bench]:
    """Serve files through every fault there is; in the end, hold this process to what it had before."""
    root = tmp_path / "archive"
    async with ArchiveServer(ServerOptions(root)) as healthy:
        archived = await fill(healthy, [SIZES[number % len(SIZES)] for number in range(FILES)], seed)
    sys.stderr.write(f"chaos {_spec(share)} seed {seed}\n")
    tasks, descriptors = len(asyncio.all_tasks()), _descriptors()
    async with ArchiveServer(ServerOptions(root, chaos=_spec(share), seed=seed, grace=0.1)) as server:
        bench = Bench(server, tmp_path / "data", archived)
        yield bench
        sys.stderr.write(f"{len(bench.arrivals)} requests, {Counter(bench.faults).most_common()}\n")
        assert len(set(bench.faults)) >= 15
    assert len(asyncio.all_tasks()) <= tasks
    assert _descriptors() <= descriptors


def _spec(share: float) -> str:
    return ",".join((f"all={share}", "stall=60", *(f"{fault}=0" for fault in OFF)))


async def _pull(bench: Bench) -> Result:
    return await bench.pull_listed(
        "norm-gse",
        retries=20,
        idle_timeout=0.3,
        retry_after_max=LONGEST_WAIT,
        outage_max=60.0,
        parallel_bytes=1 << 18,
        parallel_latency=0.0,
        chunk_bytes=1 << 16,
    )


async def _pull_when_listed(bench: Bench) -> Result:
    """Pull, and again as long as nothing has moved: a search that is sent away for too long gives up by design."""
    while True:
        try:
            return await _pull(bench)
        except Busy as error:
            if (error.retry_after or 0) <= LONGEST_WAIT or bench.outcomes:
                raise


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


@pytest.mark.soak
@pytest.mark.timeout(9000)
@pytest.mark.skipif(sys.platform != "linux", reason="what a process holds is read from /proc, of glibc")
@pytest.mark.parametrize("seconds", [300, 7200])
async def test_pulling_on_and_on_leaves_no_object_task_or_file_behind(tmp_path: Path, seconds: int) -> None:
    pulls = await _pulls_on_and_on(tmp_path, seconds)
    steady = [pull for pull in pulls if pull["at"] > WARM_UP]
    assert steady[-1]["objects"] - steady[0]["objects"] < len(steady), "every pull leaves an object behind"
    assert {pull["tasks"] for pull in pulls} == {1}
    assert {pull["descriptors"] for pull in steady} == {steady[0]["descriptors"]}
    assert [pull for pull in pulls if pull.get("failed", 0) > pull.get("passing", 0)] == []
    assert (steady[-1]["rss"] - steady[0]["rss"]) / MIB <= MOST_OF_PEAKS
    if seconds >= 3600:  # in minutes, one step of the allocator is steeper than any leak that may be
        slope, _ = linear_regression(
            [pull["at"] / 3600 for pull in steady], [pull["rss"] / MIB for pull in steady]
        )
        assert slope <= 1, "MiB an hour"


async def _pulls_on_and_on(tmp_path: Path, seconds: int) -> list[dict[str, Any]]:
    """Pull for so long in one process; return what it held after every pull."""
    root = tmp_path / "archive"
    async with ArchiveServer(ServerOptions(root)) as healthy:
        await fill(healthy, [SIZES[number % len(SIZES)] for number in range(60)])
    sys.stderr.write(f"chaos {_spec(0.1)} seed 24\n")
    async with ArchiveServer(ServerOptions(root, chaos=_spec(0.1), seed=24, grace=0.1)) as server:
        ended = await run(
            *(server.url, str(tmp_path / "data"), str(seconds)),
            module="tests.faults.steady",
            environment={"MALLOC_ARENA_MAX": "2"},  # else every thread adds an arena when it first gets large work
        )
    assert ended.code == 0, ended.stderr
    sys.stderr.write(ended.stdout)
    return [json.loads(line) for line in ended.stdout.splitlines()]
