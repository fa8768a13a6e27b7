"""How a request crosses the wire, as protocols: what is sent, what comes back, and who carries it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from imap_bulk.model import SignedUrl
from imap_bulk.transport.flood import Flood
from imap_bulk.transport.surge import BeginSurge
from imap_bulk.urls import public_url

Body = Callable[[BeginSurge], AsyncGenerator[bytes, None]]
"""Makes a fresh generator of what is to be sent, since a redirect or a dead connection asks for it again.

In between, a surge may take what comes next; what is yielded after that goes behind it.
"""

Piece = bytes | bytearray | memoryview
"""A part of a body; a lane may use its memory again as soon as the next one is asked for."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent. The URL goes out byte for byte: quoting it anew would break its signature."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    size: int = 0
    """Bytes of `body`."""

    @property
    def doing(self) -> str:
        """What this is, for those who read errors; the query string may be a secret."""
        return f"{self.method} {public_url(self.url)}"


class Response(Protocol):
    """An answer: its head, and its body as it arrives. Closed at the end of a `with` block."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; look-up ignores case."""

    @property
    def latency(self) -> float:
        """Seconds from the end of the request to the head of the answer."""

    async def piece(self) -> Piece:
        """Return what comes next of the body, as sent; empty at its end. Raises Interrupted, Stalled."""

    def at_hand(self) -> Piece | None:
        """Return the rest of a body of known length if all of it is here already; None takes nothing."""

    def flood(self) -> Flood | None:
        """Stop receiving, so that a thread may, until the next piece is asked for; None where none can."""

    def close(self) -> None:
        """Let go of the connection: for the next request if the body is through, else for good."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...


class Closing:
    """Makes a `with` block out of `close`."""

    __slots__ = ()

    def close(self) -> None:
        """Let go; a second time this does nothing."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Lane(Protocol):
    """Carries requests."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    async def send(self, request: Request) -> Response:
        """Send, and return as soon as the answer's head is here; whoever gets it closes it.

        Raises Interrupted, Stalled, Rejected, and OSError when this machine is out of file descriptors.
        """


class Transport(Protocol):
    """Carries requests to storage."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    async def get(self, signed: SignedUrl, headers: Mapping[str, str]) -> Response:
        """GET with extra headers. Raises as `Lane.send`."""

    async def put(self, signed: SignedUrl, body: Body, size: int) -> Response:
        """PUT exactly `size` bytes of `body`. Raises as `Lane.send`, and what the body raises."""


async def read(response: Response, limit: int) -> bytes:
    """Read the rest of a body, at most `limit` bytes of it."""
    body = bytearray()
    while len(body) < limit and (piece := await response.piece()):
        body += piece
    return bytes(body[:limit])
