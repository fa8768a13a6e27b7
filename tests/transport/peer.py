"""The other side of a TLS connection, which says which bytes go out, and where they are cut."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from tests.transport.wire import SETTINGS, server_context

from imap_bulk.transport import Request
from imap_bulk.transport.guard import OPEN
from imap_bulk.transport.lean import LeanLane

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """A server's end. What is sealed goes out when it is sent; the end of the connection is a bare FIN."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.TLSVersion) -> None:
        self.reader = reader
        self.writer = writer
        self.cuts: list[int] = []
        """How long the next writes are; all others are as long as can be."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = server_context(tls).wrap_bio(self._incoming, self._outgoing, server_side=True)

    async def shake_hands(self) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.send(self._outgoing.read())
                await self._receive()
            else:
                await self.send(self._outgoing.read())
                return

    async def request(self) -> bytes:
        """Wait for a request without a body."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            try:
                head += self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                await self._receive()
        return head

    def sealed(self, *records: bytes) -> bytes:
        """Encrypt, each in a record of its own."""
        for record in records:
            self._tls.write(record)
        return self._outgoing.read()

    def close_notify(self) -> bytes:
        """Encrypt that no more comes."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self._tls.unwrap()
        return self._outgoing.read()

    async def send(self, encrypted: bytes) -> None:
        """Send, and let the other side read each part before the next."""
        while encrypted:
            here = self.cuts.pop(0) if self.cuts else len(encrypted)
            self.writer.write(encrypted[:here])
            encrypted = encrypted[here:]
            await asyncio.sleep(0)
        await self.writer.drain()

    async def silence(self) -> None:
        """Keep the connection open until the other side ends it."""
        while await self.reader.read(1 << 16):
            pass

    async def _receive(self) -> None:
        received = await self.reader.read(1 << 16)
        if not received:
            raise ConnectionResetError
        self._incoming.write(received)


@asynccontextmanager
async def listening(handle: Handle) -> AsyncIterator[int]:
    """Answer bare connections; give the port. At the end, all of them have to be through."""
    running: set[asyncio.Task[None] | None] = set()

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        with contextlib.suppress(OSError):
            await handle(reader, writer)
        writer.close()

    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        async with asyncio.timeout(5):
            await asyncio.gather(*filter(None, running))


@asynccontextmanager
async def talking(
    talk: Callable[[Peer], Awaitable[None]], tls: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, cuts: Iterable[int] = ()
) -> AsyncIterator[tuple[LeanLane, Request]]:
    """Have a peer talk on each connection; give a lane, and a request to the peer."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer, tls)
        peer.cuts += cuts
        await peer.shake_hands()
        await talk(peer)

    async with listening(handle) as port, LeanLane(SETTINGS, {}, OPEN) as lane:
        yield lane, Request("GET", f"https://127.0.0.1:{port}/x")
