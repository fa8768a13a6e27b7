"""One large object through several streams: each fetches the next missing block, all of them of one object.

A stream that has nothing left to fetch takes half of what another one still has to: at 80 ms a connection that
was opened late, or has lost a packet, needed 4.7 s for 8 MiB while 15 others needed a third of a second. So does
one that finds the front, up to which all is hashed in order, too far behind.

When a stream fails, the others end the block they are at and stop: the attempt is over, but what has arrived
stays, and the next attempt, with a URL signed anew, fetches what is missing. So one expiry costs one signing.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imap_bulk import errors
from imap_bulk.engine.behind import to_the_end
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
        self._blocks = iter(blocks)
        self._parts: list[_Part] = []
        """On their way, in the order in which they were begun."""

    def take(self, *, is_front_late: bool, is_warm: bool) -> _Part | None:
        """Give something to fetch: the next block, or half of a part on its way; None if that is not worth it.

        Halves are for warm connections: a new one would begin more slowly than the old one ends.
        """
        if is_warm and is_front_late and (half := self._half_of(min(self._parts, key=_place, default=None))):
            return half
        for start, end in self._blocks:
            return self._begin(_Part(_Block(start, end), start, end))
        return self._half_of(max(self._parts, key=_left, default=None)) if is_warm else None

    def _half_of(self, part: _Part | None) -> _Part | None:
        if part is None or _left(part) < 2 * _LEAST_BYTES:
            return None
        middle = part.end - _left(part) // 2
        part.end, end, part.is_cut = middle, part.end, True
        part.block.parts += 1
        return self._begin(_Part(part.block, middle, end))

    def _begin(self, part: _Part) -> _Part:
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
        front = asyncio.Lock()
        failures: list[errors.TransientError] = []
        skew = (unix_time(first.headers.get("Date", "")) or time.time()) - time.time()
        arrived = self.partial.position

        async def stream(opened: Response | None) -> None:
            nonlocal arrived
            is_warm = False
            while not failures:
                is_late = self.partial.blocks_beyond > streams
                part = shares.take(is_front_late=is_late, is_warm=is_warm)
                if not part:
                    return
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
                is_warm, opened = not (opened or part.is_cut), None
                if shares.end(part):
                    block = part.block
                    async with front:
                        await to_the_end(self.partial.add_block, block.start, block.end - block.start)
                arrived += part.end - begun
                self.progress(arrived)

        await together([stream(first), *(stream(None) for _ in range(streams - 1))])
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
            batch += piece[: part.end - part.at]
            part.at = min(part.at + len(piece), part.end)
            if len(batch) >= self.chunk_bytes or part.at == part.end:
                await to_the_end(self.partial.part.write, part.at - len(batch), batch)
                batch = bytearray()
        if part.at != part.end:
            raise errors.Interrupted(
                f"{self.partial.key}: a part ended after {part.at - start} of {part.end - start} bytes"
            )
