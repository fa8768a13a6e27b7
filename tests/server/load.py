"""Clients in numbers, against an archive in a process of its own: for the tests, and for the benchmark."""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import aiohttp
from tests.server.conftest import Visitor
from tests.server.raw import connect

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

    from imap_bulk.server.app import ArchiveServer

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
HERE = Path(__file__).parents[2]


@dataclass
class Served:
    """An archive in a process of its own."""

    process: Process
    visitor: Visitor

    @property
    def peak_mib(self) -> int:
        """The most memory that it has had so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) >> 10

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def serving(root: Path, step: str = "never") -> AsyncIterator[Served]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.server.dying", str(root), step, stdout=asyncio.subprocess.PIPE, cwd=HERE
    )
    assert process.stdout
    try:
        url = (await process.stdout.readline()).decode().strip()
        server = cast("ArchiveServer", SimpleNamespace(url=url))
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Served(process, Visitor(server, session))
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def name(number: int) -> str:
    return f"imap_swe_l1a_d{number:05}_20260101_v001.0001.cdf"


def body(number: int, size: int) -> bytes:
    return random.Random(number).randbytes(4096) * (size // 4096 + 1)


def md5(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


async def many_at_once(root: Path, count: int, size: int) -> int:
    """Have many clients upload, then download; return the server's peak of memory in MiB."""
    async with serving(root) as served:
        put = await asyncio.gather(
            *(served.visitor.upload(name(number), body(number, size)) for number in range(count))
        )
        assert [answer.status for answer in put] == [200] * count
        for first in range(0, count, 32):  # the clients' memory is this process's
            numbers = range(first, min(first + 32, count))
            got = await asyncio.gather(*(served.visitor.download(name(number)) for number in numbers))
            assert [md5(answer.body) for answer in got] == [md5(body(number, size)) for number in numbers]
        assert len(await served.visitor.names("instrument=swe")) == count
        return served.peak_mib


async def slow_readers(root: Path, count: int, size: int) -> int:
    """Have many clients begin to read and stop; see that others are served; return the peak in MiB."""
    content = body(0, size)
    async with serving(root) as served, AsyncExitStack() as stack:
        await served.visitor.upload(NAME, content)
        url = await served.visitor.sign_download(NAME)
        for _ in range(count):
            reader, writer = await connect(url)
            stack.callback(writer.close)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert md5((await served.visitor.download(NAME)).body) == md5(content)
        assert (await served.visitor.upload(name(1), b"other")).status == 200
        return served.peak_mib


async def half_sent(root: Path, count: int) -> None:
    async with serving(root) as served:
        names = [name(number) for number in range(count)]
        urls = await asyncio.gather(*(served.visitor.sign_upload(each) for each in names))
        writers = [(await connect(url, "PUT", {"Content-Length": "4000000"}))[1] for url in urls]
        for writer in writers:
            writer.write(bytes(300_000))
            await writer.drain()
        assert await served.visitor.names("instrument=swe") == []
        for writer in writers:
            writer.transport.abort()
        while list((root / ".incoming").iterdir()):  # noqa: ASYNC110 - the server's progress shows on disk alone
            await asyncio.sleep(0)
        assert await served.visitor.names("instrument=swe") == []
        assert not list(root.rglob("*.cdf"))
        assert (await served.visitor.upload(names[0], b"whole")).status == 200
