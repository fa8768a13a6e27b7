"""What a fault holds in its hands: the answer that ought to be sent, and the bare connection.

aiohttp is too well-behaved for a wrong length, a missing terminator or a reset, so such answers are written
past it, to the transport. Whoever does that ends the connection: `close` and `reset` give aiohttp an answer
that it can no longer send.
"""

import asyncio
import contextlib
import email.utils
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Self
from xml.sax.saxutils import escape

from aiohttp import web

_TICK = 0.05
"""How soon a silent server notices that the client has gone; asyncio tells no handler."""

_PIECE_BYTES = 64 << 10


class Origin(StrEnum):
    """The two hosts that an archive consists of."""

    API = "api"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer before it is sent: some part of some content, most often the whole."""

    status: int
    headers: dict[str, str]
    size: int
    """Of the whole content."""

    part: range
    """Which bytes of the content are the body."""

    pieces: Callable[[range], AsyncIterator[bytes]]
    """Reads a part of the content."""

    @classmethod
    def of(cls, answer: web.Response) -> Self:
        """Return an answer that a handler has given whole; without a body, if that is not bytes."""
        body = answer.body if isinstance(answer.body, bytes) else b""

        async def pieces(part: range) -> AsyncIterator[bytes]:
            if part:
                yield body[part.start : part.stop]

        return cls(answer.status, dict(answer.headers), len(body), range(len(body)), pieces)

    def but(self, **changes: Any) -> Self:
        """Return the same answer, but for these fields."""
        return replace(self, **changes)

    def half(self) -> range:
        """Return the first half of the body, rounded down."""
        return self.part[: len(self.part) // 2]


async def invite_body(request: web.BaseRequest) -> None:
    """Answer `Expect: 100-continue`, which aiohttp leaves to its router, and storage has none."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that meets a fault, and what the fault may do with it."""

    request: web.BaseRequest
    origin: Origin
    draw: int
    """64 random bits that the seed has given to this request."""

    stall: float
    closing: asyncio.Event
    """Set when the server stops."""

    planned: Planned | None = None
    """What a GET ought to get."""

    take: Callable[[], Awaitable[web.Response]] | None = None
    """Stores what a PUT brings, and answers as storage should."""

    @property
    def answer(self) -> Planned:
        """What this GET ought to get."""
        assert self.planned, "a fault of a PUT has no planned answer"
        return self.planned

    def _transport(self) -> asyncio.Transport:
        transport = self.request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        return transport

    async def head(
        self, status: int, headers: Mapping[str, str], length: int | None = None, *, closes: bool = True
    ) -> None:
        """Write a status line and headers, with Date and, if told, Content-Length and Connection."""
        own = {"Date": email.utils.formatdate(usegmt=True)}
        own |= {} if length is None else {"Content-Length": str(length)}
        own |= {"Connection": "close"} if closes else {}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {value}" for name, value in (own | dict(headers)).items()]
        await self.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def write(self, piece: bytes) -> None:
        """Write, and wait until the kernel has taken all of it. Raises ConnectionError."""
        transport = self._transport()
        transport.set_write_buffer_limits(high=0)  # else a reset would find half of the body unsent
        transport.write(piece)
        await self.request.writer.drain()

    async def body(self, part: range | None = None) -> None:
        """Write the body as it ought to be, or another part of the content."""
        async for piece in self.answer.pieces(self.answer.part if part is None else part):
            await self.write(piece)

    async def silence(self, seconds: float) -> bool:
        """Say nothing; tell whether the client is still there, and the server too, when it is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not self._is_over() and (left := end - loop.time()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_TICK, left)):
                    await self.closing.wait()
        return not self._is_over()

    def _is_over(self) -> bool:
        if self.closing.is_set() or self.request.transport is None or self.request.transport.is_closing():
            return True
        with contextlib.suppress(Exception):  # an unread body stops asyncio from seeing that the client has gone
            self.request.content.read_nowait()
        return False

    async def swallow(self, length: int) -> None:
        """Read that much of the request's body and forget it. Raises ConnectionError."""
        await invite_body(self.request)
        while length > 0 and (piece := await self.request.content.read(min(length, _PIECE_BYTES))):
            length -= len(piece)

    def close(self) -> web.Response:
        """End the connection after what has been written."""
        if self.request.transport:
            self.request.transport.close()
        return web.Response()

    def reset(self) -> web.Response:
        """End the connection with a TCP RST."""
        transport = self.request.transport
        if transport and (connection := transport.get_extra_info("socket")):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()


def refusal(origin: Origin, status: int, code: str, message: str, **headers: str) -> web.Response:
    """Return an error in the words of the origin: S3's XML, or the gateway's JSON."""
    if origin is Origin.API:
        text, content_type = json.dumps({"message": message}, separators=(",", ":")), "application/json"
    else:
        told = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        text, content_type = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{told}</Error>', "application/xml"
    return web.Response(body=text.encode(), status=status, headers={"Content-Type": content_type} | headers)


def unavailable(origin: Origin, **headers: str) -> web.Response:
    """Return the 503 of the origin."""
    if origin is Origin.API:
        return refusal(origin, 503, "", "Service Unavailable", **headers)
    return refusal(origin, 503, "SlowDown", "Please reduce your request rate.", **headers)
