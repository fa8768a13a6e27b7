"""Of very many files the first ones move before it is decided what becomes of the last."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imap_bulk import aio, bulk, sources
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.bulk import moving, planning, wanting
from imap_bulk.bulk.wanting import Batch
from imap_bulk.errors import BadManifest
from imap_bulk.journal import Ledger
from imap_bulk.listing import ListedFiles
from imap_bulk.model import Event, Outcome, Plan, Result, Skipped, Status
from imap_bulk.server.app import ArchiveServer
from imap_bulk.settings import Settings

AT_ONCE = Settings(retries=1, wait_base=0.0, fsync=False)


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan file by file, and begin with two."""
    monkeypatch.setattr(wanting, "BATCH", 1)
    monkeypatch.setattr(planning, "ENOUGH", 2)


@pytest.fixture
async def manifest(server: ArchiveServer, outgoing: dict[str, Path], tmp_path: Path) -> str:
    """Have ten files archived, and return what lists them with their sums."""
    path = next(iter(outgoing.values())).parent / "manifest.txt"
    result = await aio.push(path, data_dir=tmp_path / "source", url=server.url, settings=AT_ONCE)
    assert result.done == 10
    return str(path)


class Heard:
    """What was told of a run."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.two_are_done = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if sum(isinstance(event, Outcome) and event.status is Status.DONE for event in self.events) == 2:
            self.two_are_done.set()

    @property
    def plans(self) -> list[tuple[int, bool]]:
        return [(event.files, event.is_whole) for event in self.events if isinstance(event, Plan)]

    @property
    def results(self) -> list[Result]:
        return [event for event in self.events if isinstance(event, Result)]


async def pull(server: ArchiveServer, manifest: str, data_dir: Path, heard: Heard) -> Result:
    archive = ImapArchive(server.url, settings=AT_ONCE)
    return await bulk.pull(archive, sources.files_of([manifest]), data_dir, AT_ONCE, heard)


def gate(monkeypatch: pytest.MonkeyPatch, until: asyncio.Event, error: Exception | None = None) -> None:
    """Have two files wanted, and others, or an error, later."""

    async def gated(files: ListedFiles, data_dir: Path) -> AsyncIterator[Batch]:
        count = 0
        async for batch in wanting.downloads(files, data_dir):
            if count == 2:
                await until.wait()
                if error:
                    raise error
            yield batch
            count += 1

    monkeypatch.setattr(moving, "downloads", gated)


async def test_the_plan_is_told_as_far_as_it_is_and_then_whole(
    server: ArchiveServer, manifest: str, tmp_path: Path
) -> None:
    heard = Heard()
    result = await pull(server, manifest, tmp_path / "data", heard)
    assert (result.wanted, result.done, result.cancelled) == (10, 10, 0)
    assert heard.plans == [(2, False), (10, True)]
    again = Heard()
    result = await pull(server, manifest, tmp_path / "data", again)
    assert (result.wanted, result.skipped, result.verified) == (10, 10, 10)
    assert again.plans == [(0, True)]


async def test_what_is_there_is_skipped_also_while_others_move(
    server: ArchiveServer, manifest: str, tmp_path: Path
) -> None:
    await pull(server, manifest, tmp_path / "data", Heard())
    files = list((tmp_path / "data" / "imap").rglob("imap_*"))
    for path in files[::2]:
        path.unlink()
    heard = Heard()
    result = await pull(server, manifest, tmp_path / "data", heard)
    gone = len(files[::2])
    assert (result.wanted, result.done, result.skipped, result.cancelled) == (10, gone, 10 - gone, 0)
    assert heard.plans[-1] == (gone, True)
    assert sum(len(event.files) for event in heard.events if isinstance(event, Skipped)) == 10 - gone
    assert all(path.exists() for path in files)


async def test_who_moves_quicker_than_it_is_decided_goes_on_when_it_is(
    server: ArchiveServer, manifest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    gate(monkeypatch, heard.two_are_done)
    result = await pull(server, manifest, tmp_path / "data", heard)
    assert (result.wanted, result.done) == (10, 10)
    assert heard.plans == [(2, False), (10, True)]
    keys = [event.transfer.key for event in heard.events if isinstance(event, Outcome)]
    assert len(set(keys)) == len(keys) == 10


async def test_when_deciding_fails_what_moves_is_stopped_and_counted(
    server: ArchiveServer, manifest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    gate(monkeypatch, heard.two_are_done, OSError("no room"))
    with pytest.raises(OSError, match="no room"):
        await pull(server, manifest, tmp_path / "data", heard)
    (result,) = heard.results
    assert (result.wanted, result.done) == (2, 2)
    with Ledger(tmp_path / "data") as ledger:
        (run,) = ledger.runs()
    assert (run.wanted, run.done) == (2, 2)


async def test_who_is_stopped_while_others_are_decided_on_counts_what_was_decided(
    server: ArchiveServer, manifest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard()
    gate(monkeypatch, asyncio.Event())
    running = asyncio.create_task(pull(server, manifest, tmp_path / "data", heard))
    await heard.two_are_done.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (result,) = heard.results
    assert result.wanted == result.done + result.cancelled == 2


async def test_a_search_is_over_before_anything_moves(
    server: ArchiveServer, manifest: str, tmp_path: Path
) -> None:
    heard = Heard()
    archive = ImapArchive(server.url, settings=AT_ONCE)
    files = archive.search(ImapQuery.of(instrument="mag"))
    result = await bulk.pull(archive, files, tmp_path / "data", AT_ONCE, heard)
    assert heard.plans == [(8, True)]
    assert isinstance(heard.events[0], Plan)
    assert result.done == 8


async def test_one_bad_line_still_stops_everything(server: ArchiveServer, manifest: str, tmp_path: Path) -> None:
    path = Path(manifest)
    path.write_text(f"{path.read_text()}holiday.jpg\n")
    heard = Heard()
    with pytest.raises(BadManifest, match="line 11"):
        await pull(server, manifest, tmp_path / "data", heard)
    assert heard.events == []
    assert not (tmp_path / "data").exists()
