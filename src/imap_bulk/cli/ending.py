"""How a command ends: its exit code, and what an interrupt does."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import FrameType
from typing import Any, TypeVar

from imap_bulk.model import Result

T = TypeVar("T")

INTERRUPTED = "Interrupted. What is done stays done: the same command goes on from here."

_PATIENCE = 1.2
"""Seconds that an interrupted command may take to put things away."""


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0  # everything wanted is there
    FAILED = 1  # some files failed for good
    USAGE = 2  # usage, query, manifest or names; nothing was moved
    BUG = 70
    MACHINE = 74  # this machine could not go on: disk full, permission
    AGAIN = 75  # only passing failures remain
    INTERRUPTED = 130


def code_of(result: Result) -> ExitCode:
    """Judge a run that came to its end."""
    if result.complete:
        return ExitCode.DONE
    if result.passing == result.failed > 0:
        return ExitCode.AGAIN
    return ExitCode.FAILED


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` on an event loop. SIGINT and SIGTERM cancel it, and it ends in KeyboardInterrupt."""

    async def interruptible() -> T:
        task = asyncio.current_task()
        assert task
        with _stopping(asyncio.get_running_loop(), task):
            return await work

    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def _stopping(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        deadline = threading.Timer(_PATIENCE, _leave)
        deadline.daemon = True
        deadline.start()
        loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave() -> None:
    """End the process now: a thread that hashes a large file cannot be stopped, nor a disk that hangs.

    Nothing is lost by it: a final name exists only for verified bytes, and part files are swept later.
    """
    sys.stderr.write(f"\n{INTERRUPTED}\n")
    sys.stderr.flush()
    os._exit(ExitCode.INTERRUPTED)
