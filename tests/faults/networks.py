"""Networks that fail: an archive of one file behind TLS, doors that are cut off, and proxies."""

import asyncio
import base64
import contextlib
import datetime
import hashlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trustme
from aiohttp import web
from tests.faults.clients import Ended, left_over, run

from imap_bulk import filenames

NAME = "imap_mag_l2_small_20260101_v001.0001.cdf"
KEY = filenames.parse(NAME).key
CONTENT = hashlib.shake_128(b"networks").digest(16 << 10)
HOST = "127.0.0.1"

AT_ONCE = {"wait_base": 0.0, "breaker_wait_max": 0.05, "outage_max": 0.3, "idle_timeout": 5.0}

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answer connections with `handler`; give the port."""
    server = await asyncio.start_server(_quietly(handler), HOST, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _quietly(handler: Handler) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        finally:
            writer.close()

    return handle


@dataclass
class Archive:
    """An archive of one file; its storage is where a test says."""

    storage: str = ""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Answer as the API or as the storage, by the path."""
        self.asked.append(request.path)
        if request.path.startswith("/download/"):
            location = f"{self.storage}/object/{KEY}?X-Amz-Signature=0secret0"
            return web.Response(status=302, headers={"Location": location})
        if request.path == "/query":
            return web.json_response([{"file_path": KEY}])
        return web.Response(body=CONTENT, headers={"ETag": f'"{hashlib.md5(CONTENT).hexdigest()}"'})


@asynccontextmanager
async def serving(archive: Archive, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve an archive; give the port."""
    runner = web.ServerRunner(web.Server(archive.answer, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def arrived(data_dir: Path) -> bool:
    """Tell whether the file is there, and right."""
    path = data_dir / KEY
    return path.is_file() and path.read_bytes() == CONTENT


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass bytes to and fro between a connection and a port of this machine."""
    onward_reader, onward_writer = await asyncio.open_connection(HOST, port)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_pour(reader, onward_writer))
            group.create_task(_pour(onward_reader, writer))
    finally:
        onward_writer.close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await source.read(1 << 16):
            sink.write(piece)
            await sink.drain()
    sink.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by a TCP reset."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@dataclass
class Door:
    """A door to a port, at which the first callers are turned away by `rudely`."""

    port: int
    rudely: Handler
    times: int
    callers: int = 0

    async def open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Meet one caller."""
        self.callers += 1
        if self.callers <= self.times:
            await self.rudely(reader, writer)
        else:
            await relay(reader, writer, self.port)


@dataclass
class Proxy:
    """A forward proxy that finds every host on this machine, and first answers with these statuses."""

    statuses: list[int] = field(default_factory=list)
    password: str | None = None
    passed: list[str] = field(default_factory=list)
    """Where it was asked to go: `CONNECT host:port`, `GET http://…`, without what stands behind `?`."""

    async def open(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n")[0].split(" ")
        self.passed.append(f"{method} {target.partition('?')[0]}")
        if status := self._refusal(head):
            writer.write(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
        elif method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await relay(reader, writer, int(target.rpartition(":")[2]))
        else:
            await self._forward(head, target, writer)

    def _refusal(self, head: str) -> int | None:
        if self.statuses:
            return self.statuses.pop(0)
        if self.password is None:
            return None
        wanted = base64.b64encode(self.password.encode()).decode()
        return None if f"proxy-authorization: basic {wanted}".lower() in head.lower() else 407

    async def _forward(self, head: str, target: str, writer: asyncio.StreamWriter) -> None:
        origin, _, path = target.removeprefix("http://").partition("/")
        lines = head.split("\r\n")
        kept = [line for line in lines[1:-2] if not line.lower().startswith(("proxy-", "connection:"))]
        request = [f"{lines[0].split(' ')[0]} /{path} HTTP/1.1", *kept, "Connection: close", "", ""]
        reader, onward = await asyncio.open_connection(HOST, int(origin.rpartition(":")[2]))
        onward.write("\r\n".join(request).encode("latin-1"))
        await _pour(reader, writer)
        onward.close()


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing for as long as the caller waits."""
    await reader.read(-1)


@dataclass
class Network:
    """A client and its archive, which speaks TLS, and of which one side is in trouble."""

    place: Path
    stack: AsyncExitStack
    authority: trustme.CA = field(default_factory=trustme.CA)
    archive: Archive = field(default_factory=Archive)

    @property
    def data_dir(self) -> Path:
        return self.place / "data"

    def tls(
        self, name: str = HOST, authority: trustme.CA | None = None, not_after: datetime.datetime | None = None
    ) -> ssl.SSLContext:
        """Make a server's TLS, with a certificate for `name`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (authority or self.authority).issue_cert(name, not_after=not_after).configure_cert(context)
        return context

    async def serve(self, tls: ssl.SSLContext | None = None) -> int:
        """Serve the archive at one more port."""
        return await self.stack.enter_async_context(serving(self.archive, tls))

    async def listen(self, handler: Handler) -> int:
        """Answer connections at one more port."""
        return await self.stack.enter_async_context(listening(handler))

    async def door(self, port: int, rudely: Handler | None = None, times: int = 0) -> tuple[Door, int]:
        """Put a door before a port."""
        door = Door(port, rudely or silent, times)
        return door, await self.listen(door.open)

    async def pull(self, side: str, troubled: int, **settings: float) -> Ended:
        """Pull from an archive of which `side` is at the port `troubled`."""
        sound, trouble = f"https://{HOST}:{await self.serve(self.tls())}", f"https://{HOST}:{troubled}"
        self.archive.storage = trouble if side == "storage" else sound
        return await self.command(trouble if side == "archive" else sound, {}, **settings)

    async def command(self, url: str, environment: Mapping[str, str], **settings: float) -> Ended:
        """Pull the file from the archive at a URL, and hold the command to what it says."""
        bundle = self.place / "authority.pem"
        self.authority.cert_pem.write_to_path(str(bundle))
        told = {"SSL_CERT_FILE": str(bundle), "TUNED": json.dumps({**AT_ONCE, **settings})}
        ended = await run(
            "--url", url, "--data-dir", str(self.data_dir), "pull", "--no-fsync", NAME,
            module="tests.faults.tuned", environment={**told, **environment},
        )  # fmt: skip
        assert arrived(self.data_dir) == (ended.code == 0)
        assert left_over(self.data_dir) == []
        assert len(ended.stderr.splitlines()) <= 1
        assert "0secret0" not in ended.stdout + ended.stderr
        return ended
