"""Work in a thread that is never abandoned: it uses a file that its caller closes next.

A thread that went on after its caller had been cancelled would write to a closed file descriptor, or to
whatever file has got that number since.
"""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work` in a thread and wait until it is through, even when cancelled."""
    return await _outwait(asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs)))


async def _outwait(running: asyncio.Future[T]) -> T:
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # seen, so that nobody complains: the cancellation is what counts
        raise


class Behind:
    """Does one piece of work at a time in a thread, while its caller goes on to prepare the next."""

    def __init__(self) -> None:
        self._running: asyncio.Future[None] | None = None

    async def start(self, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Start on `work` as soon as the piece before is through. Raises what that one raised."""
        await self.settle()
        self._running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))

    async def settle(self) -> None:
        """Wait until nothing runs. Raises what the last piece raised."""
        running, self._running = self._running, None
        if running:
            await _outwait(running)
