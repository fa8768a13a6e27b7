"""A body that goes on behind what is here, appended as it comes."""

from collections.abc import Callable
from dataclasses import dataclass

from imap_bulk import errors
from imap_bulk.engine.behind import to_the_end
from imap_bulk.engine.partial import Partial
from imap_bulk.engine.promise import Promise, content_length
from imap_bulk.settings import Settings
from imap_bulk.transport import Flood, Piece, Response

MOST_UNANNOUNCED_BYTES = 5 << 30
"""How long a body may be that does not say how long it is: an endless one would fill the disk. S3 always says."""


def memory_of_stream(settings: Settings) -> int:
    """Return the bytes of body that one stream holds: a batch that arrives while the one before is written."""
    return 2 * settings.chunk_bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """One answer, whose body begins at the front of `partial`."""

    response: Response
    partial: Partial
    promise: Promise
    settings: Settings
    progress: Callable[[int], None]

    async def append(self) -> None:
        """Append the whole rest. Bytes are counted here: no HTTP library is trusted with the length.

        A body of one chunk is handled right here, because a thread hop costs more than the work. Longer ones go
        in batches to a thread, while the transport receives the next, or are received there as long as they come
        fast enough for that: nearby from the first byte on.

        Raises TransientError, DigestMismatch, Rejected, OSError.
        """
        partial, chunk_bytes = self.partial, self.settings.chunk_bytes
        batch, received = bytearray(), partial.front
        failure: errors.TransientError | None = None
        length = content_length(self.response.headers)
        end = None if length is None else received + length
        if length and length >= chunk_bytes and self.response.latency < self.settings.parallel_latency:
            received += await self._take_in(b"")
        while failure is None and received != end:
            try:
                piece = await self.response.piece()
            except errors.TransientError as error:
                failure = error
                break
            if not piece:
                break
            received += len(piece)
            self._check_size(received)
            if batch or len(piece) < chunk_bytes:
                batch += piece
                piece = batch
            if len(piece) >= chunk_bytes:
                received += await self._take_in(piece)
                batch = bytearray()
        partial.append(batch)
        self.progress(received)
        if failure and received != self.promise.size:  # some servers end badly what they have sent completely
            raise failure

    async def _take_in(self, piece: Piece) -> int:
        """Append a piece, and what comes right behind it as long as it comes fast; return how much that was."""
        flood = self.response.flood()
        if not (piece or flood):
            return 0
        await to_the_end(_append, self.partial, piece, flood)
        self._check_size(self.partial.front)
        self.progress(self.partial.front)
        return flood.taken if flood else 0

    def _check_size(self, received: int) -> None:
        size = self.promise.size
        if size is None and received > MOST_UNANNOUNCED_BYTES:
            raise errors.Rejected(f"{self.partial.key}: a body whose length nobody has told does not end")
        if size is not None and received > size:
            raise errors.DigestMismatch(f"{self.partial.key}: more than the {size} announced bytes arrived")


def _append(partial: Partial, piece: Piece, flood: Flood | None) -> None:
    partial.append(piece)
    if flood:
        flood.drain(partial.append)
