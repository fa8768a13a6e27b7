"""The verbs as plain functions, for notebooks and scripts; they also work where an event loop already runs."""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, ParamSpec, TypeVar

from imap_bulk import aio

P = ParamSpec("P")
T = TypeVar("T")

_GLANCE = 0.2
"""Seconds between two looks at the work: on Windows, Ctrl-C is not heard by who waits without an end."""


def _blocking(coroutine: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    @functools.wraps(coroutine)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        run = _run_beside if _a_loop_runs() else asyncio.run
        return run(coroutine(*args, **kwargs))

    call.__module__ = __name__  # where pickle looks for it
    return call


def _a_loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _run_beside(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on a loop of its own in a thread: a running loop, such as a notebook's, cannot be entered.

    An interrupt cancels the work and waits for it, so that Ctrl-C in a notebook really stops the transfers.
    """
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1, "imap-bulk") as executor:
        ended = executor.submit(_run_to_the_end, loop, work)
        try:
            while not ended.done():
                wait([ended], timeout=_GLANCE)
            return ended.result()
        except KeyboardInterrupt:
            with contextlib.suppress(RuntimeError):  # the work came to its end just now, and its loop with it
                loop.call_soon_threadsafe(_cancel_all, loop)
            raise


def _run_to_the_end(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task.cancel()


query = _blocking(aio.query)
pull = _blocking(aio.pull)
push = _blocking(aio.push)
verify = _blocking(aio.verify)
