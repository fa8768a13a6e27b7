"""What a host brings in a stretch of time, so that stretches can be compared whatever sizes came by.

The score is bytes a second + turns a second x what a turn costs beside its bytes, in bytes. With large files the
first term rules, with tiny files and signing calls the second. The price of a turn depends on the link (20 KiB at
20 ms and 1 MiB/s, 1 MiB at 100 ms and 10 MiB/s), so it is read off the turns themselves: a line through the
smaller and the larger half of them. A constant was tried: with log-normal sizes the limit landed anywhere.

Turns a second come from Little's law (mean turns in flight / mean seconds a turn), not from a count: eight
workers in lockstep end eight turns at once, and a window that closes just before them would be far off.
"""

from collections import deque
from typing import NamedTuple

_PRICE_UNKNOWN = 256 << 10
_PRICE_LEAST, _PRICE_MOST = 4 << 10, 1 << 20
_REMEMBERED = 64


class Goodput(NamedTuple):
    """What a window brought, by the second."""

    bytes: float
    turns: float

    def score(self, price: float) -> float:
        """One number, given what a turn costs in bytes."""
        return self.bytes + price * self.turns


class Window:
    """What happens at one level. Opens when a turn that began at this level has ended."""

    def __init__(self, now: float, is_open: bool = False) -> None:
        self.since = now
        self.is_open = is_open
        self.turns = 0
        self._at = now
        self.bytes = 0
        self._in_flight_seconds = 0.0
        self._turn_seconds = 0.0

    def lapse(self, now: float, running: int) -> None:
        """Note that `running` turns were in flight until now."""
        self._in_flight_seconds += running * (now - self._at)
        self._at = now

    def count(self, n_bytes: int) -> None:
        """Note bytes, as they arrive: a body may last longer than many windows."""
        self.bytes += n_bytes

    def end_turn(self, seconds: float) -> None:
        """Note a completed turn."""
        self.turns += 1
        self._turn_seconds += seconds

    @property
    def in_flight(self) -> float:
        """Turns in flight, on average."""
        return self._in_flight_seconds / self._elapsed

    def goodput(self) -> Goodput:
        """Tell what the window brought."""
        turns_a_second = self.in_flight * self.turns / max(self._turn_seconds, 1e-9)
        return Goodput(self.bytes / self._elapsed, turns_a_second)

    @property
    def _elapsed(self) -> float:
        return max(self._at - self.since, 1e-9)


class RecentTurns:
    """The last completed turns: how long they take, and what one costs beside its bytes."""

    def __init__(self) -> None:
        self._turns: deque[tuple[int, float]] = deque(maxlen=_REMEMBERED)

    def add(self, n_bytes: int, seconds: float) -> None:
        """Remember a turn."""
        self._turns.append((n_bytes, seconds))

    def median_seconds(self) -> float:
        """Tell how long a turn takes."""
        return sorted(seconds for _, seconds in self._turns)[len(self._turns) // 2]

    def price(self) -> float:
        """Tell how many bytes could have moved in the time that a turn costs beside its bytes."""
        turns = sorted(self._turns)
        small, large = turns[: len(turns) // 2], turns[len(turns) // 2 :]
        if not small:
            return _PRICE_UNKNOWN
        (x0, y0), (x1, y1) = _mean(small), _mean(large)
        if x1 <= 2 * x0 or y1 <= y0:  # all alike: no line, and any price does
            return _PRICE_UNKNOWN
        bytes_a_second = (x1 - x0) / (y1 - y0)
        return min(max(y0 * bytes_a_second - x0, _PRICE_LEAST), _PRICE_MOST)


def _mean(turns: list[tuple[int, float]]) -> tuple[float, float]:
    """Give the means of bytes and seconds; the standard library's module for it is a fiftieth of the start."""
    return sum(n_bytes for n_bytes, _ in turns) / len(turns), sum(seconds for _, seconds in turns) / len(turns)
