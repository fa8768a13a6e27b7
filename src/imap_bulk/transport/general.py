"""The general lane: aiohttp, for what the lean lane leaves out, which is proxies; and to fall back on."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Self

import aiohttp
import aiohttp.abc
import yarl

from imap_bulk import errors
from imap_bulk.http import by_status
from imap_bulk.settings import Settings
from imap_bulk.transport import failures
from imap_bulk.transport.base import Body, Closing, Piece, Request, Response
from imap_bulk.transport.flood import Flood
from imap_bulk.transport.guard import Guard
from imap_bulk.transport.names import Resolve, guarded, resolve
from imap_bulk.transport.proxies import proxy_for, proxy_hosts
from imap_bulk.transport.surge import no_surge

_READ_BUFFER_BYTES = 1 << 18


class GeneralLane:
    """See `Lane`."""

    def __init__(
        self, settings: Settings, headers: Mapping[str, str], guard: Guard, resolve: Resolve = resolve
    ) -> None:
        """Send `headers` with every request, to addresses that `resolve` finds and `guard` allows."""
        self._settings = settings
        self._headers = headers
        self._guard = guard
        self._resolve = resolve
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            # Storage keeps what it is sent as the object's type; aiohttp would invent one.
            skip_auto_headers=["Content-Type"],
            timeout=_timeout(self._settings),
            connector=aiohttp.TCPConnector(
                limit=0, ttl_dns_cache=60, resolver=_GuardedResolver(self._resolve, self._guard)
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

    async def send(self, request: Request) -> Response:
        """See `Lane.send`."""
        assert self._session, "the lane is not open"
        self._guard.check_url(request.url)
        doing = request.doing
        with border(doing):
            url = yarl.URL(request.url, encoded=True)
            # aiohttp counts interim answers as a sign of life, and does not look whether a body is taken.
            patience, idle_timeout = self._settings.connect_timeout, self._settings.idle_timeout
            async with asyncio.timeout(patience + idle_timeout) as deadline:
                body = _watched(request.body, deadline, idle_timeout) if request.body else None
                asked_at = time.monotonic()
                response = await self._request(url, request, body)
            return _GeneralResponse(response, doing, idle_timeout, time.monotonic() - asked_at)

    async def _request(
        self, url: yarl.URL, request: Request, body: AsyncGenerator[bytes, None] | None
    ) -> aiohttp.ClientResponse:
        assert self._session
        length = {"Content-Length": str(request.size)} if request.body else {}
        return await self._session.request(
            request.method,
            url,
            headers=length | dict(request.headers),
            data=body,
            allow_redirects=False,
            proxy=proxy_for(url.scheme, url.host or ""),
        )


async def _watched(body: Body, deadline: asyncio.Timeout, idle_timeout: float) -> AsyncGenerator[bytes, None]:
    """Yield a body, each part of which must be taken before the deadline, as must the answer come."""
    loop = asyncio.get_running_loop()
    async with aclosing(body(no_surge)) as chunks:
        async for chunk in chunks:
            deadline.reschedule(loop.time() + idle_timeout)
            yield chunk
            deadline.reschedule(None)
    deadline.reschedule(loop.time() + idle_timeout)


def _timeout(settings: Settings) -> aiohttp.ClientTimeout:
    """No limit on the whole, because a large body on a slow link is healthy; a limit on silence instead."""
    return aiohttp.ClientTimeout(
        total=None,
        connect=settings.connect_timeout,  # from the name to TLS; `sock_connect` would let a silent proxy wait on
        sock_read=settings.idle_timeout,
    )


class _GeneralResponse(Closing):
    """One answer of aiohttp, with its errors turned into ours."""

    def __init__(self, response: aiohttp.ClientResponse, doing: str, idle_timeout: float, latency: float) -> None:
        self.latency = latency
        self._response = response
        self._doing = doing
        self._idle_timeout = idle_timeout

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._response.headers

    async def piece(self) -> Piece:
        with border(self._doing):
            try:
                async with asyncio.timeout(self._idle_timeout):
                    return await self._response.content.readany()
            except Exception:
                if left := self._held_back():
                    return left
                raise

    def at_hand(self) -> Piece | None:
        return None

    def flood(self) -> Flood | None:
        return None

    def _held_back(self) -> bytes:
        """Return what came before the connection broke, which aiohttp keeps to itself from then on.

        It comes to hundreds of kilobytes while the piece before is written, and small files would never be gone on
        from. aiohttp has no public way to it.
        """
        return self._response.content._read_nowait(-1)  # noqa: SLF001

    def close(self) -> None:
        self._response.close()


class _GuardedResolver(aiohttp.abc.AbstractResolver):
    """Resolves names as aiohttp wants it, and refuses those that lead where the guard lets nobody go."""

    def __init__(self, resolve: Resolve, guard: Guard) -> None:
        self._resolve = resolve
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        if host in proxy_hosts():  # an institute's proxy is on a private address, and it resolves the rest
            found = await self._resolve(host)
        else:
            found = await guarded(self._resolve, self._guard, host)
        return [
            aiohttp.abc.ResolveResult(
                hostname=host, host=address.ip, port=port, family=address.family, proto=0, flags=0
            )
            for address in found
        ]

    async def close(self) -> None:
        pass


@contextmanager
def border(doing: str) -> Iterator[None]:
    """Turn whatever aiohttp raises inside into one of our errors, said as `doing`: "GET https://host/path"."""
    try:
        yield
    except ssl.SSLError as error:
        raise failures.no_tls(doing, _unwrapped(error)) from error
    except aiohttp.ClientHttpProxyError as error:
        said = f"{doing}: the proxy answered {error.status}"
        raise by_status(error.status, error.headers or {}, said) from error
    except aiohttp.InvalidURL as error:
        raise errors.Rejected(f"{doing}: the address is not a URL") from error
    except aiohttp.ConnectionTimeoutError as error:
        raise failures.too_late(doing) from error
    except TimeoutError as error:
        raise failures.silent(doing) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise _ours(doing, error) from error


def _unwrapped(error: ssl.SSLError) -> ssl.SSLError:
    """Dig out what aiohttp has wrapped."""
    wrapped = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    return wrapped if isinstance(wrapped, ssl.SSLError) else error


def _ours(doing: str, error: Exception) -> Exception:
    number = getattr(error, "errno", None)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        cure = {"cure": failures.PROXY_CURE} if error.host in proxy_hosts() else {}
        return failures.no_name(doing, error.host, error.os_error.errno, **cure)
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return failures.no_connection(doing, f"the proxy {error.host}:{error.port}", number, failures.PROXY_CURE)
    if isinstance(error, aiohttp.ClientConnectorError):
        return failures.no_connection(doing, f"{error.host}:{error.port}", number)
    if failures.is_out_of_files(number):
        return failures.out_of_files(doing, number)
    if isinstance(error, aiohttp.ClientPayloadError):
        return failures.cut(doing)
    return failures.broken(doing, type(error).__name__)
