"""One HTTP/1.1 connection: one exchange at a time, bodies received into the memory that they are written from.

A head is collected in a small buffer. A body of known length stays there if it fits; otherwise it goes into two
large buffers in turn: one fills while the other is worked on, and when both are full, reading pauses.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from imap_bulk.transport import failures
from imap_bulk.transport.base import Piece, Request
from imap_bulk.transport.buffers import HEAD_BYTES, PIECE_BYTES, BufferPool
from imap_bulk.transport.flood import Flood
from imap_bulk.transport.head import Head, Unreadable
from imap_bulk.transport.surge import Surge

_MOST_INTERIM = 16
_MOST_PARSED_PIECES = 16
_TURNS_UNTIL_READ = 3  # of the event loop, from where TLS goes on reading until it has read


class Connection(asyncio.BufferedProtocol):
    """One connection: `begin`, `write` what is to be sent, await `head` and `piece`s, `end`."""

    def __init__(self, pool: BufferPool, on_lost: Callable[["Connection"], None]) -> None:
        self._pool = pool
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._waiting_since = 0.0
        self._failure: Exception | None = None
        self._is_paused = False
        self._is_choked = False
        self._small_bytes = bytearray(HEAD_BYTES)
        self._small = memoryview(self._small_bytes)
        self._clear()

    def _clear(self) -> None:
        self._head: Head | None = None
        self._interim = 0
        self._due: int | None = None  # bytes of the body not yet handed over; None when the parser frames it
        self._view = self._small
        self._start = self._end = 0
        self._lent: memoryview | None = None
        self._spare: memoryview | None = None
        self._flood: Flood | None = None
        self._is_flushed = False
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
        return self._end > 0 or self._interim > 0 or self._head is not None

    @property
    def has_answered(self) -> bool:
        """Whether the head of the answer is here, or the connection has ended: no use in sending more."""
        return self._head is not None or self._failure is not None

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
        while self._is_choked and self._head is None:
            await self._progress()

    async def head(self) -> Head:
        """Wait for the head of the answer. Raises Interrupted, Stalled."""
        while self._head is None:
            await self._progress()
        return self._head

    async def piece(self) -> Piece:
        """Return what comes next of the body; empty at its end. Raises Interrupted, Stalled."""
        self._go_on_behind_flood()
        if self._lent is not None:
            self._spare = None if self._lent is self._small else self._lent
            self._lent = None
        while not self._is_ready():
            if self._is_paused:
                self._resume()
            await self._progress()
        return self._parsed() if self._due is None else self._measured()

    def at_hand(self) -> Piece | None:
        """Return what is due of the body if all of it is here; else None, and `piece` is to be asked."""
        is_whole = self._due is not None and self._end - self._start >= self._due
        return self._measured() if is_whole and self._lent is None and self._flood is None else None

    def flood(self) -> Flood | None:
        """Stop receiving, so that a thread may, until the next piece is asked for; None where none can."""
        self._go_on_behind_flood()
        if not self._due or self._failure or not self._transport:
            return None
        self._pause()
        self._flood = Flood.of(self._transport, self._view, self._start, self._end, self._due)
        return self._flood

    def _go_on_behind_flood(self) -> None:
        flood, self._flood = self._flood, None
        if flood:
            assert self._due is not None
            flood.close()
            self._due -= flood.taken
            self._start, self._end = flood.start, flood.end

    def end(self, is_sent: bool) -> None:
        """End the exchange; the connection goes on if the request `is_sent` and the answer is through."""
        self._go_on_behind_flood()
        goes_on = is_sent and not self._is_choked and self._failure is None and self._is_through()
        for view in (self._view, self._lent, self._spare):
            if view is not None and view is not self._small:
                self._pool.take_back(cast("bytearray", view.obj))
        self._clear()
        self._request = None
        if not goes_on:
            self.abort()
        elif self._is_paused:
            self._resume()

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
        if self._due and self._end > self._start:
            self._is_flushed = True
            self._wake()
        elif now - self._waiting_since > idle_timeout:
            self._fail(failures.silent(self.doing))

    # --- the state of an answer

    def _is_ready(self) -> bool:
        head = self._head
        assert head, "a body is asked for after its head"
        if self._due is None:
            return bool(head.pieces) or head.is_through
        here = self._end - self._start
        if here >= self._due or here >= PIECE_BYTES:
            return True
        return here > 0 and (self._is_flushed or self._failure is not None)

    def _is_through(self) -> bool:
        head = self._head
        if head is None or not head.keeps_connection:
            return False
        if self._due is None:
            return head.is_through and not head.pieces and not head.has_excess
        return self._due == 0 and self._start == self._end

    def _measured(self) -> Piece:
        assert self._due is not None
        piece = self._view[self._start : min(self._end, self._start + self._due)]
        self._due -= len(piece)
        self._start += len(piece)
        self._is_flushed = False
        if self._due:
            self._lent = self._view
            self._view = self._spare or memoryview(self._pool.lend(self._due))
            self._spare = None
            self._start = self._end = 0
            if self._is_paused:
                self._resume()
        return piece

    def _parsed(self) -> Piece:
        assert self._head
        piece = b"".join(self._head.pieces)
        self._head.pieces.clear()
        return piece

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return self._view[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        if self._request is None:  # unasked for: whatever it is, nothing on this connection can be trusted
            self.abort()
            return
        self._end += nbytes
        try:
            self._take_in()
        except Unreadable:
            self._fail(failures.broken(self.doing, "the answer is no HTTP/1.1"))

    def _take_in(self) -> None:
        if self._head is None:
            self._look_for_head()
            return
        if self._due is None:
            self._parse(self._head)
        else:
            self._waiting_since = self._loop.time()
            if self._end >= PIECE_BYTES or self._end == len(self._view):
                self._pause()
        if self._waiter and self._is_ready():
            self._wake()

    def _look_for_head(self) -> None:
        while True:
            behind = self._small_bytes.find(b"\r\n\r\n", self._start, self._end) + 4
            if behind < 4:
                if self._end == HEAD_BYTES:
                    self._fail(failures.broken(self.doing, "the answer's head is longer than 64 KiB"))
                return
            head = Head()
            head.read(self._small[self._start : behind])
            self._start = behind
            if not head.is_interim:
                break
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                self._fail(failures.broken(self.doing, "one informational answer after the other"))
                return
        self._head, self._due = head, head.length
        if self._due is None:
            self._parse(head)
        elif self._due >= HEAD_BYTES - self._start:
            self._move_to_large()
        self._wake()

    def _parse(self, head: Head) -> None:
        if self._end > self._start:
            head.read(self._view[self._start : self._end])
        self._start = self._end = 0
        if head.pieces:  # the frame alone, however much of it comes, is no sign of life
            self._waiting_since = self._loop.time()
        if len(head.pieces) >= _MOST_PARSED_PIECES:
            self._pause()

    def _move_to_large(self) -> None:
        assert self._due is not None
        large = memoryview(self._pool.lend(self._due))
        here = self._end - self._start
        large[:here] = self._small[self._start : self._end]
        self._view, self._start, self._end = large, 0, here

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        head = self._head
        if head and self._due is None and not head.is_chunked and exc is None and self._failure is None:
            head.is_through = True
        how = type(exc).__name__ if exc else "closed by the other side"
        self._fail(failures.cut(self.doing) if head else failures.broken(self.doing, how))
        self._on_lost(self)

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

    def _resume(self) -> None:
        self._is_paused = False
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()
