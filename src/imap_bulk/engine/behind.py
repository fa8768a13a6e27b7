"""Work in a thread that goes on behind its caller: one piece at a time, and never abandoned."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


class Behind:
    """Does one piece of work at a time in a thread, while its caller goes on to prepare the next."""

    def __init__(self) -> None:
        self._running: asyncio.Future[None] | None = None

    async def start(self, work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
        """Start on `work` as soon as the piece before is through. Raises what that one raised."""
        await self.settle()
        self._running = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))

    async def settle(self) -> None:
        """Wait until nothing runs, even when cancelled: the work uses a file that is closed next."""
        running, self._running = self._running, None
        if running is None:
            return
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise


async def to_the_end(work: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do `work` in a thread and wait until it is through, even when cancelled."""
    behind = Behind()
    await behind.start(work, *args, **kwargs)
    await behind.settle()
