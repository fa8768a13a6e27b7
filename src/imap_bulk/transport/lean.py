"""The lean lane: HTTP/1.1 for what this project exists for, GET and PUT, on connections that are kept alive.

It is several times as fast as a general client because it does little: no redirects, no cookies, no proxy.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from contextlib import aclosing
from typing import Self

from imap_bulk import errors
from imap_bulk.settings import Settings
from imap_bulk.transport import failures
from imap_bulk.transport.base import Closing, Piece, Request, Response
from imap_bulk.transport.buffers import BufferPool
from imap_bulk.transport.connection import Connection
from imap_bulk.transport.flood import Flood
from imap_bulk.transport.guard import Guard
from imap_bulk.transport.names import Resolve, resolve
from imap_bulk.transport.origin import Origin, split

_TICK_SECONDS = 0.1
_UNSENDABLE = re.compile(r"[^\t -~\x80-\xff]")


class LeanLane:
    """See `Lane`."""

    def __init__(
        self, settings: Settings, headers: Mapping[str, str], guard: Guard, resolve: Resolve = resolve
    ) -> None:
        """Send `headers` with every request, to addresses that `resolve` finds and `guard` allows."""
        self._settings = settings
        self._fields = _fields(headers)
        self._guard = guard
        self._resolve = resolve
        self._pool = BufferPool()
        self._origins: dict[str, Origin] = {}
        self._busy: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        for origin in self._origins.values():
            await origin.close()
        self._origins.clear()

    async def send(self, request: Request) -> Response:
        """See `Lane.send`."""
        base, target = split(request.url)
        origin = self._origin(base)
        length = f"Content-Length: {request.size}\r\n" if request.body else ""
        head = (
            f"{request.method} {target} HTTP/1.1\r\nHost: {origin.netloc}\r\n"
            f"{self._fields}{length}{_fields(request.headers)}\r\n"
        ).encode("latin-1")
        exchange = await self._exchange(origin, request, head, fresh=False)
        if exchange is None:  # a server may close a connection that it has kept just when it is used again
            exchange = await self._exchange(origin, request, head, fresh=True)
            assert exchange, "only a connection that was kept is given another chance"
        return exchange

    def _origin(self, base: str) -> Origin:
        if base not in self._origins:
            self._origins[base] = Origin(base, self._settings, self._guard, self._resolve, self._pool)
        return self._origins[base]

    async def _exchange(self, origin: Origin, request: Request, head: bytes, *, fresh: bool) -> "_Exchange | None":
        """Send, and wait for an answer; None when a connection that was kept has ended without a word."""
        connection, is_kept = await origin.connection(request, fresh=fresh)
        connection.begin(request)
        exchange = _Exchange(connection, origin, self._busy)
        self._watch(connection)
        try:
            exchange.is_sent = await _send(connection, request, head)
            sent_at = time.monotonic()
            answer = await connection.head()
            exchange.latency = time.monotonic() - sent_at
            exchange.status, exchange.headers = answer.status, answer.headers
        except BaseException as error:
            ended_silently = isinstance(error, errors.Interrupted) and not connection.has_heard
            exchange.close()
            if is_kept and ended_silently:
                return None
            raise
        return exchange

    def _watch(self, connection: Connection) -> None:
        self._busy.add(connection)
        if self._timer is None:
            self._tick()

    def _tick(self) -> None:
        """Look after everybody who waits: one timer for all costs less than one for each wait."""
        loop, idle_timeout = asyncio.get_running_loop(), self._settings.idle_timeout
        now = loop.time()
        for connection in self._busy:
            connection.look_after(now, idle_timeout)
        self._timer = loop.call_later(min(_TICK_SECONDS, idle_timeout / 8), self._tick) if self._busy else None


class _Exchange(Closing):
    """A request on its way, and then its answer."""

    __slots__ = ("_busy", "_connection", "_origin", "headers", "is_sent", "latency", "status")

    def __init__(self, connection: Connection, origin: Origin, busy: set[Connection]) -> None:
        self._connection: Connection | None = connection
        self._origin = origin
        self._busy = busy
        self.is_sent = False
        self.status = 0
        self.latency = 0.0
        self.headers: Mapping[str, str] = {}

    async def piece(self) -> Piece:
        assert self._connection, "the response was closed"
        return await self._connection.piece()

    def at_hand(self) -> Piece | None:
        assert self._connection, "the response was closed"
        return self._connection.at_hand()

    def flood(self) -> Flood | None:
        return self._connection.flood() if self._connection else None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            self._busy.discard(connection)
            connection.end(self.is_sent)
            self._origin.keep(connection)


async def _send(connection: Connection, request: Request, head: bytes) -> bool:
    """Send a request; False when the answer came before the end of its body. Raises what the body raises."""
    if request.body is None:
        connection.write(head)
        return True
    written, unsent = 0, head
    async with aclosing(request.body(connection.surge)) as body:
        async for chunk in body:
            await connection.listen()
            if connection.has_answered:
                return False
            connection.write(unsent + chunk)  # the head goes with the first chunk: one packet for a small file
            written, unsent = written + len(chunk), b""
            await connection.drain()
    if written + connection.surged != request.size:
        raise failures.broken(request.doing, "its body ended too soon")
    if unsent:
        connection.write(unsent)
    return True


def _fields(headers: Mapping[str, str]) -> str:
    """Write header fields as they are sent. Raises Rejected when one holds a line end."""
    if not headers:
        return ""
    fields = [f"{name}: {value}" for name, value in headers.items()]
    if any(map(_UNSENDABLE.search, fields)):
        raise errors.Rejected("a header with control characters in it is not sent")
    return "".join(f"{field}\r\n" for field in fields)
