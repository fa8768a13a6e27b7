"""A bare socket that answers as a script says, and the lean lane to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from imap_bulk.settings import Settings
from imap_bulk.transport import Request, Response, read
from imap_bulk.transport.guard import OPEN
from imap_bulk.transport.lean import LeanLane

SETTINGS = Settings(connect_timeout=2.0, idle_timeout=0.3)
MIB = 1 << 20


@dataclass
class Server:
    """Answers each request with the next bytes of a script; an answer of None ends the connection."""

    script: list[bytes | None]
    port: int = 0
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                length = next((line for line in head.split("\r\n") if line.startswith("Content-Length")), ": 0")
                self.bodies.append(await reader.readexactly(int(length.partition(": ")[2])))
                answer = self.script.pop(0) if self.script else None
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def request(self, target: str = "/x", **changes: Any) -> Request:
        return replace(Request("GET", f"http://127.0.0.1:{self.port}{target}"), **changes)


@asynccontextmanager
async def serving(*script: bytes | None) -> AsyncIterator[tuple[Server, LeanLane]]:
    server = Server(list(script))
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0, limit=4 * MIB)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        async with LeanLane(SETTINGS, {"User-Agent": "test"}, OPEN) as lane:
            yield server, lane
    finally:
        listening.close()


def answer(body: bytes = b"body", *, length: int | None = None, **headers: str) -> bytes:
    fields = {"Content-Length": str(len(body) if length is None else length), **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + body


async def body_of(response: Response) -> bytes:
    with response:
        return await read(response, 1 << 30)
