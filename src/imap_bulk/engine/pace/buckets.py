"""What all streams of a run share: an allowance per second, and a budget of memory.

Both are FIFO-fair because `asyncio.Lock` is, and both take only after the last await: whoever is cancelled
while waiting has taken nothing.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_DEPTH_SECONDS = 0.25
"""A full bucket is spent on top of the rate: a second's worth would be +10 % over ten seconds, this is +2.5 %.
It also is how late a timer may fire before allowance is lost."""


class Bucket:
    """An allowance of `rate` a second that saves up a quarter of a second, or `least` if that is more."""

    def __init__(
        self, rate: float, least: float = 0.0, *, clock: Clock = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._rate = rate
        self._depth = max(least, rate * _DEPTH_SECONDS)
        self._clock = clock
        self._sleep = sleep
        self._line = asyncio.Lock()
        self._spent_until = -math.inf

    async def take(self, amount: float) -> None:
        """Wait until `amount` is allowed; more than the bucket holds is taken in pieces, others in between."""
        while amount > 0:
            piece = min(amount, self._depth)
            amount -= piece
            async with self._line:
                await self._take(piece)

    async def _take(self, piece: float) -> None:
        # Kept as a time, not as a level: one subtraction and one sleep, no rounding that never reaches zero.
        now = self._clock()
        due = max(self._spent_until, now - self._depth / self._rate) + piece / self._rate
        if due > now:
            await self._sleep(due - now)
        self._spent_until = due


class Budget:
    """So many bytes of memory, lent in the order of asking."""

    def __init__(self, n_bytes: int) -> None:
        self._whole = self._free = n_bytes
        self._line = asyncio.Lock()
        self._returned = asyncio.Event()

    @property
    def free(self) -> int:
        """Bytes that nobody holds."""
        return self._free

    @asynccontextmanager
    async def hold(self, n_bytes: int) -> AsyncIterator[None]:
        """Hold `n_bytes` as long as the block lasts; who asks for more than there is gets the whole."""
        borrowed = await self.borrow(n_bytes)
        try:
            yield
        finally:
            self.give_back(borrowed)

    async def borrow(self, n_bytes: int) -> int:
        """Wait for `n_bytes`, or for the whole if that is less; returns what is to be given back."""
        wanted = min(n_bytes, self._whole)
        if self._line.locked() or self._free < wanted:
            async with self._line:
                while self._free < wanted:
                    self._returned.clear()
                    await self._returned.wait()
        self._free -= wanted
        return wanted

    def give_back(self, borrowed: int) -> None:
        """Return what was borrowed."""
        self._free += borrowed
        self._returned.set()

    @contextmanager
    def hold_free(self, n_bytes: int, most: int) -> Iterator[int]:
        """Hold up to `most` times `n_bytes`, as often as they are free now; yields how often. Never waits.

        For those who hold memory already: two that wait for each other's would wait for ever.
        """
        times = min(most, self._free // n_bytes)
        self._free -= times * n_bytes
        try:
            yield times
        finally:
            self._free += times * n_bytes
            self._returned.set()
