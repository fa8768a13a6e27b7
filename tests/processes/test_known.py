"""What hosts have given is told to all processes of a run, so that each can tell an outage from broken files."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imap_bulk import bulk
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.model import Direction, Outcome, SignedUrl, Status, Transfer
from imap_bulk.processes.child import Child
from imap_bulk.processes.wire import packed
from imap_bulk.processes.words import Deal, End, HostGave, Kit, News, Want
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.chaos import Decision
from imap_bulk.server.chaos.fault import Kind
from imap_bulk.server.chaos.faults import ALL
from imap_bulk.settings import Settings

SETTINGS = Settings(processes=2, retries=2, wait_base=0.0, breaker_wait_max=0.05, fsync=False)
COUNT = 60


def name_of(number: int) -> str:
    return f"imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf"


@pytest.fixture
async def filled(tmp_path: Path) -> AsyncIterator[ArchiveServer]:
    """Serve files, for the first ten of which storage answers 500."""
    async with ArchiveServer(ServerOptions(tmp_path / "archive", chaos="streak=2")) as server:
        for number in range(COUNT):
            await server.add(name_of(number), bytes(1000))

        def decide(kind: Kind, _: str, path: str) -> Decision | None:
            is_broken = kind in Kind.STORAGE and any(name_of(number) in path for number in range(10))
            return Decision(ALL["500"], 0) if is_broken else None

        vars(server.chaos)["decide"] = decide
        yield server


def transfers(root: Path, numbers: range) -> list[tuple[int, Transfer]]:
    keys = [f"imap/swe/l1a/2026/01/{name_of(number)}" for number in numbers]
    return [(place, Transfer(Direction.PULL, key, root / key)) for place, key in enumerate(keys)]


async def help_with(server: ArchiveServer, root: Path, numbers: range, *first: object) -> list[Any]:
    """Have a helper move files, after it was told something `first`; return what it says."""
    archive = ImapArchive(server.url, settings=SETTINGS)
    child = await Child.start(packed(Kit(archive, root, SETTINGS, None, None)))
    said = []
    try:
        for message in (*first, Deal(transfers(root, numbers))):
            child.say(message)
        async for message in child.messages():
            said.append(message)
            if isinstance(message, Want):
                child.say(Deal([]))
            if isinstance(message, End):
                break
    finally:
        await child.end()
    return said


async def signed_by(server: ArchiveServer, number: int) -> SignedUrl:
    async with ImapArchive(server.url, settings=SETTINGS) as archive:
        ((_, transfer),) = transfers(Path("/nowhere"), range(number, number + 1))
        return await archive.sign_download(transfer)


async def test_a_helper_that_gets_nothing_but_broken_files_waits_for_no_outage(
    filled: ArchiveServer, tmp_path: Path
) -> None:
    signed = await signed_by(filled, 20)
    async with asyncio.timeout(60):
        said = await help_with(filled, tmp_path / "data", range(10), HostGave(signed.host, signed))
    told = [event for message in said if isinstance(message, News) for _, event in message.told]
    ends = [event for event in told if isinstance(event, Outcome)]
    assert [(end.status, "answered 500" in str(end.error)) for end in ends] == [(Status.FAILED, True)] * 10


async def test_a_helper_tells_what_hosts_have_given_it(filled: ArchiveServer, tmp_path: Path) -> None:
    said = await help_with(filled, tmp_path / "data", range(20, 30))
    gave = {message.host: message.thing for message in said if isinstance(message, HostGave)}
    signed = gave.pop((await signed_by(filled, 20)).host)
    assert isinstance(signed, SignedUrl)
    assert isinstance(gave.pop("archive"), Transfer)
    assert gave == {}


async def test_a_helper_is_told_what_hosts_have_given_to_others(
    filled: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    say = Child.say

    def noting(child: Child, message: object) -> None:
        said.append(message)
        say(child, message)

    monkeypatch.setattr(Child, "say", noting)
    archive = ImapArchive(filled.url, settings=SETTINGS)
    wanted = archive.search(ImapQuery.of(instrument="swe"))
    async with asyncio.timeout(60):
        result = await bulk.pull(archive, wanted, tmp_path / "data", replace(SETTINGS, jobs=4))
    assert (result.done, result.failed) == (COUNT - 10, 10)
    hosts = {message.host for message in said if isinstance(message, HostGave)}
    assert hosts == {"archive", (await signed_by(filled, 20)).host}
