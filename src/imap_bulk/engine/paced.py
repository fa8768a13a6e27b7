"""The archive and its storage, asked no harder than they can take: wrappers that wait for their turn.

Nothing else in the engine knows of pace. A turn for a body lasts until the body is through, or was dropped.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from imap_bulk.engine.pace import Paces, Turn
from imap_bulk.engine.signer import Signer
from imap_bulk.engine.transport import Body, Response, Transport
from imap_bulk.errors import Stalled
from imap_bulk.model import SignedUrl, Transfer, public_url
from imap_bulk.settings import Settings

ARCHIVE = "archive"
"""What the archive's host is called among the paces; the engine does not know its name."""

_SLICE_BYTES = 64 << 10


class PacedSigner:
    """Asks the archive when it is its turn."""

    def __init__(self, signer: Signer, paces: Paces) -> None:
        self._signer = signer
        self._pace = paces.of(ARCHIVE)

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """See `Signer.sign_download`."""
        async with self._pace.turn():
            return await self._signer.sign_download(transfer)

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """See `Signer.sign_upload`."""
        async with self._pace.turn():
            return await self._signer.sign_upload(transfer)

    def accept(self, transfer: Transfer, part: Path) -> None:
        """See `Signer.accept`."""
        self._signer.accept(transfer, part)


class PacedTransport:
    """Asks storage when it is its turn, moves bytes no faster than is wished, and gives up who brings too few."""

    def __init__(self, transport: Transport, paces: Paces, settings: Settings) -> None:
        self._transport = transport
        self._paces = paces
        self._settings = settings

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._transport.__aexit__(*exc_info)

    @asynccontextmanager
    async def get(self, signed: SignedUrl, headers: Mapping[str, str]) -> AsyncIterator[Response]:
        """See `Transport.get`."""
        async with AsyncExitStack() as stack:
            turn = await stack.enter_async_context(self._paces.of(urlsplit(signed.url).netloc).turn())
            response = await stack.enter_async_context(self._transport.get(signed, headers))
            yield _PacedResponse(response, self._paces, turn, stack, public_url(signed.url))

    @asynccontextmanager
    async def put(self, signed: SignedUrl, body: Body, size: int) -> AsyncIterator[Response]:
        """See `Transport.put`."""
        subject = public_url(signed.url)
        async with self._paces.of(urlsplit(signed.url).netloc).turn() as turn:
            try:
                async with asyncio.timeout(None) as deadline:
                    paced = _PacedBody(body, self._paces, turn, deadline, self._settings.idle_timeout)
                    async with self._transport.put(signed, paced.slices, size) as response:
                        deadline.reschedule(None)
                        yield response
            except TimeoutError as error:
                raise Stalled(f"PUT {subject}: storage took nothing for too long") from error


class _PacedBody:
    """A body on its way up, in slices, each of which storage must take before the deadline.

    The HTTP library bounds only the wait for an answer; a peer that stops reading would hold it for ever.
    """

    def __init__(
        self, body: Body, paces: Paces, turn: Turn, deadline: asyncio.Timeout, idle_timeout: float
    ) -> None:
        self._body = body
        self._paces = paces
        self._turn = turn
        self._deadline = deadline
        self._idle_timeout = idle_timeout

    async def slices(self) -> AsyncIterator[bytes]:
        async for chunk in self._body():
            for start in range(0, len(chunk), _SLICE_BYTES):
                piece = chunk[start : start + _SLICE_BYTES]
                await self._paces.spend(len(piece))
                self._deadline.reschedule(asyncio.get_running_loop().time() + self._idle_timeout)
                yield piece
                self._turn.count(len(piece))
        self._deadline.reschedule(None)  # from here on, the wait for the answer is bounded elsewhere


class _PacedResponse:
    """A body on its way down: counted, within the rate, and given up when too little of it comes."""

    def __init__(self, response: Response, paces: Paces, turn: Turn, stack: AsyncExitStack, subject: str) -> None:
        self._response = response
        self._paces = paces
        self._turn = turn
        self._stack = stack
        self._subject = subject

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        floor = self._paces.floor(self._subject)
        async for piece in self._response.pieces():
            self._turn.count(len(piece))
            floor.count(len(piece))
            floor.check()
            with floor.excused():  # from here until we are asked for more, the time is ours
                await self._paces.spend(len(piece))
                yield piece

    async def read(self, limit: int) -> bytes:
        return await self._response.read(limit)

    async def close(self) -> None:
        await self._stack.aclose()
