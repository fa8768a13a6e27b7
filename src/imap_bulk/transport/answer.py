"""What has come in answer to a request: its head, and its body, received into the memory that it is written from.

A head is collected in a small buffer. A body of known length stays there if it fits; otherwise it goes into two
large buffers in turn: one fills while the other is worked on. Nothing here waits; the connection does.
"""

from typing import cast

from imap_bulk.transport.base import Piece
from imap_bulk.transport.buffers import HEAD_BYTES, PIECE_BYTES, BufferPool
from imap_bulk.transport.flood import Flood
from imap_bulk.transport.head import Head

_MOST_INTERIM = 16
_MOST_PARSED_PIECES = 16


class Nonsense(Exception):
    """What comes is no answer; says why."""


class Answer:
    """The answer that a connection receives; `forget` makes room for the next one."""

    def __init__(self, pool: BufferPool) -> None:
        self._pool = pool
        self._small_bytes = bytearray(HEAD_BYTES)
        self._small = memoryview(self._small_bytes)
        self._clear()

    def _clear(self) -> None:
        self.head: Head | None = None
        self._interim = 0
        self._due: int | None = None  # bytes of the body not yet handed over; None when the parser frames it
        self._view = self._small
        self._start = self._end = 0
        self._lent: memoryview | None = None
        self._spare: memoryview | None = None
        self._is_flushed = False

    def forget(self) -> None:
        """Give large buffers back, and begin anew."""
        for view in (self._view, self._lent, self._spare):
            if view is not None and view is not self._small:
                self._pool.take_back(cast("bytearray", view.obj))
        self._clear()

    # --- on its way in

    @property
    def room(self) -> memoryview:
        """Where to receive what comes next."""
        return self._view[self._end :]

    @property
    def is_full(self) -> bool:
        """Whether no more is to be received until a piece was handed over."""
        if self.head and self._due is None:
            return len(self.head.pieces) >= _MOST_PARSED_PIECES
        return self._end >= PIECE_BYTES or self._end == len(self._view)

    def take_in(self, n_bytes: int) -> bool:
        """Take note of bytes that were received; tell whether there was something of a body among them.

        Raises Nonsense, and what the parser raises.
        """
        self._end += n_bytes
        if self.head is None:
            return self._look_for_head()
        return True if self._due is not None else self._parse(self.head)

    def _look_for_head(self) -> bool:
        while True:
            behind = self._small_bytes.find(b"\r\n\r\n", self._start, self._end) + 4
            if behind < 4:
                if self._end == HEAD_BYTES:
                    raise Nonsense("the answer's head is longer than 64 KiB")
                return False
            head = Head()
            head.read(self._small[self._start : behind])
            self._start = behind
            if not head.is_interim:
                break
            self._interim += 1
            if self._interim > _MOST_INTERIM:
                raise Nonsense("one informational answer after the other")
        self.head, self._due = head, head.length
        if self._due is None:
            return self._parse(head)
        if self._due >= HEAD_BYTES - self._start:
            self._move_to_large(self._due)
        return self._end > self._start

    def _parse(self, head: Head) -> bool:
        if self._end > self._start:
            head.read(self._view[self._start : self._end])
        self._start = self._end = 0
        return bool(head.pieces)  # the frame alone, however much of it comes, is no sign of life

    def _move_to_large(self, due: int) -> None:
        large = memoryview(self._pool.lend(due))
        here = self._end - self._start
        large[:here] = self._small[self._start : self._end]
        self._view, self._start, self._end = large, 0, here

    def end_with_connection(self) -> None:
        """Take a body without a length or chunks for whole: the connection was closed properly."""
        if self.head and self._due is None and not self.head.is_chunked:
            self.head.is_through = True

    # --- on its way out

    @property
    def has_begun(self) -> bool:
        """Whether anything has come."""
        return self._end > 0 or self._interim > 0 or self.head is not None

    def is_ready(self, *, is_last: bool) -> bool:
        """Tell whether to hand over a piece: a large one, the rest, or what there is, if that `is_last`."""
        assert self.head, "a body is asked for after its head"
        if self._due is None:
            return bool(self.head.pieces) or self.head.is_through
        here = self._end - self._start
        if here >= self._due or here >= PIECE_BYTES:
            return True
        return here > 0 and (self._is_flushed or is_last)

    def flush(self) -> bool:
        """Have what has come of a body of known length handed over, however little; tell whether there is any."""
        self._is_flushed = bool(self._due) and self._end > self._start
        return self._is_flushed

    def piece(self) -> Piece:
        """Hand over what `is_ready`; empty at the end. Its memory is used again after `take_back`."""
        return self._parsed() if self._due is None else self._measured(self._due)

    def take_back(self) -> None:
        """Use the memory of the last piece again."""
        if self._lent is not None:
            self._spare = None if self._lent is self._small else self._lent
            self._lent = None

    def at_hand(self) -> Piece | None:
        """Hand over what is due of the body if all of it is here; else None."""
        due = self._due
        if due is None or self._lent is not None or self._end - self._start < due:
            return None
        return self._measured(due)

    def _measured(self, due: int) -> Piece:
        piece = self._view[self._start : min(self._end, self._start + due)]
        self._due = due - len(piece)
        self._start += len(piece)
        self._is_flushed = False
        if self._due:
            self._lent = self._view
            self._view = self._spare or memoryview(self._pool.lend(self._due))
            self._spare = None
            self._start = self._end = 0
        return piece

    def _parsed(self) -> Piece:
        assert self.head
        piece = b"".join(self.head.pieces)
        self.head.pieces.clear()
        return piece

    @property
    def rest(self) -> tuple[memoryview, int, int, int] | None:
        """For a flood: the buffer, from where to where it is filled, and how much is due; None at the end."""
        return (self._view, self._start, self._end, self._due) if self._due else None

    def go_on_behind(self, flood: Flood) -> None:
        """Take note of what a flood has handed over."""
        assert self._due is not None
        self._due -= flood.taken
        self._start, self._end = flood.start, flood.end

    @property
    def is_through(self) -> bool:
        """Whether all has come and was handed over, nothing else has come, and the server means to go on."""
        if self.head is None or not self.head.keeps_connection:
            return False
        if self._due is None:
            return self.head.is_through and not self.head.pieces and not self.head.has_excess
        return self._due == 0 and self._start == self._end
