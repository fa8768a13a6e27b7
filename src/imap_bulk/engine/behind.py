"""Work in a thread that is never abandoned: it uses a file that its caller closes next.

A thread that went on after its caller had been cancelled would write to a closed file descriptor, or to
whatever file has got that number since.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


async def to_the_end(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work` in a thread and wait until it is through, even when cancelled."""
    return await outwait(_begin(partial(work, *args, **kwargs)))


def _begin(work: Callable[[], T]) -> asyncio.Future[T]:
    # Not `asyncio.to_thread`: what is done here needs neither a task nor a copy of the context for each MiB.
    return asyncio.get_running_loop().run_in_executor(None, work)


async def outwait(running: asyncio.Future[T]) -> T:
    """Wait for what must not be abandoned, even when cancelled."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # seen, so that nobody complains: the cancellation is what counts
        raise
