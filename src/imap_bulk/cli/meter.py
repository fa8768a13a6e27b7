"""How far a run is: what has ended, what is on its way, and how fast."""

from collections import Counter, deque
from collections.abc import Callable

from imap_bulk.cli import words
from imap_bulk.cli.words import Verb
from imap_bulk.model import Event, Outcome, Plan, Progress, Proof, Skipped, Status

_SECONDS_OF_RATE = 5.0


class Meter:
    """Counts a run as it goes, also the bytes that are on their way."""

    def __init__(self, clock: Callable[[], float], verb: Verb = Verb.PULL) -> None:
        self._clock = clock
        self._verb = verb
        self._in_flight: dict[str, int] = {}
        self._past: deque[tuple[float, int]] = deque()
        self.started = clock()
        self.plan: Plan | None = None
        self.files = 0
        """Files of the plan that have ended."""
        self.bytes = 0
        self.failed = 0
        self.proofs: Counter[Proof | None] = Counter()

    def take(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, Progress):
            self._settle(event.transfer.key, event.bytes)
        elif isinstance(event, Plan):
            self.plan = event
            self._past.append((self._clock(), self.bytes))
        elif isinstance(event, Outcome) and event.status is not Status.CANCELLED:
            self._end(event)
        elif isinstance(event, Skipped):
            self.proofs += event.proofs()

    def _settle(self, key: str, position: int) -> None:
        self.bytes += position - self._in_flight.get(key, 0)
        self._in_flight[key] = position

    def _end(self, outcome: Outcome) -> None:
        self._settle(outcome.transfer.key, outcome.bytes)
        del self._in_flight[outcome.transfer.key]
        self.files += self.plan is not None
        if outcome.status is Status.FAILED:
            self.failed += 1
        else:
            self.proofs[outcome.verified_by] += 1

    def rate(self) -> float:
        """Bytes per second of late."""
        now = self._clock()
        self._past.append((now, self.bytes))
        while len(self._past) > 2 and now - self._past[0][0] > _SECONDS_OF_RATE:
            self._past.popleft()
        since, before = self._past[0]
        return max(0.0, (self.bytes - before) / (now - since)) if now > since else 0.0

    def words(self) -> str:
        """Say how far the run is."""
        assert self.plan
        more = "" if self.plan.is_whole else " and more"
        whole = f" of {words.size(self.plan.bytes)}{more}" if self.plan.bytes and not self.plan.unsized else ""
        failed = f", {self.failed} failed" if self.failed else ""
        moved = f"{words.size(self.bytes)}{whole}, {words.size(self.rate())}/s"
        return f"{self.files}/{self._verb.things(self.plan.files)}{more}{failed}, {moved}"
