"""Bytes and setbacks over time, in steps that widen as a run goes on, so that memory does not."""

from collections import Counter

_MOST_STEPS = 240
_FIRST_SECONDS = 0.125


class Timeline:
    """What happened in each step since the start; steps are as long as it takes to have few of them."""

    def __init__(self) -> None:
        self.step_seconds = _FIRST_SECONDS
        self.bytes: list[int] = [0]
        self.setbacks: list[Counter[str]] = [Counter()]

    def add_bytes(self, at: float, count: int) -> None:
        """Note bytes that moved `at` seconds after the start."""
        step = self._step(at)  # first: it may put another list in place
        self.bytes[step] += count

    def add_setback(self, at: float, kind: str) -> None:
        """Note an attempt that failed."""
        step = self._step(at)
        self.setbacks[step][kind] += 1

    def _step(self, at: float) -> int:
        while at >= _MOST_STEPS * self.step_seconds:
            self._widen()
        step = max(0, int(at / self.step_seconds))
        while len(self.bytes) <= step:
            self.bytes.append(0)
            self.setbacks.append(Counter())
        return step

    def _widen(self) -> None:
        self.step_seconds *= 2
        self.bytes = [sum(self.bytes[at : at + 2]) for at in range(0, len(self.bytes), 2)]
        pairs = (self.setbacks[at : at + 2] for at in range(0, len(self.setbacks), 2))
        self.setbacks = [sum(pair, Counter()) for pair in pairs]
