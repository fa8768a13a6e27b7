"""A body that comes faster than an event loop passes it on: one thread receives, hashes and writes it.

Bytes are then decrypted, hashed and written in the cache of the core that received them; others have the loop.
"""

import asyncio
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Self

from imap_bulk.transport.buffers import MARGIN_BYTES
from imap_bulk.transport.tls import Tls

Receive = Callable[[memoryview], int]

THREAD_PIECE_BYTES = 256 << 10
"""What a thread handles at once, on either way: it stays in the cache of its core from one end to the other."""

PATIENCE_SECONDS = 0.005
"""For each of these: below 50 MB/s a thread would wait, and be kept from others. With 2 ms half of what four TLS
connections brought, at 500 MB/s on two cores, was left to the loop: others have a core for longer than that."""

MOST_SECONDS = 0.05  # then others have the thread, and whoever has cancelled is heard: a disk may be slow


def own_socket(transport: asyncio.Transport) -> socket.socket | None:
    """Return a descriptor of our own of a transport's socket, to be closed; None where no thread can wait for it.

    The loop may close its own at any time, and another file get that number.
    """
    theirs = transport.get_extra_info("socket")
    if theirs is None or not hasattr(select, "poll"):
        return None
    sock = socket.socket(fileno=os.dup(theirs.fileno()))
    sock.setblocking(False)
    return sock


def receiving_from(transport: asyncio.Transport) -> tuple[socket.socket, Receive] | None:
    """Return a socket, to be closed, and what receives from it past a transport that does not read.

    None where none can.
    """
    sock = own_socket(transport)
    if sock is None:
        return None
    return sock, transport.receiver(sock) if isinstance(transport, Tls) else sock.recv_into


class Flood:
    """What follows in a body, up to `due` bytes, the first of them in `buffer` from `start` to `end`."""

    @classmethod
    def of(cls, transport: asyncio.Transport, buffer: memoryview, start: int, end: int, due: int) -> Self | None:
        """Take the socket of a transport that has stopped reading; None where a thread cannot receive from it."""
        way_in = receiving_from(transport)
        return cls(*way_in, buffer, start, end, due) if way_in else None

    def __init__(
        self, sock: socket.socket, receive: Receive, buffer: memoryview, start: int, end: int, due: int
    ) -> None:
        """Wait for a socket, and have `receive` fill the buffer from it, as its `recv_into` does."""
        self._sock = sock
        self._sock.setblocking(False)
        self._receive = receive
        self._buffer = buffer
        self._due = due
        self.start = start
        self.end = end
        self.taken = 0
        """Bytes of the body that were handed over."""

    def drain(self, take: Callable[[memoryview], None]) -> None:
        """Hand to `take` what comes, as long as it comes fast. To be called in a thread. Raises as `take`."""
        readable = select.poll()
        readable.register(self._sock, select.POLLIN)
        latest, goes_on = time.monotonic() + MOST_SECONDS, True
        while goes_on and self.taken < self._due and time.monotonic() < latest:
            goes_on = self._fill(readable)
            here = min(self.end - self.start, self._due - self.taken)
            if here:
                take(self._buffer[self.start : self.start + here])
            self.taken += here
            self.start += here
            if self.start == self.end:
                self.start = self.end = 0

    def close(self) -> None:
        """Let go of the socket; the connection goes on."""
        self._sock.close()

    def _fill(self, readable: select.poll) -> bool:
        """Receive a piece; False when it does not come fast, or the connection has ended."""
        wanted = self.start + min(THREAD_PIECE_BYTES, self._due - self.taken)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.end < wanted:
            try:
                received = self._receive(self._buffer[self.end : wanted + MARGIN_BYTES])
            except BlockingIOError:
                seconds = deadline - time.monotonic()
                if seconds <= 0 or not readable.poll(seconds * 1000):
                    return False
                continue
            except OSError:  # the loop will meet it again
                return False
            if not received:
                return False
            self.end += received
        return True
