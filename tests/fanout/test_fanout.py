"""One plan, several machines: real Dask workers in processes of their own, one of them killed with kill -9."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from distributed import LocalCluster, Worker

from imap_bulk import bulk, errors
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.fanout import Fanout
from imap_bulk.fanout.dealing import share
from imap_bulk.journal import Journal
from imap_bulk.model import Direction, Event, Outcome, Result, Status
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.chaos import Decision
from imap_bulk.server.chaos.fault import Kind
from imap_bulk.settings import Settings

QUICK = Settings(retries=1, wait_base=0.0, fsync=False)
COUNT = 120
BODY = bytes(16_384)


@pytest.fixture
async def cluster() -> AsyncIterator[LocalCluster]:
    """Run two workers, each in a process of its own."""
    async with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", asynchronous=True, silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture
async def filled(server: ArchiveServer) -> ArchiveServer:
    for number in range(COUNT):
        await server.add(f"imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf", BODY)
    return server


class Listener:
    """Hears the events of a run, and acts upon the outcome of a number."""

    def __init__(self, at: int = -1, act: object = None) -> None:
        self.outcomes: list[Outcome] = []
        self._at = at
        self._act = act

    def __call__(self, event: Event) -> None:
        if isinstance(event, Outcome):
            self.outcomes.append(event)
            if len(self.outcomes) == self._at and callable(self._act):
                self._act()


async def pull(
    server: ArchiveServer, data_dir: Path, fanout: Fanout, settings: Settings, listener: Listener
) -> Result:
    archive = ImapArchive(server.url, settings=settings)
    wanted = archive.search(ImapQuery.of(instrument="swe"))
    return await bulk.pull(archive, wanted, data_dir, settings, listener, move=fanout.move)


def here(data_dir: Path) -> int:
    return sum(path.read_bytes() == BODY for path in data_dir.rglob("*.cdf"))


async def test_every_file_comes_once_and_the_one_journal_knows_it(
    filled: ArchiveServer, cluster: LocalCluster, tmp_path: Path
) -> None:
    listener, data = Listener(), tmp_path / "data"
    result = await pull(filled, data, Fanout(cluster.scheduler_address), QUICK, listener)
    assert (result.done, result.verified, here(data)) == (COUNT, COUNT, COUNT)
    assert set(Counter(outcome.transfer.key for outcome in listener.outcomes).values()) == {1}
    with Journal(data, filled.url, Direction.PULL) as journal:
        assert sum(record.is_unchanged() for record in journal.records()) == COUNT
    again = await pull(filled, data, Fanout(cluster.scheduler_address), QUICK, Listener())
    assert (again.done, again.skipped) == (0, COUNT)


async def test_a_killed_worker_loses_nothing_and_what_was_done_is_not_moved_again(
    filled: ArchiveServer, cluster: LocalCluster, tmp_path: Path
) -> None:
    victim = next(iter(cluster.workers.values())).pid
    listener = Listener(COUNT // 4, lambda: os.kill(victim, signal.SIGKILL))
    slowly = replace(QUICK, limit_rate=COUNT * len(BODY) / 2.0)  # two seconds, so that there is a middle
    data = tmp_path / "data"
    result = await pull(filled, data, Fanout(cluster.scheduler_address), slowly, listener)
    # Skipped is what the dead one had committed, but not yet told: that does not move again.
    assert (result.done + result.skipped, result.failed, here(data)) == (COUNT, 0, COUNT)
    assert result.done > COUNT // 2
    assert set(Counter(outcome.transfer.key for outcome in listener.outcomes).values()) == {1}


async def test_a_failure_on_a_worker_is_told_as_one_of_this_machine(
    filled: ArchiveServer, cluster: LocalCluster, tmp_path: Path
) -> None:
    key = "imap/swe/l1a/2026/01/imap_swe_l1a_d0007_20260101_v001.0001.cdf"
    (filled_object := tmp_path / "archive" / key).unlink()
    assert not filled_object.exists()
    listener = Listener()
    result = await pull(filled, tmp_path / "data", Fanout(cluster.scheduler_address), QUICK, listener)
    assert (result.done, result.failed) == (COUNT - 1, 1)
    (failed,) = (outcome for outcome in listener.outcomes if outcome.status is Status.FAILED)
    assert failed.transfer.key == key
    assert isinstance(failed.error, errors.BulkError)


async def test_what_a_worker_cannot_write_ends_the_run_as_it_would_here(
    filled: ArchiveServer, cluster: LocalCluster, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "data" / "imap" / "swe"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file")
    with pytest.raises(OSError, match="directory") as caught:
        await pull(filled, tmp_path / "data", Fanout(cluster.scheduler_address), QUICK, Listener())
    assert str(in_the_way) in str(caught.value.filename)


async def test_a_busy_host_is_left_alone_by_all_workers(cluster: LocalCluster, tmp_path: Path) -> None:
    options = ServerOptions(tmp_path / "archive", chaos="storage:503-seconds=0.04,streak=1", seed=3, grace=0.1)
    async with ArchiveServer(options) as server:
        for number in range(COUNT):
            await server.add(f"imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf", BODY)
        chaos = server.chaos
        assert chaos
        arrived: list[tuple[float, bool]] = []
        decide = chaos.decide

        def deciding(kind: Kind, method: str, path: str) -> Decision | None:
            decision = decide(kind, method, path)
            if kind in Kind.STORAGE:
                arrived.append((time.monotonic(), decision is not None))
            return decision

        vars(chaos)["decide"] = deciding
        patient = replace(QUICK, retries=9, retry_after_max=300.0)
        result = await pull(server, tmp_path / "data", Fanout(cluster.scheduler_address), patient, Listener())
    assert (result.done, any(is_refused for _, is_refused in arrived)) == (COUNT, True)
    for refused_at in (at for at, is_refused in arrived if is_refused):
        # What was on its way arrives; the news take two steps, by way of the scheduler.
        assert [at - refused_at for at, _ in arrived if 0.5 < at - refused_at < 0.95] == []


@pytest.fixture
def scheduler() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a scheduler in a process of its own; yield it and its address."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    command += ["--dashboard-address", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        lines = (re.search(r"Scheduler at: +(tcp://\S+)", line) for line in process.stderr)
        yield process, next(match[1] for match in lines if match)
        process.kill()


async def test_a_lost_scheduler_is_a_passing_failure_and_told_in_a_sentence(
    filled: ArchiveServer,
    scheduler: tuple[subprocess.Popen[str], str],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    process, address = scheduler
    listener, data = Listener(COUNT // 4, process.kill), tmp_path / "data"
    slowly = replace(QUICK, limit_rate=COUNT * len(BODY) / 2.0)
    async with Worker(address, nthreads=1, dashboard=False, local_directory=str(tmp_path)):
        capfd.readouterr()
        with pytest.raises(errors.Interrupted) as caught:
            await pull(filled, data, Fanout(address), slowly, listener)
        said = f"the Dask scheduler at {address} is gone, or has dropped the work; see that it runs"
        assert str(caught.value) == said
        assert "Traceback" not in capfd.readouterr().err
    assert [outcome.status for outcome in listener.outcomes[: COUNT // 4]] == [Status.DONE] * (COUNT // 4)
    assert not list((data / ".imap-bulk").glob("run-*"))


@pytest.fixture
def stranger(scheduler: tuple[subprocess.Popen[str], str], tmp_path: Path) -> Iterator[None]:
    """Have a worker join that has no imap-bulk."""
    hides = "import sys; sys.modules['imap_bulk'] = None"
    (tmp_path / "sitecustomize.py").write_text(hides)
    options = ["--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path / "stranger")]
    command = [sys.executable, "-m", "distributed.cli.dask_worker", scheduler[1], *options]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        yield
        process.kill()


async def test_a_worker_without_this_package_is_told_instead_of_dying_of_what_it_is_dealt(
    filled: ArchiveServer, scheduler: tuple[subprocess.Popen[str], str], stranger: None, tmp_path: Path
) -> None:
    with pytest.raises(
        errors.Rejected, match=r"^the Dask worker at \S+ has no imap-bulk; install imap-bulk\[dask\]"
    ):
        await pull(filled, tmp_path / "data", Fanout(scheduler[1], patience=30.0), QUICK, Listener())


async def test_an_interrupted_run_leaves_no_token_and_can_be_run_again(
    filled: ArchiveServer, cluster: LocalCluster, tmp_path: Path
) -> None:
    interrupted = asyncio.Event()
    slowly = replace(QUICK, limit_rate=COUNT * len(BODY) / 4.0)
    fanout = Fanout(cluster.scheduler_address)
    data = tmp_path / "data"
    run = asyncio.create_task(pull(filled, data, fanout, slowly, Listener(20, interrupted.set)))
    await interrupted.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not list(data.glob(".imap-bulk/run-*"))
    result = await pull(filled, data, fanout, QUICK, Listener())
    assert result.complete
    assert (result.skipped >= 20, here(data)) == (True, COUNT)


@pytest.mark.parametrize(
    "address",
    [
        *("bogus", "", "local:0", "local:x", "http://127.0.0.1:8786", "tcp://", "tcp://host", "tcp://host:x"),
        *("tcp://host:0", "tcp://host:65536", "tcp://me:secret@host:8786", "tcp://ho st:8786", "tcp://::1:8786"),
    ],
)
def test_an_address_that_is_none_is_refused_at_once_with_the_form_of_one(address: str) -> None:
    with pytest.raises(errors.BadQuery, match=r"tcp://HOST:PORT or local:N"):
        Fanout(address)


@pytest.mark.parametrize("address", ["local:4", "tcp://host.example:8786", "tls://10.0.0.1:1", "ws://[::1]:65535"])
def test_an_address_that_can_be_one_is_taken(address: str) -> None:
    assert Fanout(address).address == address


async def test_a_scheduler_that_does_not_answer_is_a_passing_failure(
    server: ArchiveServer, tmp_path: Path
) -> None:
    with pytest.raises(errors.Interrupted, match="no Dask scheduler answers at"):
        await pull(server, tmp_path, Fanout("tcp://127.0.0.1:1", connect_timeout=0.2), QUICK, Listener())


@pytest.mark.parametrize(("seats", "jobs", "requests"), [(1, 8, 10.0), (4, 2, 2.5), (100, 1, 0.1)])
def test_what_a_host_is_asked_is_shared_out(seats: int, jobs: int, requests: float) -> None:
    part = share(Settings(jobs=8, limit_requests=10.0), seats)
    assert (part.jobs, part.limit_requests, part.limit_rate) == (jobs, requests, None)
