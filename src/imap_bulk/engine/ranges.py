"""One large object through several streams: each fetches the next missing block, all of them of one object.

When a stream fails, the others end the block they are at and stop: the attempt is over, but what has arrived
stays, and the next attempt, with a URL signed anew, fetches what is missing. So one expiry costs one signing.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from imap_bulk import errors
from imap_bulk.engine.behind import to_the_end
from imap_bulk.engine.partial import Partial
from imap_bulk.engine.promise import PART_STATUSES, check_part
from imap_bulk.engine.together import together
from imap_bulk.http import unix_time
from imap_bulk.model import SignedUrl
from imap_bulk.transport import Response, Transport, refusal

EXPIRY_MARGIN = 5.0
"""Seconds before its expiry from which a signed URL is not used for another request."""


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
        blocks = iter(list(self.partial.missing()))
        front = asyncio.Lock()
        failures: list[errors.TransientError] = []
        skew = (unix_time(first.headers.get("Date", "")) or time.time()) - time.time()
        arrived = self.partial.position

        async def stream(opened: Response | None) -> None:
            nonlocal arrived
            for start, end in blocks:
                if failures:
                    return
                try:
                    if opened:
                        with opened:
                            await self._read(opened, start, end)
                        opened = None
                    else:
                        await self._ask(start, end, skew)
                except errors.TransientError as error:
                    failures.append(error)
                    return
                async with front:
                    await to_the_end(self.partial.add_block, start, end - start)
                arrived += end - start
                self.progress(arrived)

        await together([stream(first), *(stream(None) for _ in range(streams - 1))])
        if failures:
            raise failures[0]

    async def _ask(self, start: int, end: int, skew: float) -> None:
        """Fetch one block by a request of its own."""
        expires_at, identity = self.signed.expires_at, self.partial.identity
        assert identity
        if expires_at is not None and time.time() + skew > expires_at - EXPIRY_MARGIN:
            raise errors.UrlExpired(f"{self.partial.key}: the signed URL is about to expire")
        wanted = {"Range": f"bytes={start}-{end - 1}", "If-Match": identity.etag}
        with await self.transport.get(self.signed, wanted) as response:
            if response.status not in PART_STATUSES:
                raise await refusal(response, self.partial.key)
            check_part(response, identity, start, end, self.partial.key)
            await self._read(response, start, end)

    async def _read(self, response: Response, start: int, end: int) -> None:
        """Write bytes `start` to before `end`, which the answer goes on with."""
        position, batch = start, bytearray()
        while position + len(batch) < end and (piece := await response.piece()):
            batch += piece[: end - position - len(batch)]
            if len(batch) >= self.chunk_bytes or position + len(batch) == end:
                await to_the_end(self.partial.part.write, position, batch)
                position += len(batch)
                batch = bytearray()
        if position != end:
            raise errors.Interrupted(
                f"{self.partial.key}: a part ended after {position - start} of {end - start} bytes"
            )
