"""Whether the event loop of this process is what a run waits for; its other threads hash and write on any core."""

import os
import time
from collections.abc import Callable

Clock = Callable[[], float]

_BUSY = 0.35
"""So much of a core means that the loop is held up: for the rest it waits for the interpreter lock, which threads
hold. A mix of sizes took 1.31 s where a helper joined in from there on, 1.48 and 1.51 s from 0.5 and 0.75 on."""


class Load:
    """How busy the thread that looks is, over the time between two looks."""

    def __init__(self, clock: Clock = time.monotonic, cpu_clock: Clock = time.thread_time) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._seen = clock(), cpu_clock()

    def is_high(self) -> bool:
        """Tell whether it was busy since the last look."""
        wall, cpu = self._seen
        self._seen = self._clock(), self._cpu_clock()
        return self._seen[1] - cpu >= _BUSY * (self._seen[0] - wall) > 0


def spare_cores() -> int:
    """Count the cores that this process may run on, but for one."""
    try:
        return len(os.sched_getaffinity(0)) - 1
    except AttributeError:  # not on macOS
        return (os.cpu_count() or 1) - 1
