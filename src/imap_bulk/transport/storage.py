"""The way to storage: no credentials, no cookies; a signed URL is all that storage may see.

Redirects (S3 sends an uploader to its region with 307) are followed here, and only where the guard lets them.
What was signed to go along goes along, but credentials stay with the host they are for.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Self
from urllib.parse import urljoin, urlsplit

from imap_bulk.errors import BulkError, Rejected
from imap_bulk.http import storage_error
from imap_bulk.model import SignedUrl
from imap_bulk.settings import Settings
from imap_bulk.transport import failures
from imap_bulk.transport.base import Body, Lane, Request, Response, read
from imap_bulk.transport.guard import Guard, is_public
from imap_bulk.transport.lanes import lane_of
from imap_bulk.transport.names import Resolve, resolve
from imap_bulk.transport.proxies import proxy_for

USER_AGENT = "imap-bulk"

ERROR_DOCUMENT_BYTES = 64 << 10
"""How much of an error document is read."""

_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_CREDENTIALS = {"authorization", "cookie", "x-api-key"}
"""Headers that an archive which sends its files itself may want."""


class StorageTransport:
    """Carries requests to where the archive at `archive_url` may send us."""

    def __init__(self, settings: Settings, archive_url: str, resolve: Resolve = resolve) -> None:
        """Reach storage at the addresses that `resolve` finds."""
        self._settings = settings
        self._archive_url = archive_url
        self._resolve = resolve
        self._lane: Lane | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        lane, self._lane = self._lane, None
        if lane:
            await lane.__aexit__(*exc_info)

    async def get(self, signed: SignedUrl, headers: Mapping[str, str]) -> Response:
        """GET with extra headers. Raises Interrupted, Stalled, Rejected."""
        return await self._send(Request("GET", signed.url, {**headers, **signed.headers}))

    async def put(self, signed: SignedUrl, body: Body, size: int) -> Response:
        """PUT exactly `size` bytes of `body`. Raises Interrupted, Stalled, Rejected."""
        return await self._send(Request("PUT", signed.url, signed.headers, body, size))

    async def _open(self, request: Request) -> Lane:
        """Open the lane, once it is known whether the archive is at a private address. Raises Interrupted."""
        async with self._opening:
            if self._lane is None:
                parts = urlsplit(self._archive_url)
                guard = Guard(await self._is_private(request.doing), wants_https=parts.scheme == "https")
                headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
                self._lane = await lane_of(self._settings, headers, guard, self._resolve).__aenter__()
        return self._lane

    async def _is_private(self, doing: str) -> bool:
        """Tell whether the archive is at a private address; one whose name only a proxy knows is not."""
        parts = urlsplit(self._archive_url)
        host = parts.hostname or ""
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                found = await self._resolve(host)
        except TimeoutError as error:
            raise failures.too_late(doing) from error
        except OSError as error:
            if proxy_for(parts.scheme, host):
                return False
            raise failures.no_name(doing, host, error.errno) from error
        return any(not is_public(address.ip) for address in found)

    async def _send(self, request: Request) -> Response:
        first, lane = request, self._lane or await self._open(request)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await lane.send(request)
            if response.status not in _REDIRECTS:
                return response
            location = response.headers.get("Location", "")
            response.close()
            if not location:
                raise Rejected(f"{request.doing}: storage redirected without saying where")
            url = location if "://" in location else urljoin(request.url, location)
            request = replace(request, url=url, headers=_headers_for(url, request))
        raise Rejected(f"{first.doing}: storage redirected more than {_MOST_REDIRECTS} times")


def _headers_for(url: str, request: Request) -> Mapping[str, str]:
    """Leave credentials out of what goes to another scheme, host or port than they were meant for."""
    if urlsplit(url)[:2] == urlsplit(request.url)[:2]:
        return request.headers
    return {name: value for name, value in request.headers.items() if name.lower() not in _CREDENTIALS}


async def refusal(response: Response, subject: str) -> BulkError:
    """Turn an answer that is not the wanted one into a typed error that repeats storage's words."""
    document = await read(response, ERROR_DOCUMENT_BYTES)
    return storage_error(response.status, response.headers, document, subject)
