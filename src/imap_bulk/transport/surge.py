"""A body that goes out faster than an event loop passes it on: one thread reads, hashes and sends it.

What `flood.py` is on the way down, this is on the way up.
"""

import asyncio
import select
import socket
import time
from collections.abc import Callable
from typing import Self

from imap_bulk.transport.flood import MOST_SECONDS, PATIENCE_SECONDS, own_socket
from imap_bulk.transport.tls import Tls

Send = Callable[[memoryview], int]


class Surge:
    """The way out of one connection, for one thread, until it is closed."""

    @classmethod
    def of(cls, transport: asyncio.Transport, on_close: "Callable[[Surge], None]") -> Self | None:
        """Take the socket of a transport that has nothing more to send and is about to stop reading.

        None where no thread can send, and where the other side has said something that should be heard first.
        """
        sock = own_socket(transport)
        if sock is None:
            return None
        surge = cls(sock, transport.sender(sock) if isinstance(transport, Tls) else sock.send, on_close)
        if surge.listen():
            sock.close()
            return None
        return surge

    def __init__(self, sock: socket.socket, send: Send, on_close: "Callable[[Surge], None]") -> None:
        """Wait for a socket, and have `send` send, as its own does."""
        self._sock = sock
        self._sock.setblocking(False)
        self._send = send
        self._on_close = on_close
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._latest = 0.0
        self.is_spoken_to = False
        """Whether the other side says something, or the connection has broken: no use in sending more."""
        self.taken = 0
        """Bytes that were taken to be sent."""
        self.rest = b""
        """Those of them that the loop has to send."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()
        self._on_close(self)

    def send(self, piece: bytes) -> bool:
        """Send a piece; False when it must be the last one. To be called in a thread."""
        now = time.monotonic()
        self._latest = self._latest or now + MOST_SECONDS
        self.taken += len(piece)
        unsent = self._send_fast(memoryview(piece), now + PATIENCE_SECONDS)
        if unsent:
            self.rest = bytes(unsent)
            return False
        return not self.listen() and time.monotonic() < self._latest

    def _send_fast(self, unsent: memoryview, deadline: float) -> memoryview:
        """Send as long as that goes fast, and return what is left.

        Nothing is, of a broken connection: before it meets the break, the loop shall read why.
        """
        writable = select.poll()
        writable.register(self._sock, select.POLLOUT)
        while unsent:
            try:
                unsent = unsent[self._send(unsent) :]
            except BlockingIOError:
                seconds = deadline - time.monotonic()
                if seconds <= 0 or not writable.poll(seconds * 1000):
                    break
            except OSError:
                return unsent[:0]
        return unsent

    def listen(self) -> bool:
        """Tell whether the other side has said something, or the connection has broken."""
        self.is_spoken_to = bool(self._poll.poll(0))
        return self.is_spoken_to


BeginSurge = Callable[[], Surge | None]
"""Has a thread send what comes next of a body; None where none can, or not now."""


def no_surge() -> None:
    """Have no thread send: for whoever cannot."""
