"""How many requests one host gets at once: more as long as more brings more, fewer as soon as fewer do.

Success says nothing (on a capped link every request succeeds, and clients that count successes climb to their
ceiling and get slower: huggingface.js PR 2352, xet-core #930), so windows of goodput are compared instead.
"""

import math
from collections import deque
from typing import NamedTuple

from imap_bulk.engine.pace.goodput import Goodput, RecentTurns, Window
from imap_bulk.settings import Settings

_LEAST_WINDOW = 1.0
_SOON = 0.25
_MANY_ROUNDS = 2
_MANY_BYTES = 4 << 20
"""In the slow start a window may be this short if so many turns or bytes for each slot went by: a thousand small
files at 80 ms are over in two seconds, a large one in four, and levels that double show soon what they bring."""

_GENTLE_RATE = 800.0
_MOST_AT_FIRST = 16
"""What a host feels is requests a second: four in flight are thousands of them next door, and 50 at 80 ms. So a
far one may get 800 a second from its first connections on, but no more than 16 times the usual start in flight: an
answer may also be late because the host is busy."""

_GAIN_AT_FIRST = 1.25
_GAIN = 1.05
_NO_LOSS = 0.97
_FULL = 0.75
"""Below three quarters of the limit in flight, something else limits, and the window proves nothing."""

_REST_WINDOWS = 10
_MOST_REST_WINDOWS = 80
_FORGIVEN_SECONDS = 300.0
"""S3 says 503 now and then for no lasting reason: one halving is made up for at once, goodput allowing. A second
one within this time is a limit of the host, and each asks for four times the patience."""

_LEAST_LEVEL = 2
"""Fewer are only chosen down to two: one stuck connection must not be the whole run."""

_HISTORY = 500


class Change(NamedTuple):
    """When the limit changed (seconds since the start), to what, and why."""

    seconds: float
    limit: int
    why: str


