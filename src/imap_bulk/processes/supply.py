"""Transfers that come from the parent, asked for a little ahead."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Self

from imap_bulk.model import Transfer

_AHEAD_SECONDS = 0.25
"""So much work is asked for at a time: the last deal of a run should not leave one process alone for long."""

_MOST_AT_A_TIME = 1000


class Supply:
    """An iterator over what comes, for many tasks at once; it calls `ask` for more before it is empty."""

    def __init__(self, ask: Callable[[int], None], least: int) -> None:
        """Have `least` transfers at hand if that is possible."""
        self._ask = ask
        self._least = least
        self._here: deque[Transfer] = deque()
        self._has_come = asyncio.Event()
        self._is_asked = self._is_over = False
        self._given = 0
        self._asked_at = 0.0

    def add(self, transfers: Iterable[Transfer]) -> None:
        """Take what has come; nothing means that no more will."""
        before = len(self._here)
        self._here.extend(transfers)
        self._is_over = len(self._here) == before
        self._is_asked = False
        self._has_come.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Transfer:
        while True:
            if len(self._here) < self._least and not self._is_asked and not self._is_over:
                self._ask_for_more()
            if self._here:
                self._given += 1
                return self._here.popleft()
            if self._is_over:
                raise StopAsyncIteration
            self._has_come.clear()
            await self._has_come.wait()

    def _ask_for_more(self) -> None:
        now = time.monotonic()
        rate = self._given / (now - self._asked_at)
        self._given, self._asked_at, self._is_asked = 0, now, True
        self._ask(max(self._least, min(int(rate * _AHEAD_SECONDS), _MOST_AT_A_TIME)))
