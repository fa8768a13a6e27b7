"""The least that one connection must bring, lest a dripping peer holds it for hours (rclone #9841: sixteen)."""

import time
from collections import deque

from imap_bulk.engine.pace.buckets import Clock
from imap_bulk.errors import Stalled
from imap_bulk.settings import Settings

_BINS = 30
"""Pieces are counted in bins of a thirtieth of the window: a fast body has thousands of pieces a second."""

_CALM = 0.9


class Floor:
    """Watches the goodput of one body over a sliding window, the first of which is granted in full."""

    def __init__(self, settings: Settings, subject: object, clock: Clock = time.monotonic) -> None:
        self._window = settings.floor_window
        self._least = settings.floor_bytes_per_second * settings.floor_window
        self._subject = subject
        self._clock = clock
        self._excused_seconds = 0.0
        self._paused_at: float | None = None
        self._began = clock()
        self._bins: deque[tuple[float, int]] = deque()
        self._sum = 0

    def count(self, n_bytes: int) -> None:
        """Note a piece that arrived."""
        now = self._now()
        self._sum += n_bytes
        if self._bins and now - self._bins[-1][0] < self._window / _BINS:
            since, before = self._bins.pop()
            self._bins.append((since, before + n_bytes))
            return
        self._bins.append((now, n_bytes))

    def check(self) -> None:
        """Raise Stalled if the last window brought too little."""
        now = self._now()
        while self._bins and self._bins[0][0] <= now - self._window:
            self._sum -= self._bins.popleft()[1]
        if now - self._began >= self._window and self._sum < self._least:
            raise self.failure()

    def patience(self) -> float | None:
        """Tell how many seconds the next piece may take; None where the limit on silence is as strict.

        A byte now and then is no silence, and comes too late for `check`.
        """
        since, brought = self._began, 0
        for began, n_bytes in reversed(self._bins):  # a healthy body needs but the newest
            brought += n_bytes
            if brought >= self._least:
                since = began
                break
        left = since + self._window - self._now()
        return left if left < _CALM * self._window else None

    def failure(self) -> Stalled:
        """Say what the connection is given up for."""
        return Stalled(
            f"{self._subject}: only {self._sum} bytes came in the last {self._window:g} s; "
            "the connection is given up for a better one"
        )

    def pause(self) -> None:
        """Stop the clock: the wait is ours (our rate limit, our disk), not the peer's."""
        self._paused_at = self._clock()

    def resume(self) -> None:
        """Let the clock run again, if it was stopped."""
        if self._paused_at is not None:
            self._excused_seconds += self._clock() - self._paused_at
            self._paused_at = None

    def _now(self) -> float:
        return self._clock() - self._excused_seconds
