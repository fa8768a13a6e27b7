"""The server as a whole: its port, its root, its end."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import aiohttp
import pytest
from tests.server.aurorax.conftest import HOUR, SWARM_A

from imap_bulk.server.aurorax.catalog import StrangeCatalog
from imap_bulk.server.aurorax.server import CATALOG_NAME, AuroraxOptions, AuroraxServer
from imap_bulk.server.lock import RootInUse

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.aurorax.conftest import Start, Visitor


async def test_the_home_page_answers(visitor: Visitor) -> None:
    assert not visitor.server.url.endswith(":0")
    assert (await visitor.send("GET", "/")).status == 200


async def test_a_second_server_on_the_same_root_is_refused(visitor: Visitor, root: Path) -> None:
    with pytest.raises(RootInUse):
        await AuroraxServer(AuroraxOptions(root)).__aenter__()


async def test_a_catalog_of_another_version_is_refused(root: Path) -> None:
    root.mkdir()
    connection = sqlite3.connect(root / CATALOG_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StrangeCatalog, match="has schema 99"):
        await AuroraxServer(AuroraxOptions(root)).__aenter__()


async def test_stopping_leaves_no_task(root: Path) -> None:
    async with AuroraxServer(AuroraxOptions(root)):
        pass
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_archive_without_the_sample_is_empty(start: Start) -> None:
    visitor = await start(sampled=False)
    assert await visitor.ask("/data_sources") == []
    assert await visitor.search("ephemeris", {"data_sources": SWARM_A, **HOUR}) == []


async def test_stopping_ends_the_silence_of_a_fault(start: Start) -> None:
    visitor = await start(faults="slow-body=1", grace=0.05)
    location = await visitor.submit("ephemeris", {"data_sources": SWARM_A, **HOUR})
    await visitor.poll(location)
    async with visitor.session.get(f"{location}/data") as answer:
        await answer.content.readany()
        async with asyncio.timeout(2):
            await visitor.server.__aexit__(None, None, None)
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
