"""Which lane a request takes: the lean one, but for what only the general one can do."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Self
from urllib.parse import urlsplit

from imap_bulk.settings import Settings
from imap_bulk.transport.base import Lane, Request, Response
from imap_bulk.transport.guard import Guard
from imap_bulk.transport.lean import LeanLane
from imap_bulk.transport.names import Resolve, resolve
from imap_bulk.transport.origin import split
from imap_bulk.transport.proxies import proxy_for

_LONGEST_SCHEME = len("https://")


def lane_of(settings: Settings, headers: Mapping[str, str], guard: Guard, resolve: Resolve = resolve) -> Lane:
    """Give the lane that `settings.transport` names: auto, lean or aiohttp."""
    match settings.transport:
        case "lean":
            return LeanLane(settings, headers, guard, resolve)
        case "aiohttp":
            return _general(settings, headers, guard, resolve)
        case _:
            return AutoLane(settings, headers, guard, resolve)


def _general(settings: Settings, headers: Mapping[str, str], guard: Guard, resolve: Resolve) -> Lane:
    from imap_bulk.transport.general import GeneralLane  # aiohttp takes a quarter of a second to import

    return GeneralLane(settings, headers, guard, resolve)


class AutoLane:
    """Sends through the lean lane, and through the general one what goes by a proxy. See `Lane`."""

    def __init__(self, settings: Settings, headers: Mapping[str, str], guard: Guard, resolve: Resolve) -> None:
        """Send `headers` with every request, to addresses that `resolve` finds and `guard` allows."""
        self._settings = settings
        self._headers = headers
        self._guard = guard
        self._resolve = resolve
        self._stack = AsyncExitStack()
        self._lean: Lane = LeanLane(settings, headers, guard, resolve)
        self._general: Lane | None = None
        self._lanes: dict[str, Lane] = {}

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._lean)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def send(self, request: Request) -> Response:
        """See `Lane.send`."""
        # The lane takes the URL apart; whoever only has to choose one need not.
        known = request.url[: request.url.find("/", _LONGEST_SCHEME)]
        lane = self._lanes.get(known) or await self._choose(request.url)
        return await lane.send(request)

    async def _choose(self, url: str) -> Lane:
        base, _ = split(url)
        self._guard.check_url(base)
        parts = urlsplit(base)
        is_direct = proxy_for(parts.scheme, parts.hostname or "") is None
        lane = self._lanes[base] = self._lean if is_direct else await self._open_general()
        return lane

    async def _open_general(self) -> Lane:
        if self._general is None:
            general = _general(self._settings, self._headers, self._guard, self._resolve)
            self._general = await self._stack.enter_async_context(general)
        return self._general
