"""Virtual time for the whole house: real sockets, real threads, the real engine and server, and no waiting.

Time jumps to the next timer only when no thread of ours works and no socket is ready. Bytes sent through the
loopback are there for their reader when the call returns, so nothing is on its way when time jumps.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar, TypeVarTuple, Unpack

import pytest
from tests.engine.virtual_time import clock

from imap_bulk.engine import engine
from imap_bulk.engine.pace import Paces
from imap_bulk.processes import moving

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_LOOKS = 3
"""How often the sockets are looked at before time jumps: a busy kernel may deliver a moment late."""


class _Jumping(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0
        """Threads at work; they end in real time."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.threads:
            return super().select(0.05 if timeout is None else min(timeout, 0.05))
        for _ in range(_LOOKS):
            if ready := super().select(0):
                return ready
        if timeout is None:
            raise RuntimeError("everybody waits and no timer runs: a hang")
        self.now += max(0.0, timeout)
        return []


class HastyLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        running = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        running.add_done_callback(self._one_less)
        return running

    def _one_less(self, _: asyncio.Future[Any]) -> None:
        self._jumping.threads -= 1

    async def shutdown_default_executor(self, *args: Any) -> None:
        self._jumping.threads += 1  # it waits for a thread that it starts itself
        await super().shutdown_default_executor(*args)


def in_no_time(monkeypatch: pytest.MonkeyPatch, story: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `story` in virtual time, by which the engine's paces go too; a hang in it is an error."""
    monkeypatch.setattr(engine, "Paces", partial(Paces, clock=clock))
    monkeypatch.setattr(moving, "spare_cores", lambda: 0)  # a helper would live in time that passes
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        return runner.run(story())
