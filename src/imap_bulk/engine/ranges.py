"""One large object through several streams: each fetches the next missing block, all of them of one object.

A stream that has nothing left to fetch takes half of what another one still has to: at 80 ms a connection that
was opened late, or has lost a packet, needed 4.7 s for 8 MiB while 15 others needed a third of a second. So does
one that finds too much waiting behind a gap, which could not be hashed in order.

When a stream fails, the others end the block they are at and stop: the attempt is over, but what has arrived
stays, and the next attempt, with a URL signed anew, fetches what is missing. So one expiry costs one signing.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imap_bulk import errors
from imap_bulk.engine.behind import outwait, to_the_end
from imap_bulk.engine.partial import Partial
from imap_bulk.engine.promise import PART_STATUSES, check_part
from imap_bulk.engine.together import together
from imap_bulk.http import unix_time
from imap_bulk.model import SignedUrl
from imap_bulk.transport import Response, Transport, refusal

_LEAST_BYTES = 256 << 10
"""What is taken over at least, and left at least: so much comes in a round trip or two."""

EXPIRY_MARGIN = 5.0
"""Seconds before its expiry from which a signed URL is not used for another request."""


@dataclass(slots=True, eq=False)
class _Block:
    """A block on its way, in one part or several."""

    start: int
    end: int
    parts: int = 1


@dataclass(slots=True, eq=False)
class _Part:
    """What one stream fetches of a block: from `at` on, to before `end`, which may come nearer."""

    block: _Block
    at: int
    end: int
    is_cut: bool = False
    """Whether another stream has taken the rest, so that the connection cannot go on."""


class _Shares:
    """Who fetches what."""

    def __init__(self, blocks: Iterable[tuple[int, int]]) -> None:
        self._blocks = deque(blocks)
        self._parts: list[_Part] = []
        """On their way, in the order in which they were begun."""

    def first(self) -> _Part | None:
        """Give a stream that begins the first block that nobody has."""
        return self._begin(*self._blocks.popleft()) if self._blocks else None

    def next(self, *, is_warm: bool, is_gap_old: bool) -> _Part | None:
        """Give something to fetch to a stream that goes on; None if there is nothing that is worth it.

        A connection that is opened amid warm ones is the slowest for a second or so. It begins with the last
        block, which is wanted last, and takes over from nobody.
        """
        if not is_warm:
            return self._begin(*self._blocks.pop()) if self._blocks else None
        if is_gap_old and (half := self._half_of(min(self._parts, key=_place, default=None))):
            return half
        return self.first() or self._half_of(max(self._parts, key=_left, default=None))

    def _half_of(self, part: _Part | None) -> _Part | None:
        if part is None or _left(part) < 2 * _LEAST_BYTES:
            return None
        middle = part.end - _left(part) // 2
        part.end, end, part.is_cut = middle, part.end, True
        part.block.parts += 1
        half = _Part(part.block, middle, end)
        self._parts.append(half)
        return half

    def _begin(self, start: int, end: int) -> _Part:
        part = _Part(_Block(start, end), start, end)
        self._parts.append(part)
        return part

    def end(self, part: _Part) -> bool:
        """Take note that a part has come; tell whether its block is whole."""
        self._parts.remove(part)
        part.block.parts -= 1
        return part.block.parts == 0


def _place(part: _Part) -> int:
    return part.at


def _left(part: _Part) -> int:
    return part.end - part.at


class _Prover:
    """Hashes what has come, up to the first gap, in a thread and while more arrives."""

    def __init__(self, partial: Partial) -> None:
        self._partial = partial
        self._running: asyncio.Task[None] | None = None

    def go_on(self) -> None:
        """See to it that hashing goes on. Raises OSError when it could not."""
        if self._running:
            if not self._running.done():
                return
            self._running.result()
        self._running = asyncio.create_task(to_the_end(self._partial.prove))

    async def end(self) -> None:
        """Hash all that can be, even when cancelled. Raises OSError."""
        if self._running:
            await outwait(self._running)
        await to_the_end(self._partial.prove)


@dataclass(slots=True)
class Ranges:
    """The streams of one attempt at one object."""

    transport: Transport
    signed: SignedUrl
    partial: Partial
    chunk_bytes: int
    progress: Callable[[int], None]

    async def fetch(self, first: Response, streams: int) -> None:
        """Fetch what is missing; `first` is the answer that has begun at the front. Raises BulkError, OSError."""
        shares = _Shares(list(self.partial.missing()))
        prover = _Prover(self.partial)
        failures: list[errors.TransientError] = []
        skew = (unix_time(first.headers.get("Date", "")) or time.time()) - time.time()
        arrived = self.partial.position

        async def stream(opened: Response | None) -> None:
            nonlocal arrived
            part = shares.first()
            while part and not failures:
                begun = part.at
                try:
                    if opened:
                        with opened:
                            await self._read(opened, part)
                    else:
                        await self._ask(part, skew)
                except errors.TransientError as error:
                    failures.append(error)
                    return
                if shares.end(part):
                    self.partial.add_block(part.block.start, part.block.end - part.block.start)
                    prover.go_on()
                arrived += part.end - begun
                self.progress(arrived)
                is_warm, opened = not (opened or part.is_cut), None
                part = shares.next(is_warm=is_warm, is_gap_old=self.partial.blocks_beyond > streams)

        try:
            await together([stream(first), *(stream(None) for _ in range(streams - 1))])
        finally:
            await prover.end()  # another attempt begins behind what is proven
        if failures:
            raise failures[0]

    async def _ask(self, part: _Part, skew: float) -> None:
        """Fetch one part by a request of its own."""
        expires_at, identity = self.signed.expires_at, self.partial.identity
        assert identity
        if expires_at is not None and time.time() + skew > expires_at - EXPIRY_MARGIN:
            raise errors.UrlExpired(f"{self.partial.key}: the signed URL is about to expire")
        start, end = part.at, part.end
        wanted = {"Range": f"bytes={start}-{end - 1}", "If-Match": identity.etag}
        with await self.transport.get(self.signed, wanted) as response:
            if response.status not in PART_STATUSES:
                raise await refusal(response, self.partial.key)
            check_part(response, identity, start, end, self.partial.key)
            await self._read(response, part)

    async def _read(self, response: Response, part: _Part) -> None:
        """Write a part, which the answer goes on with."""
        start, batch = part.at, bytearray()
        while part.at < part.end and (piece := await response.piece()):
            piece = piece[: part.end - part.at]
            part.at += len(piece)
            if batch or (len(piece) < self.chunk_bytes and part.at < part.end):
                batch += piece
                piece = batch
            if len(piece) >= self.chunk_bytes or part.at == part.end:
                await to_the_end(self.partial.part.write, part.at - len(piece), piece)
                batch = bytearray()
        if part.at != part.end:
            raise errors.Interrupted(
                f"{self.partial.key}: a part ended after {part.at - start} of {part.end - start} bytes"
            )