class Climb:
    """The limit of one host, sought by trial: a level is kept if its window is worth it."""

    def __init__(self, settings: Settings, now: float) -> None:
        self._ceiling = max(1, settings.jobs)
        self._least = self.limit = max(1, min(settings.jobs_start, self._ceiling))
        self.running = 0
        self.start = now
        self.history = deque([Change(0.0, self.limit, "started")], maxlen=_HISTORY)
        self._window = Window(now)
        self._turns = RecentTurns()
        self._recent: deque[Goodput] = deque(maxlen=5)  # at the level that trials are held against
        self._is_slow_start = True
        self._heading = 0  # +1: trying more; -1: trying fewer; 0: resting
        self._came_from = self.limit
        self._next_heading = 1
        self._rested = 0
        self._rest_windows = _REST_WINDOWS
        self._halved_at = -math.inf
        self._rest_after_halving = 1
        self._before: tuple[int, bool] | None = None  # limit and slow start before the first halving of a bad time
        self._aim = 0

    def reach(self, now: float, latency: float) -> bool:
        """Begin with more where answers are on their way for so many seconds; tell whether that is so."""
        if self.limit != self._least or self._heading or not self._doubles:
            return False
        enough = min(int(_GENTLE_RATE * latency), _MOST_AT_FIRST * self._least, self._ceiling)
        if enough <= self.limit:
            return False
        self._move(now, enough, "answers have a long way")
        return True

    def narrow(self, now: float, ceiling: int, why: str) -> None:
        """Allow no more than so many from now on; a wider ceiling is climbed to."""
        self._ceiling = max(1, ceiling)
        if self.limit > self._ceiling:
            self._came_from = min(self._came_from, self._ceiling)
            self._move(now, self._ceiling, why)

    def begin(self, now: float) -> None:
        """Note that a turn begins."""
        self._window.lapse(now, self.running)
        self.running += 1

    def count(self, now: float, began: float, n_bytes: int) -> None:
        """Note bytes of a body. In the slow start a large one does not have to end before it tells something."""
        window = self._window
        window.count(n_bytes)
        if not self._doubles or self._aim > self.limit:
            return
        if window.is_open:
            window.lapse(now, self.running)
            self._close_window(now)
        elif began >= window.since:
            self._window = Window(now, is_open=True)

    def end(self, now: float, began: float, n_bytes: int, completed: bool) -> None:
        """Note that a turn ends; only completed ones tell what the level is worth."""
        window = self._window
        window.lapse(now, self.running)
        self.running -= 1
        if not completed:
            return
        self._turns.add(n_bytes, now - began)
        if self._aim > self.limit:
            self._climb_back(now)
        elif window.is_open:
            window.end_turn(now - began)
            self._close_window(now)
        elif began >= window.since:
            self._window = Window(now, is_open=True)

    def disturb(self, now: float) -> None:
        """Begin the window anew: what the host did to us says nothing about the level."""
        self._window = Window(now)

    def halve(self, now: float, began: float, why: str) -> None:
        """Halve, once a round trip: requests begun before the last halving already paid for it."""
        if began < self._halved_at:
            return
        self._before = self._before or (self.limit, self._is_slow_start)
        self._is_slow_start = now - self._halved_at > _FORGIVEN_SECONDS
        self._rest_after_halving = 1 if self._is_slow_start else 4 * self._rest_after_halving
        self._halved_at = now
        self._aim = 0
        self._next_heading = 1
        self._recent.clear()
        self._settle(now, self.limit // 2, why, self._rest_after_halving)

    def restore(self) -> None:
        """Go back to before the halvings, one step a completed turn: it was not us, it was an outage."""
        if self._before:
            limit, self._is_slow_start = self._before
            self._aim = limit if limit > self.limit else 0
            self._halved_at = -math.inf
            self._rest_windows = _REST_WINDOWS
        self._before = None

    def accept(self) -> None:
        """Take the halvings as deserved."""
        self._before = None

    def _climb_back(self, now: float) -> None:
        self._move(now, self.limit + 1, "climbing back after the outage")
        if self.limit >= self._aim:
            self._aim = 0

    def _close_window(self, now: float) -> None:
        window = self._window
        elapsed = now - window.since
        if not self._is_clear(elapsed) and (
            elapsed < _LEAST_WINDOW or window.turns < self.limit or elapsed < 2 * self._turns.median_seconds()
        ):
            return
        self._window = Window(now)
        if window.in_flight >= _FULL * self.limit:
            self._judge(now, window.goodput())

    @property
    def _doubles(self) -> bool:
        """Whether this is the first slow start, before any refusal: each level is twice the one before."""
        return self._is_slow_start and self._halved_at == -math.inf

    def _is_clear(self, elapsed: float) -> bool:
        """Tell whether a short window of the slow start has seen enough."""
        window = self._window
        if not self._doubles or elapsed < _SOON:
            return False
        return window.turns >= _MANY_ROUNDS * self.limit or window.bytes >= _MANY_BYTES * self.limit

    def _judge(self, now: float, goodput: Goodput) -> None:
        if self._heading > 0:
            self._judge_more(now, goodput)
        elif self._heading < 0:
            self._judge_fewer(now, goodput)
        else:
            self._rest(now, goodput)

    def _growth(self, goodput: Goodput) -> float:
        """Hold a window against the best recent one at the level before, at today's price of a turn."""
        price = self._turns.price()
        return goodput.score(price) / max(1e-9, *(recent.score(price) for recent in self._recent))

    def _rest(self, now: float, goodput: Goodput) -> None:
        self._recent.append(goodput)
        self._rested += 1
        if self._is_slow_start:
            self._try(now, 1, "trying more")
        elif self._rested >= self._rest_windows:
            heading, self._next_heading = self._next_heading, -self._next_heading
            self._try(now, heading, "trying more" if heading > 0 else "trying fewer")

    def _judge_more(self, now: float, goodput: Goodput) -> None:
        growth = self._growth(goodput)
        if growth >= (_GAIN_AT_FIRST if self._doubles else _GAIN):
            self._recent.clear()
            self._recent.append(goodput)
            self._rest_windows = _REST_WINDOWS
            self._try(now, 1, f"goodput grew {growth - 1:.0%}")
            return
        was_slow_start, self._is_slow_start = self._is_slow_start, False
        if was_slow_start:  # its steps are wide and may have passed the point by, its windows are short and noisy
            self._settle(now, self._came_from, "more brought no more", 1)
            self._recent.clear()
            self._next_heading = -1
        else:
            self._settle(now, self._came_from, "more brought no more", 2 * self._rest_windows)

    def _judge_fewer(self, now: float, goodput: Goodput) -> None:
        if self._growth(goodput) >= _NO_LOSS:
            self._try(now, -1, "fewer brought no less")
        else:
            self._settle(now, self._came_from, "fewer brought less", 2 * self._rest_windows)

    def _try(self, now: float, heading: int, why: str) -> None:
        target = self._next_level(heading)
        if target == self.limit:
            self._is_slow_start = False
            self._settle(now, self.limit, why, self._rest_windows)
            return
        self._heading = heading
        self._came_from = self.limit
        self._move(now, target, why)

    def _next_level(self, heading: int) -> int:
        # From 16 on a single step is too small a share to show a gain of 5 %.
        step = max(1, self.limit // 8)
        if heading < 0:
            return max(min(_LEAST_LEVEL, self.limit), self.limit - step)
        if self._is_slow_start:
            step = self.limit if self._doubles else max(1, self.limit // 2)
        return min(self._ceiling, self.limit + step)

    def _settle(self, now: float, limit: int, why: str, rest_windows: int) -> None:
        self._rest_windows = min(_MOST_REST_WINDOWS, rest_windows)
        self._heading = 0
        self._rested = 0
        self._move(now, limit, why)

    def _move(self, now: float, limit: int, why: str) -> None:
        limit = max(1, min(limit, self._ceiling))
        if limit != self.limit:
            self.history.append(Change(now - self.start, limit, why))
        self.limit = limit
        self._window = Window(now)
