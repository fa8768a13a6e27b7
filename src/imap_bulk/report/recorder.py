"""Takes a run's events and adds them up, in the memory of a few hundred lines; files go to a spool on disk."""

import heapq
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count

from imap_bulk.model import Event, Outcome, Pacing, Plan, Progress, Proof, Result, Setback, Skipped, Status
from imap_bulk.report.record import Doing, RunRecord
from imap_bulk.report.timeline import Timeline

MOST_SLOWEST = 20
MOST_FAILURES = 300


class Recorder:
    """Listens to one run. Call it with every event; `record` and `files` tell what it has heard."""

    def __init__(self, doing: Doing, clock: Callable[[], float] = time.monotonic) -> None:
        self._doing = doing
        self._clock = clock
        self._start = clock()
        self._started = time.time()
        self._plan: Plan | None = None
        self._result: Result | None = None
        self._timeline = Timeline()
        self._positions: dict[str, int] = {}
        self._setbacks: Counter[tuple[str, str]] = Counter()
        self._pacings: list[Pacing] = []
        self._proofs: Counter[Proof | None] = Counter()
        self._slowest: list[tuple[float, int, Outcome]] = []
        self._numbers = count()
        self._failures: list[Outcome] = []
        self._spool = tempfile.SpooledTemporaryFile(1 << 20, "w+", encoding="utf-8")  # noqa: SIM115  see close

    def __call__(self, event: Event) -> None:
        """Take an event of the run."""
        match event:
            case Progress():
                self._move(event.transfer.key, event.bytes)
            case Outcome():
                self._end(event)
            case Skipped():
                self._skip(event)
            case Setback():
                kind = type(event.error).__name__
                self._setbacks[event.host, kind] += 1
                self._timeline.add_setback(self._now(), kind)
            case Pacing():
                self._pacings.append(event)
            case Plan():
                self._plan = event
            case Result():
                self._result = event

    def _now(self) -> float:
        return self._clock() - self._start

    def _move(self, key: str, position: int) -> None:
        moved = position - self._positions.get(key, 0)
        self._positions[key] = position
        if moved > 0:  # an attempt that begins anew takes nothing back: those bytes have moved
            self._timeline.add_bytes(self._now(), moved)

    def _end(self, outcome: Outcome) -> None:
        if outcome.bytes:
            self._move(outcome.transfer.key, outcome.bytes)
        self._positions.pop(outcome.transfer.key, None)
        if outcome.status is Status.FAILED:
            if len(self._failures) < MOST_FAILURES:
                self._failures.append(outcome)
            return
        if outcome.status is Status.CANCELLED:
            return
        self._proofs[outcome.verified_by] += 1
        transfer = outcome.transfer
        digest = outcome.digest or transfer.digest
        path = outcome.stored.address if outcome.stored else str(transfer.path)
        self._write_down(transfer.key, path, outcome.status, digest, outcome.verified_by)
        if outcome.status is Status.DONE:
            entry = (outcome.seconds, next(self._numbers), outcome)
            if len(self._slowest) < MOST_SLOWEST:
                heapq.heappush(self._slowest, entry)
            else:
                heapq.heappushpop(self._slowest, entry)

    def _skip(self, event: Skipped) -> None:
        self._proofs += event.proofs()
        for wanted, digest, proof in event.files:
            self._write_down(wanted.key, wanted.path, Status.SKIPPED, digest or wanted.digest, proof)

    def _write_down(self, key: str, path: str, status: Status, digest: object | None, proof: Proof | None) -> None:
        fields = (key, path, str(status), digest and str(digest), proof)
        self._spool.write(json.dumps(fields) + "\n")

    def close(self) -> None:
        """Forget the files."""
        self._spool.close()

    def record(self) -> RunRecord:
        """Return what is known of the run by now."""
        changes = {
            pacing.host: [(max(0.0, at - self._start), limit, why) for at, limit, why in pacing.changes]
            for pacing in self._pacings
        }
        return RunRecord(
            self._doing, self._started, self._now(), self._plan, self._result, self._timeline, self._setbacks,
            changes, self._pacings, self._proofs, [entry[2] for entry in sorted(self._slowest, reverse=True)],
            self._failures,
        )  # fmt: skip

    def files(self) -> Iterator[tuple[str, str, str, str | None, str | None]]:
        """Yield key, path, status, digest and proof of every file that is there."""
        self._spool.seek(0)
        for line in self._spool:
            key, path, status, digest, proof = json.loads(line)
            yield key, path, status, digest, proof
