"""A storm over an archive: for a time API and storage answer 503 and 429 to all, each time with a Retry-After.

Before and after it, a body takes about a second, and storage bears any number of them at once. Every request
is counted where it arrives, and so is everybody who comes before the Retry-After that was told is over.
"""

import asyncio
import email.utils
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from aiohttp import web

from imap_bulk.server.app import ArchiveServer
from imap_bulk.server.chaos import Decision
from imap_bulk.server.chaos.fault import Fault, Kind
from imap_bulk.server.wire import Exchange, Origin, refusal, unavailable

ASKED = {"seconds": 5.0, "date": 5.0, "zero": 0.0, "negative": 0.0, "huge": 1e9, "nonsense": 0.0, "bare": 0.0}
"""Each form of Retry-After, and the seconds that it asks for."""

_TOLD = {"seconds": "5", "zero": "0", "negative": "-1", "huge": "1000000000", "nonsense": "soon"}

ROUND_TRIP = 0.1
"""Who arrives within this time of a refusal was on the way when it was said."""

_LOST_IN_DATES = 2.0
"""HTTP dates name no fractions: a second at most is lost in Retry-After, and as much in Date."""


@dataclass
class Storm:
    """The weather over a server; its times are the loop's."""

    server: ArchiveServer
    form: str
    begin: float
    length: float
    origins: tuple[Origin, ...] = (Origin.API, Origin.STORAGE)
    cuts: bool = False
    """Whether it also cuts the bodies that it finds on their way."""
    obeyed: float = 300.0
    """The longest Retry-After that the client's policy heeds."""
    seed: int = 0
    requests: Counter[Origin] = field(default_factory=Counter)
    too_early: int = 0
    served: list[float] = field(default_factory=list)
    """When each body was through."""

    def __post_init__(self) -> None:
        assert self.server.chaos, "give at least streak=2 as SPEC"
        vars(self.server.chaos)["decide"] = self._decide
        self._random = random.Random(self.seed)
        self._refusals: dict[Origin, list[float]] = {origin: [] for origin in Origin}
        self._came = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._now = loop.time
        self.begin += self._now()
        loop.call_at(self.begin, self._came.set)

    @property
    def end(self) -> float:
        """When the host is well again."""
        return self.begin + self.length

    @property
    def may_come(self) -> float:
        """When the host is well again, and the last Retry-After over."""
        told = [at for refusals in self._refusals.values() for at in refusals]
        return max([self.end, *(at + self._asked for at in told)])

    def rate(self, since: float, until: float) -> float:
        """Files a second in a stretch of time."""
        return sum(since <= at < until for at in self.served) / (until - since)

    def extra(self, files: int) -> int:
        """Count the requests beyond one a file, at the origin that has seen more of them."""
        return max(self.requests.values()) - files

    @property
    def _asked(self) -> float:
        slack = _LOST_IN_DATES if self.form == "date" else 0.0
        return min(ASKED[self.form], self.obeyed) - slack

    def _decide(self, kind: Kind, method: str, path: str) -> Decision | None:
        now, origin = self._now(), kind.origin
        self.requests[origin] += 1
        self.too_early += any(at + ROUND_TRIP < now < at + self._asked for at in self._refusals[origin])
        if origin in self.origins and self.begin <= now < self.end:
            self._refusals[origin].append(now)
            return Decision(Fault("storm", "503 or 429", kind, self._refuse, False), self._random.getrandbits(64))
        if kind in Kind.BODY:
            seconds = self._random.uniform(0.8, 1.2)
            return Decision(Fault("slow", "a slow body", kind, partial(self._send, seconds), False), 0)
        return None

    async def _refuse(self, x: Exchange) -> web.Response:
        value = _TOLD.get(self.form, "")
        if self.form == "date":
            value = email.utils.formatdate(time.time() + ASKED["date"], usegmt=True)
        headers = {"Retry-After": value} if value else {}
        if x.draw % 2:
            return unavailable(x.origin, **headers)
        return refusal(x.origin, 429, "TooManyRequests", "Too Many Requests", **headers)

    async def _send(self, seconds: float, x: Exchange) -> web.Response:
        await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
        half = x.answer.half()
        await x.body(half)
        if await self._is_cut_within(seconds):
            return x.close()
        await x.body(x.answer.part[len(half) :])
        self.served.append(self._now())
        return x.close()

    async def _is_cut_within(self, seconds: float) -> bool:
        if not self.cuts or self._came.is_set():
            await asyncio.sleep(seconds)
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return False
        return True
