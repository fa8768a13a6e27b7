"""How hard each host is pressed, and when it is left alone.

    async with pace.turn() as turn:        a slot, the Retry-After gate, the breaker, the requests a second
        async for piece in body:
            turn.count(len(piece))         feeds the search for the best concurrency
            floor.pause()                      until resume(): waiting for our own limit is not the peer's fault
            await paces.spend(len(piece))

The error that leaves the block is the report; waiting for a turn costs neither a request nor an attempt.
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from imap_bulk.engine.pace.breaker import HOST_FAULTS, Breaker
from imap_bulk.engine.pace.buckets import Bucket, Clock, Sleep
from imap_bulk.engine.pace.climb import Change, Climb
from imap_bulk.errors import BulkError, Busy, TransientError
from imap_bulk.settings import Settings

Uniform = Callable[[float, float], float]

Check = Callable[[str], Awaitable[bool]]
"""Asks a host for what it has given before; False if nothing is known to ask for. Raises BulkError."""


async def nothing_known(_: str) -> bool:
    """Check no host."""
    return False


class Turn:
    """Leave for one request to one host."""

    __slots__ = ("_pace", "began", "bytes", "is_probe")

    def __init__(self, pace: "Pace", began: float, is_probe: bool) -> None:
        self._pace = pace
        self.began = began
        self.is_probe = is_probe
        self.bytes = 0

    def count(self, n_bytes: int) -> None:
        """Report bytes of the body as they move; the first ones of a probe let the others go on."""
        self.bytes += n_bytes
        self._pace.count(self.began, n_bytes)
        if self.is_probe:
            self.is_probe = False  # a probe may be a body of an hour
            self._pace.hear()


class Pace:
    """How hard one host is pressed."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        uniform: Uniform = random.uniform,
        *,
        host: str = "the host",
        requests: Bucket | None = None,
        check: Check = nothing_known,
    ) -> None:
        self._host = host
        self._check = check
        self._clock = clock
        self._sleep = sleep
        self._requests = requests
        self._breaker = Breaker(host, settings, uniform)
        self._climb = Climb(settings, clock())
        self._line = asyncio.Lock()  # FIFO: only its head looks at slots, gate and breaker
        self._changed = asyncio.Event()
        self.durations: Counter[int] = Counter()
        """Requests by how many binary digits their milliseconds have."""

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return self._climb.limit

    @property
    def running(self) -> int:
        """Requests in flight."""
        return self._climb.running

    @property
    def is_down(self) -> bool:
        """Whether the host is taken for down: a failed attempt is then the host's, not the file's."""
        return self._breaker.is_down

    @property
    def is_lost(self) -> bool:
        """Whether the host has been down for longer than `outage_max`: more attempts are in vain."""
        return self._breaker.is_lost(self._clock())

    @property
    def history(self) -> tuple[Change, ...]:
        """How the limit changed, oldest first; the last 500 changes."""
        return tuple(self._climb.history)

    def changes(self) -> tuple[tuple[float, int, str], ...]:
        """How the limit changed, by the clock of this pace."""
        start = self._climb.start
        return tuple((start + change.seconds, change.limit, change.why) for change in self.history)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait for leave to send one request, and learn from how the block ends. Raises as `begin`."""
        turn = await self.begin()
        error: BaseException | None = None
        try:
            yield turn
        except BaseException as caught:
            error = caught
            raise
        finally:
            self.end(turn, error)

    def count(self, began: float, n_bytes: int) -> None:
        """Report bytes that moved in a turn that began at some time."""
        self._climb.count(self._clock(), began, n_bytes)

    def reach(self, latency: float) -> None:
        """Report how many seconds an answer was on its way, or a connection took to open."""
        if self._climb.reach(self._clock(), latency):
            self._changed.set()

    def narrow(self, jobs: int) -> None:
        """Have no more than `jobs` requests in flight from now on."""
        self._climb.narrow(self._clock(), jobs, "shared with other processes")
        self._changed.set()

    def hear_of(self, error: Busy) -> None:
        """Take what the host has told another process as told to this one too: it waits, and asks less."""
        now = self._clock()
        self._fail(now, Turn(self, now, is_probe=False), error)

    def hear(self) -> None:
        """Take the first bytes of a probe as a sign of life."""
        self._recover()
        self._breaker.close()
        self._changed.set()

    async def begin(self) -> Turn:
        """Wait for leave to send one request; whoever gets it tells `end` what became of it.

        Raises the host's last error (transient) when it has been down for longer than `outage_max`.
        """
        if self._requests or self._line.locked() or self._patience() > 0 or self._breaker.is_in_doubt:
            await self._stand_in_line()
        return self._take_turn()

    def _take_turn(self) -> Turn:
        now = self._clock()
        self._climb.begin(now)
        return Turn(self, now, self._breaker.begin())

    async def _stand_in_line(self) -> None:
        paid, is_checkable = self._requests is None, True
        async with self._line:
            while True:
                if (seconds := self._patience()) > 0:
                    await self._doze(seconds)
                elif self._requests and not paid:
                    await self._requests.take(1)
                    paid = True
                elif is_checkable and self._breaker.is_in_doubt:
                    is_checkable = await self._is_checked()
                    paid = self._requests is None or not is_checkable
                else:
                    return

    async def _is_checked(self) -> bool:
        """Ask a host that may be down for what it has given before; tell whether anything was known to ask for."""
        turn = self._take_turn()
        ended: BaseException = asyncio.CancelledError()  # neither good nor bad: the breaker judges checks itself
        try:
            is_checked = await self._check(self._host)
        except BulkError as error:
            is_checked, ended = True, error if isinstance(error, HOST_FAULTS) else ended
        finally:
            self.end(turn, ended)
        if is_checked:
            self._breaker.checked(is_good=not isinstance(ended, HOST_FAULTS))
        return is_checked

    def _patience(self) -> float:
        seconds = self._breaker.wait(self._clock())
        return math.inf if self._climb.running >= self._climb.limit else seconds

    async def _doze(self, seconds: float) -> None:
        """Wait until a turn ends, at most `seconds`."""
        self._changed.clear()
        if math.isinf(seconds):
            await self._changed.wait()
            return
        waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._changed.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def end(self, turn: Turn, error: BaseException | None) -> None:
        """Learn from how a request has ended, and let the next one go."""
        now = self._clock()
        self._climb.end(now, turn.began, turn.bytes, completed=error is None)
        self.durations[int((now - turn.began) * 1000).bit_length()] += 1
        if turn.is_probe:
            self._breaker.free_probe()
        if isinstance(error, HOST_FAULTS):
            self._fail(now, turn, error)
        elif error is None or isinstance(error, BulkError):
            self._succeed(turn)
        self._changed.set()

    def _fail(self, now: float, turn: Turn, error: TransientError) -> None:
        self._breaker.failed(now, turn.began, error, turn.is_probe)
        if self._breaker.is_open:
            self._climb.disturb(now)
        if isinstance(error, Busy) and not turn.is_probe:  # a lone probe was not one too many
            self._climb.halve(now, turn.began, "the host was busy (429, 503)")

    def _succeed(self, turn: Turn) -> None:
        if self._breaker.answered(turn.began):
            self._recover()

    def _recover(self) -> None:
        # A host that refused even a lone probe did not suffer from our concurrency.
        if self._breaker.take_refusals():
            self._climb.restore()
        else:
            self._climb.accept()
