"""One HTTP/1.1 connection, and who waits for it: one exchange at a time.

Whoever uses it waits until there is enough to go on with. When as much has come as there is room for, reading
pauses; a thread that sends or receives in its place has the socket to itself until it is done.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from imap_bulk.transport import failures
from imap_bulk.transport.answer import Answer, Nonsense
from imap_bulk.transport.base import Piece, Request
from imap_bulk.transport.buffers import BufferPool
from imap_bulk.transport.flood import Flood, receiving_from
from imap_bulk.transport.head import Head, Unreadable
from imap_bulk.transport.surge import Surge

_TURNS_UNTIL_READ = 3  # of the event loop, from where TLS goes on reading until it has read


class Connection(asyncio.BufferedProtocol):
    """One connection: `begin`, `write` what is to be sent, await `head` and `piece`s, `end`."""

    def __init__(self, pool: BufferPool, on_lost: Callable[["Connection"], None]) -> None:
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since = 0.0
        self._failure: Exception | None = None
        self._is_paused = False
        self._is_choked = False
        self._answer = Answer(pool)
        self._clear()

    def _clear(self) -> None:
        self._flood: Flood | None = None
        self._has_begun = False
        self._is_spoken_to = False
        self.surged = 0
        """Bytes of the request's body that threads have taken to be sent."""

    @property
    def is_idle(self) -> bool:
        """Whether another request may go this way."""
        return self._request is None and self._failure is None

    @property
    def has_heard(self) -> bool:
        """Whether anything came in answer to the request."""
        return self._answer.has_begun

    @property
    def has_answered(self) -> bool:
        """Whether the head of the answer is here, or the connection has ended: no use in sending more."""
        return self._answer.head is not None or self._failure is not None

    @property
    def doing(self) -> str:
        """What the connection is used for, for those who read errors."""
        return self._request.doing if self._request else "connecting"

    # --- for whoever uses the connection

    def begin(self, request: Request) -> None:
        """Begin an exchange, on a connection that is idle."""
        self._request = request

    def write(self, sent: bytes) -> None:
        """Send, or keep to be sent."""
        assert self._transport
        self._has_begun = True
        self._transport.write(sent)

    def surge(self) -> Surge | None:
        """Stop receiving, so that a thread may send until that is closed; None where none can, or not now."""
        transport = self._transport
        if not transport or not self._has_begun or self.has_answered or transport.get_write_buffer_size():
            return None
        surge = Surge.of(transport, self._go_on_behind_surge)
        if surge:
            self._pause()
        self._is_spoken_to = surge is None
        return surge

    def _go_on_behind_surge(self, surge: Surge) -> None:
        self.surged += surge.taken
        self._is_spoken_to = surge.is_spoken_to
        if self._transport and not self._transport.is_closing():
            self._transport.write(surge.rest)
        self._resume()

    async def listen(self) -> None:
        """Read what the other side has said meanwhile: where it has hung up as well, a write would be the end."""
        if self._is_spoken_to:
            self._is_spoken_to = False
            for _ in range(_TURNS_UNTIL_READ):
                await asyncio.sleep(0)

    async def drain(self) -> None:
        """Wait until more can be sent, or the answer comes before that. Raises Interrupted, Stalled."""
        while self._is_choked and self._answer.head is None:
            await self._progress()

    async def head(self) -> Head:
        """Wait for the head of the answer. Raises Interrupted, Stalled."""
        while self._answer.head is None:
            await self._progress()
        return self._answer.head

    async def piece(self) -> Piece:
        """Return what comes next of the body; empty at its end. Raises Interrupted, Stalled."""
        self._go_on_behind_flood()
        self._answer.take_back()
        while not self._answer.is_ready(is_last=self._failure is not None):
            self._resume_if_paused()
            await self._progress()
        piece = self._answer.piece()
        if not self._answer.is_full:
            self._resume_if_paused()
        return piece

    def at_hand(self) -> Piece | None:
        """Return what is due of the body if all of it is here; else None, and `piece` is to be asked."""
        return None if self._flood else self._answer.at_hand()

    def flood(self) -> Flood | None:
        """Stop receiving, so that a thread may, until the next piece is asked for; None where none can."""
        self._go_on_behind_flood()
        rest = self._answer.rest
        if not rest or self._failure or not self._transport:
            return None
        self._pause()
        self._flood = Flood.of(self._transport, *rest)
        return self._flood

    def _go_on_behind_flood(self) -> None:
        flood, self._flood = self._flood, None
        if flood:
            flood.close()
            self._answer.go_on_behind(flood)

    def end(self, is_sent: bool) -> None:
        """End the exchange; the connection goes on if the request `is_sent` and the answer is through."""
        self._go_on_behind_flood()
        goes_on = is_sent and not self._is_choked and self._failure is None and self._answer.is_through
        self._answer.forget()
        self._clear()
        self._request = None
        if goes_on:
            self._resume_if_paused()
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._failure is None:
            self._failure = failures.broken(self.doing, "closed")
        if self._transport:
            self._transport.abort()

    def look_after(self, now: float, idle_timeout: float) -> None:
        """Hand over what has come to whoever waits, and give up after too long a silence; to be called often."""
        if self._waiter is None:
            return
        if self._answer.flush():
            self._wake()
        elif now - self._waiting_since > idle_timeout:
            self._fail(failures.silent(self.doing))

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return self._answer.room

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self._request is None:  # unasked for: whatever it is, nothing on this connection can be trusted
            self.abort()
            return
        answer, had_head = self._answer, self._answer.head is not None
        try:
            if answer.take_in(nbytes):
                self._waiting_since = self._loop.time()
        except Nonsense as error:
            self._fail(failures.broken(self.doing, str(error)))
            return
        except Unreadable:
            self._fail(failures.broken(self.doing, "the answer is no HTTP/1.1"))
            return
        if answer.is_full:
            self._pause()
        if self._waiter and answer.head and (not had_head or answer.is_ready(is_last=False)):
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if exc is None and self._failure is None:
            self._answer.end_with_connection()
        elif exc and self._request and self._answer.head is None:
            self._hear_last_words()
        how = type(exc).__name__ if exc else "closed by the other side"
        self._fail(failures.cut(self.doing) if self._answer.head else failures.broken(self.doing, how))
        self._on_lost(self)

    def _hear_last_words(self) -> None:
        """Receive what was said before the break: a write that met it first would hide why it was refused."""
        with suppress(OSError, Nonsense, *Unreadable):
            way_in = receiving_from(self._transport) if self._transport else None
            if not way_in:
                return
            sock, receive = way_in
            with sock:
                while not self._answer.is_full and (here := receive(self._answer.room)):
                    self._answer.take_in(here)

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._is_choked = True

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._is_choked = False
        self._wake()

    # --- waiting

    async def _progress(self) -> None:
        """Wait until something happens. Raises what has ended the connection."""
        if self._failure:
            raise self._failure
        self._waiter = self._loop.create_future()
        self._waiting_since = self._loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure
        if self._transport:
            self._transport.abort()
        self._wake()

    def _pause(self) -> None:
        if not self._is_paused and self._transport:
            self._is_paused = True
            self._transport.pause_reading()

    def _resume_if_paused(self) -> None:
        if self._is_paused:
            self._resume()

    def _resume(self) -> None:
        self._is_paused = False
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()
