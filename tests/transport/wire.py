"""A bare socket, or one behind TLS, that answers as a script says, and the lean lane to it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import pytest
import trustme

from imap_bulk.settings import Settings
from imap_bulk.transport import Request, Response, read
from imap_bulk.transport.guard import OPEN
from imap_bulk.transport.lean import LeanLane
from imap_bulk.transport.tls import client_context

SETTINGS = Settings(connect_timeout=2.0, idle_timeout=0.3)
PATIENT = Settings(connect_timeout=10.0, idle_timeout=10.0)
"""For what is no test of silence, and moves so much that a busy machine may be silent for a moment."""

MIB = 1 << 20
AUTHORITY = trustme.CA()

both_tls = pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
plain_and_tls = pytest.mark.parametrize("tls", [None, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@dataclass
class Server:
    """Answers each request with the next bytes of a script; an answer of None ends the connection."""

    script: list[bytes | None]
    scheme: str = "http"
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    refusal: bytes | None = None
    """What is said in the midst of each body, before the connection ends."""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                length = next((line for line in head.split("\r\n") if line.startswith("Content-Length")), ": 0")
                self.bodies.append(await self._body(reader, writer, int(length.partition(": ")[2])))
                answer = self.script.pop(0) if self.script else None
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _body(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, size: int) -> bytes:
        body = bytearray()
        while len(body) < size:
            body += await reader.readexactly(min(MIB, size - len(body)))
            if self.refusal is not None and len(body) >= 8 * MIB:
                writer.write(self.refusal)
                await writer.drain()
                raise ConnectionResetError
        return bytes(body)

    def request(self, target: str = "/x", **changes: Any) -> Request:
        return replace(Request("GET", f"{self.scheme}://127.0.0.1:{self.port}{target}"), **changes)


@asynccontextmanager
async def serving(
    *script: bytes | None, tls: ssl.TLSVersion | None = None, settings: Settings = SETTINGS
) -> AsyncIterator[tuple[Server, LeanLane]]:
    server = Server(list(script), "https" if tls else "http")
    context = server_context(tls) if tls else None
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, limit=4 * MIB, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        async with LeanLane(settings, {"User-Agent": "test"}, OPEN) as lane:
            yield server, lane
    finally:
        listening.close()


@cache
def server_context(
    tls: ssl.TLSVersion, name: str = "127.0.0.1", authority: trustme.CA = AUTHORITY
) -> ssl.SSLContext:
    """Make a server's TLS of one version, and have the lean lane trust the tests' authority."""
    client_context().load_verify_locations(cadata=AUTHORITY.cert_pem.bytes().decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = tls
    authority.issue_cert(name).configure_cert(context)
    return context


def answer(body: bytes = b"body", *, length: int | None = None, **headers: str) -> bytes:
    fields = {"Content-Length": str(len(body) if length is None else length), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


async def body_of(response: Response) -> bytes:
    with response:
        return await read(response, 1 << 30)


async def drained(response: Response) -> bytes:
    """Receive as a download does: in a thread what comes fast, by pieces what does not."""
    body = bytearray()
    await collect(response, body, floods=True)
    return bytes(body)


async def collect(response: Response, body: bytearray, *, floods: bool) -> None:
    """Append to a body what comes until it ends or fails."""
    with response:
        while True:
            if floods and (flood := response.flood()):
                await asyncio.to_thread(flood.drain, body.extend)
            piece = await response.piece()
            if not piece:
                return
            body += piece
