from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests import canaries

from imap_bulk.errors import BadName
from imap_bulk.server.app import ArchiveServer, Scope, ServerOptions
from imap_bulk.server.lock import RootInUse

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"


async def test_the_urls_have_the_real_ports(visitor: Visitor) -> None:
    assert visitor.server.url.startswith("http://127.0.0.1:")
    assert not visitor.server.url.endswith(":0")
    assert not visitor.server.storage_url.endswith(":0")


async def test_a_chosen_port_is_taken(start: Start, root: Path) -> None:
    async with ArchiveServer(ServerOptions(root)) as server:
        port = int(server.url.rpartition(":")[2])
    assert (await start(port=port)).server.url.endswith(f":{port}")


async def test_a_port_in_use_is_told_and_nothing_stays_open(visitor: Visitor, root: Path) -> None:
    port = int(visitor.server.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        await ArchiveServer(ServerOptions(root / "other", port=port)).__aenter__()


async def test_a_second_server_on_the_same_root_is_refused(visitor: Visitor, root: Path) -> None:
    with pytest.raises(RootInUse) as refused:
        await ArchiveServer(ServerOptions(root)).__aenter__()
    assert str(refused.value) == (
        f"{root} is served already, by process {os.getpid()}; stop that one, or choose another --root"
    )
    assert await visitor.query("table=science") == []  # the first one goes on


async def test_a_server_without_grace_waits_for_nobody(start: Start) -> None:
    visitor = await start(grace=0.0)
    url = urlsplit(await visitor.sign_upload(NAME))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nExpect: 100-continue\r\n".encode())
    writer.write(b"Content-Length: 100\r\n\r\n")
    assert b"100 Continue" in await reader.readline()
    async with asyncio.timeout(10):
        await visitor.server.__aexit__(None, None, None)
    writer.close()


async def test_a_root_is_free_when_its_server_has_stopped(start: Start) -> None:
    first = await start()
    await first.server.__aexit__(None, None, None)
    await start()


async def test_a_root_is_free_when_the_process_of_its_server_was_killed(start: Start, root: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.dying", root, "never"),
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout
    await process.stdout.readline()
    with pytest.raises(RootInUse, match=f"by process {process.pid};"):
        await start()
    process.kill()
    await process.wait()
    await start()


async def test_after_stopping_nobody_answers(root: Path) -> None:
    async with ArchiveServer(ServerOptions(root)) as server:
        ports = [int(url.rpartition(":")[2]) for url in (server.url, server.storage_url)]
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_stopping_leaves_no_task(root: Path) -> None:
    async with ArchiveServer(ServerOptions(root)) as server:
        await server.add(NAME, b"field")
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_idle_connections_do_not_delay_the_stop(visitor: Visitor) -> None:
    await visitor.query("table=science")  # the visitor keeps the connection
    async with asyncio.timeout(0.5):
        await visitor.server.__aexit__(None, None, None)


async def test_the_root_is_made(root: Path) -> None:
    async with ArchiveServer(ServerOptions(root / "deep" / "down")):
        assert (root / "deep" / "down").is_dir()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_where_every_address_is_served_urls_name_the_one_that_was_asked(start: Start, host: str) -> None:
    visitor = await start(host="0.0.0.0")
    assert visitor.server.url.startswith("http://127.0.0.1:")
    await visitor.server.add(NAME, b"field")
    answer = await visitor.send(
        "GET", f"{visitor.server.url}/download/{visitor.key(NAME)}".replace("127.0.0.1", host)
    )
    assert answer.headers["Location"].startswith(f"http://{host}:")
    assert (await visitor.send("GET", answer.headers["Location"])).body == b"field"


async def test_bytes_can_be_archived_without_a_client(visitor: Visitor) -> None:
    stored = await visitor.server.add(NAME, b"field")
    assert stored.size == 5
    assert await visitor.names("instrument=mag") == [NAME]


async def test_only_names_of_the_conventions_can_be_archived(visitor: Visitor) -> None:
    with pytest.raises(BadName):
        await visitor.server.add("nope.txt", b"")


def test_options_show_no_credentials(root: Path) -> None:
    shown = repr(ServerOptions(root, keys={canaries.API_KEY: Scope.WRITE}, secret=canaries.SIGNING_SECRET))
    canaries.assert_clean(shown)
