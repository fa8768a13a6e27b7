"""The plain functions: in scripts, and where an event loop already runs."""

import asyncio
import inspect
import pickle
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pytest

import imap_bulk
from imap_bulk import aio
from imap_bulk.archives.imap import ImapQuery
from imap_bulk.errors import BadManifest
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.chaos import Decision
from imap_bulk.server.chaos.fault import Kind

NAME = "imap_mag_l2_norm-gse_20260101_v001.0001.cdf"


async def test_they_work_where_a_loop_already_runs(server: ArchiveServer, tmp_path: Path) -> None:
    # This very test is a coroutine, as a notebook's cell is; the server needs the loop, so a thread calls.
    def cell() -> int:
        async def notebook() -> int:
            return len(imap_bulk.query(url=server.url, instrument="mag"))

        return asyncio.run(notebook())

    assert await asyncio.to_thread(cell) == 0


async def test_they_work_in_a_plain_script(server: ArchiveServer, tmp_path: Path) -> None:
    result = await asyncio.to_thread(imap_bulk.pull, instrument="mag", url=server.url, data_dir=tmp_path)
    assert result.complete


def test_they_are_the_coroutines_by_another_road() -> None:
    for name in ("query", "pull", "push", "verify"):
        assert inspect.signature(getattr(imap_bulk, name)) == inspect.signature(getattr(aio, name))


def test_help_names_every_filter() -> None:
    told = set(re.findall(r"\w+", inspect.getdoc(imap_bulk.query) or ""))
    assert told >= {field.name for field in fields(ImapQuery)} - {"legacy_names"}


def test_an_error_in_a_script_is_told_without_how_it_was_run(tmp_path: Path) -> None:
    with pytest.raises(BadManifest) as caught:
        imap_bulk.push("", data_dir=tmp_path)
    assert caught.value.__context__ is None


async def test_a_report_that_ends_the_program_ends_it_quietly(server: ArchiveServer, tmp_path: Path) -> None:
    for day in range(1, 9):
        await server.add(f"imap_mag_l2_norm-gse_2026010{day}_v001.0001.cdf", b"x")
    program = f"""
import sys, imap_bulk

def told(event):
    if isinstance(event, imap_bulk.Outcome):
        sys.exit("That is enough.")

imap_bulk.pull(instrument="mag", url={server.url!r}, data_dir={str(tmp_path / "data")!r}, report=told)
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "dev", "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert err.decode().splitlines() == ["That is enough."]


def test_they_travel_to_other_processes() -> None:
    for name in ("query", "pull", "push", "verify"):
        function = getattr(imap_bulk, name)
        assert pickle.loads(pickle.dumps(function)) is function


def test_the_public_names_are_what_all_lists() -> None:
    assert all(getattr(imap_bulk, name) is not None for name in imap_bulk.__all__)
    assert sorted(imap_bulk.__all__) == imap_bulk.__all__
    assert set(dir(imap_bulk)) == {*imap_bulk.__all__, "__version__"}


class Stuck(NamedTuple):
    """An archive of one file, of which the first answer comes to a stop half-way."""

    url: str
    reached: asyncio.Event
    """Set once it has."""


@pytest.fixture
async def stuck(tmp_path: Path) -> AsyncIterator[Stuck]:
    options = ServerOptions(tmp_path / "archive", chaos="storage:stall-body*1,stall=60", grace=0.1)
    async with ArchiveServer(options) as server:
        await server.add(NAME, bytes(1 << 16))
        assert server.chaos
        reached, decide = asyncio.Event(), server.chaos.decide

        def deciding(kind: Kind, method: str, path: str) -> Decision | None:
            decision = decide(kind, method, path)
            if decision:
                reached.set()
            return decision

        vars(server.chaos)["decide"] = deciding
        yield Stuck(server.url, reached)


async def notebook(url: str, data_dir: Path) -> asyncio.subprocess.Process:
    """Start a process in which an event loop runs, and a plain function pulls."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.notebook", url, str(data_dir), NAME,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_an_interrupt_in_a_notebook_stops_the_transfers_and_not_the_notebook(
    stuck: Stuck, tmp_path: Path
) -> None:
    process = await notebook(stuck.url, tmp_path / "data")
    await stuck.reached.wait()
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (out, err) == (b"interrupted\nthe loop goes on\n", b"")
    assert process.returncode == 0


async def test_a_cell_that_was_interrupted_goes_on_when_run_again(stuck: Stuck, tmp_path: Path) -> None:
    process = await notebook(stuck.url, tmp_path / "data")
    await stuck.reached.wait()
    process.send_signal(signal.SIGINT)
    await process.communicate()
    out, _ = await (await notebook(stuck.url, tmp_path / "data")).communicate()
    assert out == b"1 done\nthe loop goes on\n"
