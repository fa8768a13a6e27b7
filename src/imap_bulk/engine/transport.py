"""How a request reaches storage: a protocol of two methods, and aiohttp behind it.

This session carries no credentials and no cookies: a signed URL is all that storage may see. Redirects
(S3 sends an uploader to its region with 307) are followed here, by hand, and only where `guard` lets them.
"""

import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, Self

import aiohttp
import aiohttp.abc
import yarl

from imap_bulk.engine.guard import Guard, is_public
from imap_bulk.errors import BulkError, Rejected
from imap_bulk.http import USER_AGENT, border, client_timeout, proxy_for, proxy_hosts, storage_error
from imap_bulk.model import SignedUrl, public_url
from imap_bulk.settings import Settings

Body = Callable[[], AsyncIterator[bytes]]
"""Makes a fresh iterator over what is to be sent, since a redirect asks for it again."""

ERROR_DOCUMENT_BYTES = 64 << 10
"""How much of an error document is read."""

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_READ_BUFFER_BYTES = 1 << 18


class Response(Protocol):
    """Storage's answer: its head, and its body as it arrives."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; look-up ignores case."""

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body in pieces of any size, as sent. Raises Interrupted, Stalled."""

    async def read(self, limit: int) -> bytes:
        """Read the body, at most `limit` bytes of it: for error documents."""

    async def close(self) -> None:
        """Drop the rest of the body, and with it the connection."""


async def refusal(response: Response, subject: str) -> BulkError:
    """Turn an answer that is not the wanted one into a typed error that repeats storage's words."""
    document = await response.read(ERROR_DOCUMENT_BYTES)
    return storage_error(response.status, response.headers, document, subject)


class Transport(Protocol):
    """Carries requests to storage."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    def get(self, signed: SignedUrl, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
        """GET with extra headers. Raises Interrupted, Stalled, Rejected."""

    def put(self, signed: SignedUrl, body: Body, size: int) -> AbstractAsyncContextManager[Response]:
        """PUT exactly `size` bytes of `body`. Raises Interrupted, Stalled, Rejected."""


class AiohttpTransport:
    """Transport over one aiohttp session."""

    def __init__(
        self, settings: Settings, archive_url: str, resolver: aiohttp.abc.AbstractResolver | None = None
    ) -> None:
        """Carry requests to where the archive at `archive_url` may send us; `resolver` finds addresses."""
        self._settings = settings
        self._archive_url = yarl.URL(archive_url)
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._guard = Guard(trusts_private=False, wants_https=True)

    async def __aenter__(self) -> Self:
        resolver = self._resolver or aiohttp.DefaultResolver()
        self._guard = Guard(
            trusts_private=await _is_private(self._archive_url, resolver),
            wants_https=self._archive_url.scheme == "https",
        )
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            # Storage keeps what it is sent as the object's type; aiohttp would invent one.
            skip_auto_headers=["Content-Type"],
            timeout=client_timeout(self._settings),
            connector=aiohttp.TCPConnector(
                limit=0, ttl_dns_cache=60, resolver=_GuardedResolver(resolver, self._guard)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # ETag and Repr-Digest speak of the bytes as they are stored
            read_bufsize=_READ_BUFFER_BYTES,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    def get(self, signed: SignedUrl, headers: Mapping[str, str]) -> AbstractAsyncContextManager[Response]:
        """See `Transport.get`."""
        return self._send(signed, {**headers, **signed.headers}, None)

    def put(self, signed: SignedUrl, body: Body, size: int) -> AbstractAsyncContextManager[Response]:
        """See `Transport.put`."""
        return self._send(signed, {"Content-Length": str(size), **signed.headers}, body)

    @asynccontextmanager
    async def _send(
        self, signed: SignedUrl, headers: Mapping[str, str], body: Body | None
    ) -> AsyncIterator[Response]:
        assert self._session, "the transport is not open"
        url = yarl.URL(signed.url, encoded=True)  # yarl's own quoting would break the signature
        for _ in range(_MOST_REDIRECTS + 1):
            self._guard.check_url(url)
            doing = f"{signed.method} {public_url(str(url))}"
            with border(doing):
                response = await self._session.request(
                    signed.method,
                    url,
                    headers=headers,
                    data=body() if body else None,
                    allow_redirects=False,
                    proxy=proxy_for(url.scheme, url.host or ""),
                )
            async with response:
                if response.status not in _REDIRECTS:
                    yield _AiohttpResponse(response, doing)
                    return
                url = _next_url(url, response.headers.get("Location", ""), doing)
        raise Rejected(f"{signed!r}: storage redirected more than {_MOST_REDIRECTS} times")


def _next_url(url: yarl.URL, location: str, doing: str) -> yarl.URL:
    if not location:
        raise Rejected(f"{doing}: storage redirected without saying where")
    return url.join(yarl.URL(location, encoded=True))


async def _is_private(url: yarl.URL, resolver: aiohttp.abc.AbstractResolver) -> bool:
    """Tell whether a host is at a private address; one that has none, or only a proxy knows, is not."""
    try:
        found = await resolver.resolve(url.host or "", url.port or 0, socket.AF_UNSPEC)
    except OSError:
        return False
    return any(not is_public(result["host"]) for result in found)


class _GuardedResolver(aiohttp.abc.AbstractResolver):
    """Resolves names, and refuses those that lead where the guard lets nobody go."""

    def __init__(self, resolver: aiohttp.abc.AbstractResolver, guard: Guard) -> None:
        self._resolver = resolver
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if host not in proxy_hosts():  # an institute's proxy is on a private address, and it resolves the rest
            for result in found:
                self._guard.check_address(host, result["host"])
        return found

    async def close(self) -> None:
        await self._resolver.close()


class _AiohttpResponse:
    """One answer of aiohttp, with its errors turned into ours."""

    def __init__(self, response: aiohttp.ClientResponse, doing: str) -> None:
        self._response = response
        self._doing = doing

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        content = self._response.content
        while True:
            with border(self._doing):
                piece = await content.readany()
            if not piece:
                return
            yield piece

    async def read(self, limit: int) -> bytes:
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) >= limit:
                break
        return bytes(body[:limit])

    async def close(self) -> None:
        self._response.close()
