"""An event loop whose time jumps to the next timer when everybody waits, and hosts that live in it."""

import asyncio
import random
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from imap_bulk.engine.pace import Turn
from imap_bulk.errors import Busy, Interrupted
from imap_bulk.settings import Settings

T = TypeVar("T")


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: moves the time instead. Waiting without a timer is a hang, and says so."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits and no timer runs: a hang")
        if not ready:
            self.now += max(0.0, timeout or 0.0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def in_virtual_time(story: Coroutine[Any, Any, T]) -> T:
    """Run `story`; a hang in it is an error."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(story)


def clock() -> float:
    """Virtual seconds since the story began."""
    return asyncio.get_running_loop().time()


class Outage:
    """A host that answers 503 between `begin` and `end`, else sends its bodies in about a second each.

    Where it `catches`, bodies on their way break too. It notes who came before a Retry-After was over.
    """

    def __init__(self, begin: float, end: float, asks: float | None, seed: int, catches: bool = False) -> None:
        self.begin, self.end, self.asks, self.catches = begin, end, asks, catches
        self.random = random.Random(seed)
        self.requests = 0
        self.too_early = 0
        self.may_come = 0.0
        """When the last Retry-After, as far as our policy obeys it, is over."""
        self.served: list[float] = []

    async def get(self, turn: Turn) -> None:
        self.requests += 1
        self.too_early += clock() < self.may_come
        if self.begin <= clock() < self.end:
            await asyncio.sleep(0.05)
            self.may_come = max(self.may_come, clock() + min(self.asks or 0.0, Settings().retry_after_max))
            raise Busy("503", self.asks)
        await asyncio.sleep(0.05)
        turn.count(1 << 16)
        await asyncio.sleep(self.random.uniform(0.8, 1.2))
        if self.catches and self.begin <= clock() < self.end:
            raise Interrupted("cut")
        self.served.append(clock())

    def rate(self, since: float, until: float) -> float:
        """Files a second in a stretch of time."""
        return sum(since <= at < until for at in self.served) / (until - since)


class Saturated:
    """A host whose goodput grows up to `best` streams of 1 MiB/s and no further."""

    def __init__(self, best: int, seed: int) -> None:
        self.best = best
        self.active = 0
        self.random = random.Random(seed)

    async def send(self, turn: Turn, n_bytes: int) -> None:
        """Send a body in pieces of 64 KiB, after a first byte that took 20 ms; tiny ones are a round trip."""
        self.active += 1
        try:
            await self._work(20e-3)
            while n_bytes > 0:
                piece = min(n_bytes, 64 << 10)
                await self._work(piece / (1 << 20))
                turn.count(piece)
                n_bytes -= piece
        finally:
            self.active -= 1

    async def _work(self, seconds: float) -> None:
        await asyncio.sleep(seconds * max(1.0, self.active / self.best) * self.random.uniform(0.7, 1.3))
