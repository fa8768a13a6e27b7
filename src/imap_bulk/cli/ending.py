"""How a command ends: its exit code, and what an interrupt does."""

import asyncio
import contextlib
import os
import signal
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


_leaving = threading.Lock()


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
    """Run `work` on an event loop. SIGINT and SIGTERM cancel it; then this raises KeyboardInterrupt."""
    stop = _Stop()

    async def stoppable() -> T:
        stop.task = asyncio.current_task()
        return await work

    try:
        with stop.listening():
            return asyncio.run(stoppable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


class _Stop:
    """What SIGINT and SIGTERM do: the first one cancels and is patient, the second one is not."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self._is_asked = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals, also while the loop is put away: a thread that hashes a large file holds that up."""
        before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_asked:
            _leave()
        self._is_asked = True
        deadline = threading.Timer(_PATIENCE, _leave)
        deadline.daemon = True
        deadline.start()
        if self.task is None:  # the loop is only being made
            raise KeyboardInterrupt
        self.task.get_loop().call_soon_threadsafe(self.task.cancel)


def _leave() -> None:
    """End the process now: a thread that hashes a large file cannot be stopped, nor a disk that hangs.

    Nothing is lost by it: a final name exists only for verified bytes, and part files are swept later.
    The deadline and a second signal may come at the same moment: one of them is enough.
    """
    if not _leaving.acquire(blocking=False):
        return
    with contextlib.suppress(OSError):  # past Python's streams, which a signal may have found in use
        os.write(2, f"\n{INTERRUPTED}\n".encode())
    os._exit(ExitCode.INTERRUPTED)
