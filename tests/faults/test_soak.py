"""R24: everything at once. Nothing is lost, nothing is wrong, and everything is accounted for."""

import asyncio
import contextlib
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.faults.bench import Bench
from tests.faults.clients import fill

from imap_bulk.errors import TransientError
from imap_bulk.server.app import ArchiveServer, ServerOptions

FILES = 300
MOST_RUNS = 5
SIZES = (0, 1, 700, 16_000, 140_000, 400_000)
OFF = ("redirect-file", "redirect-ftp", "json-giant")
"""What fails a file for good, by design: an archive that sends elsewhere or says too much is not asked again."""

SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("share", [0.15, pytest.param(0.05, marks=SOAK), pytest.param(0.2, marks=SOAK)])
@pytest.mark.parametrize("seed", [24, *(pytest.param(seed, marks=SOAK) for seed in range(100))])
async def test_a_pull_through_every_fault_loses_nothing(
    tmp_path: Path, small_blocks: int, share: float, seed: int
) -> None:
    root = tmp_path / "archive"
    async with ArchiveServer(ServerOptions(root)) as healthy:
        archived = await fill(healthy, [SIZES[number % len(SIZES)] for number in range(FILES)], seed)
    spec = ",".join((f"all={share}", "stall=60", *(f"{fault}=0" for fault in OFF)))
    sys.stderr.write(f"chaos {spec} seed {seed}\n")
    tasks, descriptors = len(asyncio.all_tasks()), _descriptors()
    async with ArchiveServer(ServerOptions(root, chaos=spec, seed=seed, grace=0.1)) as server:
        bench = Bench(server, tmp_path / "data", archived)
        failures = await _pull(bench)
        sys.stderr.write(f"{len(bench.arrivals)} requests, {Counter(bench.faults).most_common()}\n")
        assert failures <= FILES // 100
        assert len(set(bench.faults)) >= 15
    assert len(asyncio.all_tasks()) <= tasks
    assert _descriptors() <= descriptors


async def _pull(bench: Bench) -> int:
    """Pull until everything is there, as exit code 75 tells people to; count the failures, all of them passing.

    One file may meet six faults of a kind that is asked again but twice: an expired URL, a 404 for what is listed.
    """
    failures = 0
    for _ in range(MOST_RUNS):
        with contextlib.suppress(TransientError):  # the listing itself may fail so
            result = await bench.pull_listed(
                "norm-gse",
                retries=20,
                idle_timeout=0.3,
                retry_after_max=0.02,
                outage_max=60.0,
                parallel_bytes=1 << 18,
                chunk_bytes=1 << 16,
            )
            permanent = [
                outcome.error for outcome in result.failures if not isinstance(outcome.error, TransientError)
            ]
            assert permanent == []
            failures += result.failed
            if result.complete:
                assert result.done + result.skipped == FILES
                return failures
    raise AssertionError(f"not complete after {MOST_RUNS} runs")


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
