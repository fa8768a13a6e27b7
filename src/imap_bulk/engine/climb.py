"""How many requests one host gets at once: more as long as more brings more, fewer as soon as fewer do.

Success says nothing (on a capped link every request succeeds, and clients that count successes climb to their
ceiling and get slower: huggingface.js PR 2352, xet-core #930), so windows of goodput are compared instead.

The score of a window is bytes a second + 256 KiB x turns a second. On large files the bytes rule; on tiny files
and signing calls, whose cost is the round trip, the turns; a round trip of 50 ms is about what 256 KiB cost at
5 MB/s, so neither drowns the other where they mix. Turns a second come from Little's law (mean turns in flight /
mean seconds a turn) and not from a count: eight workers in lockstep end eight turns at once, and a window that
closes just before them would be 30 % off.
"""

import statistics
from collections import deque
from typing import NamedTuple

from imap_bulk.settings import Settings

TURN_WORTH_BYTES = 256 << 10

_LEAST_WINDOW = 1.0
_GAIN = 1.05
_NO_LOSS = 0.97
_FULL = 0.75
"""Below three quarters of the limit in flight, something else limits, and the window proves nothing."""
_REST_WINDOWS = 10
_REST_AFTER_HALVING = 3  # S3 says 503 now and then for no lasting reason; ten would leave us slow for minutes
_MOST_REST_WINDOWS = 80
_LEAST_LEVEL = 2
"""Fewer are only chosen down to two: one stuck connection must not be the whole run."""
_HISTORY = 500


class Change(NamedTuple):
    """When the limit changed (seconds since the start), to what, and why."""

    seconds: float
    limit: int
    why: str


class _Window:
    """What happened at one level. Opens once a turn that began at this level has ended."""

    def __init__(self, now: float, is_open: bool = False) -> None:
        self.since = now
        self.is_open = is_open
        self._at = now
        self._in_flight_seconds = 0.0
        self._bytes = self.turns = 0
        self._turn_seconds = 0.0

    def lapse(self, now: float, running: int) -> None:
        self._in_flight_seconds += running * (now - self._at)
        self._at = now

    def count(self, n_bytes: int) -> None:
        self._bytes += n_bytes

    def end_turn(self, seconds: float) -> None:
        self.turns += 1
        self._turn_seconds += seconds

    def in_flight(self) -> float:
        return self._in_flight_seconds / max(self._at - self.since, 1e-9)

    def score(self) -> float:
        turns_a_second = self.in_flight() * self.turns / max(self._turn_seconds, 1e-9)
        return self._bytes / max(self._at - self.since, 1e-9) + TURN_WORTH_BYTES * turns_a_second


class Climb:
    """The limit of one host, sought by trial: a level is kept if its window is worth it."""

    def __init__(self, settings: Settings, now: float) -> None:
        self._ceiling = max(1, settings.jobs)
        self.limit = max(1, min(settings.jobs_start, self._ceiling))
        self.running = 0
        self._start = now
        self.history = deque([Change(0.0, self.limit, "started")], maxlen=_HISTORY)
        self._window = _Window(now)
        self._turn_seconds: deque[float] = deque(maxlen=64)
        self._recent: deque[float] = deque(maxlen=5)  # scores at the level that trials are held against
        self._is_slow_start = True
        self._heading = 0  # +1: trying more; -1: trying fewer; 0: resting
        self._came_from = self.limit
        self._next_heading = 1
        self._rested = 0
        self._rest_windows = _REST_WINDOWS
        self._halved_at = float("-inf")
        self._before: tuple[int, bool] | None = None  # limit and slow start before the first halving of a bad time
        self._aim = 0

    def begin(self, now: float) -> None:
        """Note that a turn begins."""
        self._window.lapse(now, self.running)
        self.running += 1

    def count(self, n_bytes: int) -> None:
        """Note bytes of a body."""
        self._window.count(n_bytes)

    def end(self, now: float, began: float, completed: bool) -> None:
        """Note that a turn ends; only completed ones tell what the level is worth."""
        window = self._window
        window.lapse(now, self.running)
        self.running -= 1
        if not completed:
            return
        self._turn_seconds.append(now - began)
        if self._aim > self.limit:
            self._climb_back(now)
        elif window.is_open:
            window.end_turn(now - began)
            self._close_window(now)
        elif began >= window.since:
            self._window = _Window(now, is_open=True)

    def disturb(self, now: float) -> None:
        """Begin the window anew: what the host did to us says nothing about the level."""
        self._window = _Window(now)

    def halve(self, now: float, began: float, why: str) -> None:
        """Halve, once a round trip: requests begun before the last halving already paid for it."""
        if began < self._halved_at:
            return
        self._halved_at = now
        self._before = self._before or (self.limit, self._is_slow_start)
        self._aim = 0
        self._is_slow_start = False
        self._recent.clear()
        self._next_heading = 1
        self._settle(now, self.limit // 2, why, _REST_AFTER_HALVING)

    def restore(self) -> None:
        """Go back to before the halvings, one step a completed turn: it was not us, it was an outage."""
        if self._before:
            self._aim, self._is_slow_start = self._before
        self._before = None

    def accept(self) -> None:
        """Take the halvings as deserved."""
        self._before = None

    def _climb_back(self, now: float) -> None:
        self._move(now, self.limit + 1, "climbing back after the outage")

    def _close_window(self, now: float) -> None:
        window = self._window
        elapsed = now - window.since
        if elapsed < _LEAST_WINDOW or window.turns < self.limit:
            return
        if elapsed < 2 * statistics.median(self._turn_seconds):
            return
        self._window = _Window(now)
        if window.in_flight() >= _FULL * self.limit:
            self._judge(now, window.score())

    def _judge(self, now: float, score: float) -> None:
        if self._heading > 0:
            self._judge_more(now, score)
        elif self._heading < 0:
            self._judge_fewer(now, score)
        else:
            self._rest(now, score)

    def _rest(self, now: float, score: float) -> None:
        self._recent.append(score)
        self._rested += 1
        if self._is_slow_start:
            self._try(now, 1, "trying more")
        elif self._rested >= self._rest_windows:
            heading, self._next_heading = self._next_heading, -self._next_heading
            self._try(now, heading, "trying more" if heading > 0 else "trying fewer")

    def _judge_more(self, now: float, score: float) -> None:
        best = max(self._recent)
        if score >= _GAIN * best:
            self._recent.clear()
            self._recent.append(score)
            self._rest_windows = _REST_WINDOWS
            self._try(now, 1, f"goodput grew {score / best - 1:.0%}")
            return
        was_slow_start, self._is_slow_start = self._is_slow_start, False
        self._settle(now, self._came_from, "more brought no more", 2 * self._rest_windows)
        if was_slow_start:  # its steps are wide and may have passed the point by
            self._try(now, -1, "trying fewer")

    def _judge_fewer(self, now: float, score: float) -> None:
        if score >= _NO_LOSS * max(self._recent):
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
            step = max(1, self.limit // 2)
        return min(self._ceiling, self.limit + step)

    def _settle(self, now: float, limit: int, why: str, rest_windows: int) -> None:
        self._rest_windows = min(_MOST_REST_WINDOWS, rest_windows)
        self._heading = 0
        self._rested = 0
        self._move(now, limit, why)

    def _move(self, now: float, limit: int, why: str) -> None:
        limit = max(1, min(limit, self._ceiling))
        if limit != self.limit:
            self.history.append(Change(now - self._start, limit, why))
        self.limit = limit
        self._window = _Window(now)
