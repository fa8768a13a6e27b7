"""Workers deliver to a bucket by themselves, need no directory in common, and tell the one journal."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import LocalCluster
from tests.delivery.conftest import QUICK, Run
from tests.server import rclone

from imap_bulk.errors import BadBucket
from imap_bulk.fanout import Fanout
from imap_bulk.model import Event, Outcome
from imap_bulk.server.app import ArchiveServer

COUNT = 120
BODY = bytes(16_384)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rclone.S3Server]:
    with rclone.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def workers(tmp_path: Path) -> Path:
    """Tell where workers keep what is their own."""
    return tmp_path / "workers"


@pytest.fixture
async def cluster(workers: Path) -> AsyncIterator[LocalCluster]:
    async with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", asynchronous=True, silence_logs=50,
        local_directory=str(workers),
    ) as cluster:  # fmt: skip
        yield cluster


@pytest.fixture
async def run(server: ArchiveServer, storage: rclone.S3Server, tmp_path: Path) -> Run:
    for number in range(COUNT):
        await server.add(f"imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf", BODY)
    return Run(server, storage, tmp_path / "data", tmp_path.name)


def fanout(run: Run, cluster: LocalCluster) -> Fanout:
    return Fanout(cluster.scheduler_address, run.destination)


async def test_every_file_is_delivered_once_and_the_one_journal_knows_it(
    run: Run, cluster: LocalCluster, workers: Path
) -> None:
    here: set[str] = set()

    def look(event: Event) -> None:
        if isinstance(event, Outcome):
            here.update(path.suffix for path in run.data_dir.rglob("*") if path.is_file())

    run.hear = look
    result = await run(move=fanout(run, cluster).move)
    assert (result.done, result.verified, set(run.stored().values())) == (COUNT, COUNT, {BODY})
    assert len(run.stored()) == COUNT
    assert ".part" not in here
    assert not list(workers.rglob("imap-bulk-*"))
    assert set(Counter(outcome.transfer.key for outcome in run.outcomes()).values()) == {1}
    again = await run(move=fanout(run, cluster).move)
    assert (again.done, again.skipped) == (0, COUNT)


async def test_a_killed_worker_loses_nothing(run: Run, cluster: LocalCluster) -> None:
    victim = next(iter(cluster.workers.values())).pid

    def kill(_event: Event) -> None:
        if len(run.outcomes()) == COUNT // 4:
            os.kill(victim, signal.SIGKILL)

    run.hear = kill
    slowly = replace(QUICK, limit_rate=COUNT * len(BODY) / 2.0)  # two seconds and more, so that there is a middle
    result = await run(slowly, move=fanout(run, cluster).move)
    assert (result.done, result.failed, len(run.stored())) == (COUNT, 0, COUNT)
    assert set(run.stored().values()) == {BODY}


async def test_an_interrupted_run_ends_at_the_workers_too_and_goes_on_later(
    run: Run, cluster: LocalCluster, workers: Path
) -> None:
    begun = asyncio.Event()

    def note(_event: Event) -> None:
        if len(run.outcomes()) >= 20:
            begun.set()

    run.hear = note
    slowly = replace(QUICK, limit_rate=COUNT * len(BODY) / 8.0)
    running = asyncio.create_task(run(slowly, move=fanout(run, cluster).move))
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    async with asyncio.timeout(60):
        while list(workers.rglob("imap-bulk-*")):  # noqa: ASYNC110  a directory tells nobody that it goes
            await asyncio.sleep(0.01)
    assert 20 <= len(run.stored()) < COUNT
    result = await run(move=fanout(run, cluster).move)
    assert (result.complete, result.skipped >= 20, len(run.stored())) == (True, True, COUNT)


async def test_a_bucket_that_is_not_there_is_told_before_anything_is_dealt(
    run: Run, cluster: LocalCluster
) -> None:
    run.bucket = "nowhere"
    with pytest.raises(BadBucket, match="NoSuchBucket"):
        await run(move=fanout(run, cluster).move)
    assert run.outcomes() == []
