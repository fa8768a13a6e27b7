"""One run, several processes of this machine: real helpers, one of them killed with kill -9."""

import asyncio
import itertools
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imap_bulk import bulk
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.journal import Journal
from imap_bulk.model import Direction, Event, Outcome, Pacing, Result, Status
from imap_bulk.processes import child, moving
from imap_bulk.processes.load import Load
from imap_bulk.server.app import ArchiveServer
from imap_bulk.server.storage import Storage
from imap_bulk.settings import Settings
from imap_bulk.sources import uploads_of

TWO = Settings(processes=2, retries=1, wait_base=0.0, fsync=False)
COUNT = 150
BODY = bytes(16_384)


@pytest.fixture
async def filled(server: ArchiveServer) -> ArchiveServer:
    for number in range(COUNT):
        await server.add(f"imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf", BODY)
    return server


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keep the process numbers of the helpers that are started."""
    numbers: list[int] = []
    start = child.Child.start

    async def started(kit: bytes) -> child.Child:
        helper = await start(kit)
        numbers.append(helper.pid)
        return helper

    monkeypatch.setattr(child.Child, "start", started)
    return numbers


class Listener:
    """Hears the events of a run, and acts upon the outcome of a number."""

    def __init__(self, at: int = -1, act: Callable[[], object] = lambda: None) -> None:
        self.outcomes: list[Outcome] = []
        self.hosts: list[str] = []
        self._at = at
        self._act = act

    def __call__(self, event: Event) -> None:
        if isinstance(event, Pacing):
            self.hosts.append(event.host)
        if isinstance(event, Outcome):
            self.outcomes.append(event)
            if len(self.outcomes) == self._at:
                self._act()

    @property
    def engines(self) -> int:
        """How many engines had something to ask the archive."""
        return self.hosts.count("archive")


async def pull(
    server: ArchiveServer, data_dir: Path, settings: Settings, listener: Listener, **more: Any
) -> Result:
    archive = ImapArchive(server.url, settings=settings)
    wanted = archive.search(ImapQuery.of(instrument="swe"))
    return await bulk.pull(archive, wanted, data_dir, settings, listener, **more)


def slowly(monkeypatch: pytest.MonkeyPatch, what: str = "sign_download") -> None:
    """Have the archive sign a URL only every few milliseconds, so that there is a middle of a run."""
    line = asyncio.Lock()
    sign = getattr(ImapArchive, what)

    async def sign_slowly(archive: ImapArchive, transfer: Any) -> Any:
        async with line:
            await asyncio.sleep(0.02)
        return await sign(archive, transfer)

    monkeypatch.setattr(ImapArchive, what, sign_slowly)


def held_back(monkeypatch: pytest.MonkeyPatch, first: int) -> asyncio.Event:
    """Have storage give the `first` bodies alone until the event is set: no process can be done before."""
    opened, get, numbers = asyncio.Event(), Storage._get, itertools.count(1)

    async def get_late(storage: Storage, request: Any, key: str) -> Any:
        if next(numbers) > first:
            await opened.wait()
        return await get(storage, request, key)

    monkeypatch.setattr(Storage, "_get", get_late)
    return opened


def here(data_dir: Path) -> int:
    return sum(path.read_bytes() == BODY for path in data_dir.rglob("*.cdf"))


def is_alive(pid: int) -> bool:
    with suppress(OSError):
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def gone(pid: int) -> bool:
    """Wait until a process has ended."""
    watch = os.pidfd_open(pid)
    try:
        ended, _, _ = await asyncio.to_thread(select.select, [watch], [], [], 20)
        return bool(ended)
    finally:
        os.close(watch)


async def test_every_file_comes_once_and_the_one_journal_knows_it(
    filled: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helpers: list[int]
) -> None:
    slowly(monkeypatch)  # here alone: the helper takes on most
    listener, data = Listener(), tmp_path / "data"
    result = await pull(filled, data, TWO, listener)
    assert (result.done, result.verified, here(data), listener.engines) == (COUNT, COUNT, COUNT, 2)
    assert set(Counter(outcome.transfer.key for outcome in listener.outcomes).values()) == {1}
    with Journal(data, filled.url, Direction.PULL) as journal:
        assert sum(record.is_unchanged() for record in journal.records()) == COUNT
    again = await pull(filled, data, TWO, Listener())
    assert (again.done, again.skipped, len(helpers)) == (0, COUNT, 1)
    assert not any(map(is_alive, helpers))


async def test_what_a_killed_helper_had_not_done_is_done_here(
    filled: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helpers: list[int]
) -> None:
    slowly(monkeypatch)
    opened = held_back(monkeypatch, 2 * COUNT // 3)

    def kill() -> None:
        os.kill(helpers[0], signal.SIGKILL)
        opened.set()

    listener, data = Listener(COUNT // 3, kill), tmp_path / "data"
    result = await pull(filled, data, TWO, listener)
    assert (result.done + result.skipped, result.failed, here(data)) == (COUNT, 0, COUNT)
    assert set(Counter(outcome.transfer.key for outcome in listener.outcomes).values()) == {1}
    assert not list(data.rglob("*.part"))
    assert listener.engines == 1  # the dead one did not come to tell how hard it had pressed the archive


async def test_an_interrupted_run_leaves_no_helper_and_can_be_run_again(
    filled: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helpers: list[int]
) -> None:
    slowly(monkeypatch)
    interrupted = asyncio.Event()
    data = tmp_path / "data"
    run = asyncio.create_task(pull(filled, data, TWO, Listener(COUNT // 3, interrupted.set)))
    await interrupted.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not any(map(is_alive, helpers))
    assert not list(data.rglob("*.part"))
    result = await pull(filled, data, TWO, Listener())
    assert (result.complete, result.skipped >= COUNT // 3, here(data)) == (True, True, COUNT)


async def test_an_error_that_ends_a_helpers_engine_ends_the_run(
    filled: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch)
    script = (
        "import sys\n"
        "from imap_bulk.processes.wire import packed\n"
        "from imap_bulk.processes.words import End\n"
        "sys.stdout.buffer.write(packed(End(OSError(28, 'No space left on device'))))\n"
    )
    monkeypatch.setattr(child, "_COMMAND", (sys.executable, "-c", script))
    with pytest.raises(OSError, match="No space left on device"):
        await pull(filled, tmp_path / "data", TWO, Listener())


async def test_a_helper_that_ends_at_once_is_no_loss(
    filled: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in ((sys.executable, "-c", "pass"), ("/nowhere/python",)):
        monkeypatch.setattr(child, "_COMMAND", command)
        data = tmp_path / f"data{len(command)}"
        assert (await pull(filled, data, TWO, Listener())).done == COUNT == here(data)


async def test_what_cannot_be_sent_to_another_process_is_done_in_this_one(
    filled: ArchiveServer, tmp_path: Path, helpers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(archive: ImapArchive) -> object:
        raise TypeError(f"{archive} holds a socket")

    monkeypatch.setattr(ImapArchive, "__getstate__", refuse)
    assert (await pull(filled, tmp_path / "data", TWO, Listener())).done == COUNT
    assert helpers == []


async def test_no_helper_is_given_anything_while_the_processor_is_idle(
    filled: ArchiveServer, tmp_path: Path, helpers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Load, "is_high", lambda _: False)
    listener = Listener()
    assert (await pull(filled, tmp_path / "data", replace(TWO, processes=0), listener)).done == COUNT
    assert (helpers, listener.engines) == ([], 1)


@pytest.mark.parametrize(
    ("wishes", "count", "helpers"),
    [
        ({"processes": 1}, 10_000, 0),
        ({"processes": 3}, 10_000, 2),
        ({"processes": 3, "jobs": 2}, 10_000, 1),
        ({"processes": 3, "jobs": 1}, 10_000, 0),
        ({"processes": 3}, 10, 0),
        ({"processes": 3, "limit_rate": 1e6}, 10_000, 0),
        ({"processes": 3, "limit_requests": 5.0}, 10_000, 0),
        ({}, 10_000, 1),
    ],
)
def test_there_are_helpers_only_where_they_can_be_of_use(
    wishes: dict[str, Any], count: int, helpers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "spare_cores", lambda: 1)
    assert moving.most_helpers(count, Settings(**wishes)) == helpers


def test_a_process_is_held_up_by_its_processor_when_it_computes_and_not_when_it_waits() -> None:
    wall, cpu = iter([0.0, 0.1, 0.2, 0.3]), iter([5.0, 5.09, 5.11, 5.31])
    load = Load(wall.__next__, cpu.__next__)
    assert [load.is_high() for _ in range(3)] == [True, False, True]  # at last with threads beside it


async def test_files_that_go_up_are_shared_too(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch, "sign_upload")
    source = tmp_path / "out"
    source.mkdir()
    for number in range(60):
        (source / f"imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf").write_bytes(bytes([number]) * 1000)
    archive = ImapArchive(server.url, settings=TWO)
    listener = Listener()
    result = await bulk.push(archive, uploads_of([str(source)]), tmp_path / "data", TWO, listener)
    assert (result.done, result.failed, listener.engines) == (60, 0, 2)


async def test_a_helper_ends_when_its_parent_is_killed() -> None:
    script = (
        "import asyncio\n"
        "from imap_bulk.processes.child import Child\n"
        "async def main():\n"
        "    print((await Child.start(b'')).pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    assert await gone(pid)


async def test_a_failure_in_a_helper_is_told_as_one_of_this_process(
    filled: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch)
    keys = [f"imap/swe/l1a/2026/01/imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf" for number in range(COUNT)]
    for key in keys[::50]:
        (tmp_path / "archive" / key).unlink()
    listener = Listener()
    result = await pull(filled, tmp_path / "data", TWO, listener)
    failed = {outcome.transfer.key for outcome in listener.outcomes if outcome.status is Status.FAILED}
    assert (result.done, failed, listener.engines) == (COUNT - COUNT // 50, set(keys[::50]), 2)


@pytest.mark.parametrize("stdin", ["/dev/null", __file__])
def test_a_helper_to_which_nobody_can_speak_ends_at_once(stdin: str) -> None:
    with Path(stdin).open("rb") as source:
        command = [sys.executable, "-m", "imap_bulk.processes.helper"]
        ran = subprocess.run(command, stdin=source, capture_output=True, timeout=20, check=False)
    assert ran.returncode == 1
    assert ran.stdout == b""
    assert ran.stderr.startswith(b"Error: this is a part of imap-bulk that only imap-bulk can start")
    assert ran.stderr.count(b"\n") == 1
