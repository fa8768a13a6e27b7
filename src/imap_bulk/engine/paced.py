"""The archive and its storage, asked no harder than they can take: wrappers that wait for their turn.

Nothing else in the engine knows of pace. A turn for a body lasts until the body is through, or was dropped.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from imap_bulk.engine.pace import Pace, Paces, Turn
from imap_bulk.engine.signer import Signer
from imap_bulk.model import Proof, SignedUrl, Transfer
from imap_bulk.transport import BeginSurge, Body, Flood, Piece, Response, Surge, Transport, hearing

if TYPE_CHECKING:
    from imap_bulk.engine.pace.floor import Floor

ARCHIVE = "archive"
"""What the archive's host is called among the paces; the engine does not know its name."""

_SLICE_BYTES = 64 << 10


class PacedSigner:
    """Asks the archive when it is its turn."""

    def __init__(self, signer: Signer, paces: Paces) -> None:
        self._signer = signer
        self._pace = paces.of(ARCHIVE)
        self._trips = 2
        """Round trips that an answer takes: before the first one there is no connection."""

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """See `Signer.sign_download`."""
        return await self._in_turn(self._signer.sign_download, transfer)

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """See `Signer.sign_upload`."""
        return await self._in_turn(self._signer.sign_upload, transfer)

    async def _in_turn(
        self, sign: Callable[[Transfer], Coroutine[Any, Any, SignedUrl]], transfer: Transfer
    ) -> SignedUrl:
        # Not `pace.turn()`: the machinery of an async with block costs a small file a hundredth of its time.
        hearing.set(self._pace.reach)
        turn = await self._pace.begin()
        trips, asked_at = self._trips, time.monotonic()
        try:
            signed = await sign(transfer)
        except BaseException as error:
            self._pace.end(turn, error)
            raise
        self._trips = 1
        self._pace.end(turn, None)
        self._pace.reach((time.monotonic() - asked_at) / trips)
        return signed

    @property
    def content_proves(self) -> bool:
        """See `Signer.content_proves`."""
        return self._signer.content_proves

    def accept(self, transfer: Transfer, part: Path) -> Proof | None:
        """See `Signer.accept`."""
        return self._signer.accept(transfer, part)


class PacedTransport:
    """Asks storage when it is its turn, moves bytes no faster than is wished, and gives up who brings too few."""

    def __init__(self, transport: Transport, paces: Paces) -> None:
        self._transport = transport
        self._paces = paces

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._transport.__aexit__(*exc_info)

    async def get(self, signed: SignedUrl, headers: Mapping[str, str]) -> Response:
        """See `Transport.get`."""
        pace = self._paces.of(signed.host)
        hearing.set(pace.reach)
        turn = await pace.begin()
        try:
            response = await self._transport.get(signed, headers)
        except BaseException as error:
            pace.end(turn, error)
            raise
        pace.reach(response.latency)
        return _PacedResponse(response, self._paces, pace, turn, signed)

    async def put(self, signed: SignedUrl, body: Body, size: int) -> Response:
        """See `Transport.put`."""
        pace = self._paces.of(signed.host)
        hearing.set(pace.reach)
        turn = await pace.begin()
        try:
            response = await self._transport.put(signed, _PacedBody(body, self._paces, turn).slices, size)
        except BaseException as error:
            pace.end(turn, error)
            raise
        return _PacedResponse(response, self._paces, pace, turn, signed)


class _PacedBody:
    """A body on its way up: counted, and within the rate."""

    def __init__(self, body: Body, paces: Paces, turn: Turn) -> None:
        self._body = body
        self._paces = paces
        self._turn = turn
        self._surge: Surge | None = None

    async def slices(self, begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        """Cut the body into slices. See `Body`."""

        def begin_counted() -> Surge | None:
            self._count_surge()
            self._surge = None if self._paces.are_limited else begin_surge()
            return self._surge

        async with aclosing(self._body(begin_counted)) as chunks:
            async for chunk in chunks:
                self._count_surge()
                for start in range(0, len(chunk), _SLICE_BYTES):
                    piece = chunk[start : start + _SLICE_BYTES]
                    await self._paces.spend(len(piece))
                    yield piece
                    self._turn.count(len(piece))
        self._count_surge()

    def _count_surge(self) -> None:
        surge, self._surge = self._surge, None
        if surge:
            self._turn.count(surge.taken)


class _PacedResponse:
    """A body on its way down: counted, within the rate, and given up when too little of it comes."""

    def __init__(self, response: Response, paces: Paces, pace: Pace, turn: Turn, signed: SignedUrl) -> None:
        self._response = response
        self._paces = paces
        self._pace = pace
        self._turn: Turn | None = turn
        self._signed = signed
        self._floor: Floor | None = None
        self._flood: Flood | None = None
        self._has_begun = False
        self.status = response.status
        self.latency = response.latency
        self.headers = response.headers

    async def piece(self) -> Piece:
        self._count_flood()
        if not self._has_begun:  # many bodies have but one piece, and the lane bounds the silence before it
            self._has_begun = True
            piece = await self._response.piece()
        else:
            piece = await self._next()
        self._count(len(piece))
        if self._floor:
            self._floor.pause()  # until more is asked for, the time is ours
        if piece:
            await self._paces.spend(len(piece))
        return piece

    async def _next(self) -> Piece:
        """Wait for a piece, but no longer than until too little will have come."""
        floor = self._floor = self._floor or self._paces.floor(self._signed)
        floor.resume()
        floor.check()
        patience = floor.patience()
        if patience is None:
            return await self._response.piece()
        try:
            async with asyncio.timeout(patience):
                return await self._response.piece()
        except TimeoutError:
            raise floor.failure() from None

    def at_hand(self) -> Piece | None:
        body = None if self._paces.are_limited else self._response.at_hand()
        if body is not None:
            self._count(len(body))
        return body

    def flood(self) -> Flood | None:
        self._has_begun = True
        self._flood = None if self._paces.are_limited else self._response.flood()
        return self._flood

    def _count_flood(self) -> None:
        flood, self._flood = self._flood, None
        if flood:
            self._count(flood.taken)

    def _count(self, n_bytes: int) -> None:
        if self._turn and self.status < 400:  # a refusal's document is no sign of life
            self._turn.count(n_bytes)
        if self._floor:
            self._floor.count(n_bytes)

    def close(self) -> None:
        self._end(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        error = exc_info[1]
        self._end(error if isinstance(error, BaseException) else None)

    def _end(self, error: BaseException | None) -> None:
        self._count_flood()
        self._response.close()
        turn, self._turn = self._turn, None
        if turn:
            self._pace.end(turn, error)
