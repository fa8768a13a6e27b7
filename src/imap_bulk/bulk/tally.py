"""The count of a run, kept while its events pass."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from imap_bulk.errors import TransientError
from imap_bulk.model import Event, Outcome, Result, Skipped, Status

Report = Callable[[Event], None]

MOST_FAILURES_KEPT = 1000


def of_each(report: Report) -> Report:
    """Have also of files that are skipped many at once the outcome of each reported."""
    if report is ignore:
        return ignore

    def told(event: Event) -> None:
        if not isinstance(event, Skipped):
            report(event)
            return
        for outcome in event.outcomes():
            report(outcome)

    return told


class _Leaving(Exception):
    """What a report raised to leave the program."""

    def __init__(self, by: BaseException) -> None:
        super().__init__()
        self.by = by


@contextmanager
def orderly(report: Report) -> Iterator[Report]:
    """Have a run that a report leaves by SystemExit or KeyboardInterrupt end as by any other error of it.

    As themselves they would come out of the event loop at once, past tasks and connections that are to be closed.
    """

    def told(event: Event) -> None:
        try:
            report(event)
        except (SystemExit, KeyboardInterrupt) as leaving:
            raise _Leaving(leaving) from None

    try:
        yield ignore if report is ignore else told
    except _Leaving as leaving:
        raise leaving.by from None


def ignore(_: Event) -> None:
    """Report to nobody."""


class _Notebook(Protocol):
    """Where a tally writes down how transfers ended."""

    def write(self, outcome: Outcome) -> None: ...


class Tally:
    """Counts a run while passing its events on, so that wanted = done + skipped + failed + cancelled."""

    def __init__(self, report: Report, notebook: _Notebook | None = None) -> None:
        self._report = report
        self._notebook = notebook
        self._started = time.monotonic()
        self._counts = dict.fromkeys((Status.DONE, Status.SKIPPED, Status.FAILED), 0)
        self._failures: list[Outcome] = []
        self._has_begun = False
        self._passing = self._verified = self._bytes = self._cached = 0
        self.wanted = 0

    @property
    def skipped(self) -> int:
        """How many were there already."""
        return self._counts[Status.SKIPPED]

    def take_at_once(self, outcome: Outcome) -> None:
        """Take a failure that was clear before the file was planned; it is written down once the run has begun."""
        self.wanted += 1
        self._count(outcome)
        if self._has_begun and self._notebook:
            self._notebook.write(outcome)
        self._report(outcome)

    def skip(self, event: Skipped) -> None:
        """Take what was found to be there before anything moved."""
        self.wanted += len(event.files)
        self._counts[Status.SKIPPED] += len(event.files)
        self._verified += sum(count for proof, count in event.proofs().items() if proof and proof.verifies)
        self._report(event)

    def begin(self) -> None:
        """Write down what failed before the run has begun."""
        self._has_begun = True
        if self._notebook:
            for outcome in self._failures:
                self._notebook.write(outcome)

    def take(self, event: Event) -> None:
        """Take an event of the run, and write down what succeeded."""
        if isinstance(event, Outcome):
            self._count(event)
            if self._notebook:
                self._notebook.write(event)
        self._report(event)

    def _count(self, outcome: Outcome) -> None:
        if outcome.status is Status.CANCELLED:
            return
        self._counts[outcome.status] += 1
        self._bytes += outcome.bytes
        self._cached += outcome.is_cached
        self._verified += bool(outcome.verified_by and outcome.verified_by.verifies)
        self._passing += isinstance(outcome.error, TransientError)
        if outcome.status is Status.FAILED and len(self._failures) < MOST_FAILURES_KEPT:
            self._failures.append(outcome)

    def result(self) -> Result:
        """Count up; what was wanted and has no outcome was cancelled."""
        done, skipped, failed = self._counts.values()
        return Result(
            wanted=self.wanted,
            done=done,
            skipped=skipped,
            failed=failed,
            cancelled=self.wanted - done - skipped - failed,
            passing=self._passing,
            verified=self._verified,
            bytes=self._bytes,
            seconds=time.monotonic() - self._started,
            failures=tuple(self._failures),
            cached=self._cached,
        )
