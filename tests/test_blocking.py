"""The plain functions: in scripts, and where an event loop already runs."""

import asyncio
import inspect
from pathlib import Path

import imap_bulk
from imap_bulk import aio
from imap_bulk.server.app import ArchiveServer


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


def test_the_public_names_are_what_all_lists() -> None:
    assert all(getattr(imap_bulk, name) is not None for name in imap_bulk.__all__)
    assert sorted(imap_bulk.__all__) == imap_bulk.__all__
