"""A helper process, as its parent sees it."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Self

from imap_bulk.processes.wire import messages, packed

_COMMAND = (sys.executable, "-P", "-m", "imap_bulk.processes.helper")
"""Without -P, modules would first be looked for where the user stands: among data."""

_PATIENCE_SECONDS = 1.0


class Child:
    """A helper process. Hears nothing of Ctrl-C in the terminal: its parent does, and tells it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin
        assert process.stdout
        self._process = process
        self._input = process.stdin
        self._output = process.stdout

    @classmethod
    async def start(cls, kit: bytes) -> Self:
        """Start one and give it its kit, a frame. Raises OSError."""
        with _interrupts_held_back():
            pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
            process = await asyncio.create_subprocess_exec(*_COMMAND, stdin=pipe, stdout=pipe, stderr=nowhere)
        child = cls(process)
        child._input.write(kit)
        return child

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    def say(self, message: object) -> None:
        """Send a message; one to a process that is gone is lost."""
        with suppress(OSError):
            self._input.write(packed(message))

    def messages(self) -> AsyncIterator[Any]:
        """Yield what it says, until it ends."""
        return messages(self._output)

    def dismiss(self) -> None:
        """Let it put away what it is at, and end."""
        self._input.close()

    async def end(self) -> None:
        """Have it end, and wait until it is gone. One that does not hear of it is killed after a second.

        Not at once: asyncio warns on standard error of a process that had ended by itself before it is killed.
        """
        self._input.close()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Have a process that is started meanwhile not hear SIGINT; one that comes here waits until afterwards.

    It inherits what is held back. A handler of its own would come too late, a group of its own miss Ctrl-Z.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
