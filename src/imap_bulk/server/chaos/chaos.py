"""Faults on demand: a front to both origins that decides, from a seed, which request meets which fault.

A decision depends on the seed, the origin, the method, the path, and how often this path was asked before:
neither on time nor on what happens to other paths. Requests that would be refused anyhow are refused and
count nothing: a fault befalls what ought to have worked. Requests for several parts of one path at once
take their turns as they arrive; and as API and storage count apart, a patient client may need as many as
(streak + 1) squared attempts for a file.
"""

import asyncio
import hashlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imap_bulk.server.chaos.fault import Fault, Kind
from imap_bulk.server.chaos.faults import ALL
from imap_bulk.server.chaos.spec import parse_spec
from imap_bulk.server.wire import Exchange, Origin, Planned, unavailable

FAULTS = {name: fault.line for name, fault in ALL.items()}
"""Every fault, and what a client sees of it, in one line."""

LOG_LENGTH = 100_000

_ROUTES = {"query": Kind.QUERY, "spice-query": Kind.QUERY, "download": Kind.DOWNLOAD, "upload": Kind.UPLOAD}
_PREFIXES = {"api-key", "authorized"}


class Committed(NamedTuple):
    """A fault that befell a request; the path of a signed URL is without its query."""

    origin: str
    method: str
    path: str
    fault: str


class Decision(NamedTuple):
    """A fault, and 64 random bits for it to use."""

    fault: Fault
    draw: int


@dataclass(slots=True)
class _Path:
    asked: int = 0
    in_a_row: int = 0
    given: dict[str, int] = field(default_factory=dict)


class Chaos:
    """Decides and commits; `log` keeps what it has committed, of late. Raises ValueError for a bad SPEC."""

    def __init__(self, spec: str, seed: int, clock: Callable[[], float]) -> None:
        self._spec = parse_spec(spec)
        self._seed = seed
        self._clock = clock
        self._started = clock()
        self._closing = asyncio.Event()
        self._paths: dict[bytes, _Path] = {}
        self._counted = cache(self._spec.counted)
        self._chances = cache(self._spec.chances)
        self.log: deque[Committed] = deque(maxlen=LOG_LENGTH)

    def start(self) -> None:
        """Begin to count the seconds until the outage."""
        self._started = self._clock()
        self._closing.clear()

    def close(self) -> None:
        """End every silence at once."""
        self._closing.set()

    def decide(self, kind: Kind, method: str, path: str) -> Decision | None:
        """Decide on the next request for a path, and count it."""
        identity = f"{self._seed} {kind.origin} {method} {path}"
        # A digest stands for the path: a soak asks for millions, and their names would fill the memory.
        entry = self._paths.setdefault(_digest(identity)[:8], _Path())
        chance, draw = _random(f"{identity} {entry.asked}")
        entry.asked += 1
        fault = self._next_counted(kind, entry)
        if fault is None and (self._spec.streak == 0 or entry.in_a_row < self._spec.streak):
            fault = self._pick(kind, chance)
        entry.in_a_row = entry.in_a_row + 1 if fault else 0
        return Decision(fault, draw) if fault else None

    def _next_counted(self, kind: Kind, entry: _Path) -> Fault | None:
        for fault, count in self._counted(kind):
            given = entry.given.get(fault.name, 0)
            if given < count:
                entry.given[fault.name] = given + 1
                return fault
        return None

    def _pick(self, kind: Kind, chance: float) -> Fault | None:
        faults = self._chances(kind)
        bounds = itertools.accumulate(probability for _, probability in faults)
        return next((fault for (fault, _), bound in zip(faults, bounds, strict=True) if chance < bound), None)

    def is_out(self, request: web.BaseRequest, origin: Origin) -> bool:
        """Tell whether the outage lasts; such requests are logged, and count nothing else."""
        if self._spec.outage is None:
            return False
        start, length = self._spec.outage
        if not start <= self._clock() - self._started < start + length:
            return False
        self.log.append(Committed(origin, request.method, _path(request, origin), "outage"))
        return True

    async def download(self, request: web.BaseRequest, planned: Planned) -> web.StreamResponse | None:
        """Commit a fault instead of this answer of storage, if one is due."""
        if request.method != "GET":
            return None
        kind = Kind.PART if planned.status == 206 else Kind.WHOLE
        return await self._answer(request, kind if planned.part else Kind.EMPTY, planned=planned)

    async def upload(
        self, request: web.BaseRequest, take: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse | None:
        """Commit a fault instead of this upload to storage, or to its answer, if one is due."""
        return await self._answer(request, Kind.PUT, take=take)

    async def _answer(
        self,
        request: web.BaseRequest,
        kind: Kind,
        planned: Planned | None = None,
        take: Callable[[], Awaitable[web.Response]] | None = None,
    ) -> web.StreamResponse | None:
        path = _path(request, kind.origin)
        decision = self.decide(kind, request.method, path)
        if decision is None:
            return None
        self.log.append(Committed(kind.origin, request.method, path, decision.fault.name))
        exchange = Exchange(request, kind.origin, decision.draw, self._spec.stall, self._closing, planned, take)
        try:
            return await decision.fault.commit(exchange)
        except ConnectionError:
            return exchange.close()  # the client has gone, which ends every fault

    @property
    def middleware(self) -> Middleware:
        """The front of the API, as a middleware of aiohttp."""

        @web.middleware
        async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
            if self.is_out(request, Origin.API):
                return unavailable(Origin.API)
            answer = await handler(request)
            kind = _kind(request)
            if kind is None or not isinstance(answer, web.Response) or answer.status not in (200, 302):
                return answer
            fault = await self._answer(request, kind, planned=Planned.of(answer))
            return answer if fault is None else fault

        return front


def _path(request: web.BaseRequest, origin: Origin) -> str:
    # One route answers all queries, and another query is another thing to ask for; storage's holds secrets.
    return request.raw_path if origin is Origin.API else request.raw_path.partition("?")[0]


def _kind(request: web.Request) -> Kind | None:
    if request.method != "GET":
        return None
    segments = request.path.split("/")[1:]
    return _ROUTES.get(segments[1] if segments[0] in _PREFIXES and segments[1:] else segments[0])


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _random(text: str) -> tuple[float, int]:
    bits = _digest(text)
    return int.from_bytes(bits[:7], "big") / (1 << 56), int.from_bytes(bits[8:], "big")
