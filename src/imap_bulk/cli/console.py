"""What a person or a program sees of a run: a bar, rare lines, or JSON Lines; failures; the summary.

Events only change counts and wait in line here. A thread writes them, so that a slow terminal or pipe does not
hold up the engine, and one that breaks does not end it.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO

from imap_bulk.cli import events, words
from imap_bulk.cli.meter import Meter
from imap_bulk.cli.words import Verb
from imap_bulk.model import Event, Outcome, Pacing, Plan, Result, Skipped, Status, Transfer

if TYPE_CHECKING:
    from tqdm import tqdm

_LOG = logging.getLogger(__name__)

MOST_FAILURES_SHOWN = 20
SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_PROGRESS = 1.0

_SECONDS_BETWEEN_PAINTS = 0.1
_MOST_WAITING = 50_000
"""Lines beyond which memory counts more than never waiting for a reader that has stopped to read."""

_BAR = "{percentage:3.0f}%|{bar:24}| {desc}, {remaining} left"


class Console:
    """Takes the events of one run; as a context manager, writes until the last of them is told.

    Raises OSError at its end where standard output could not be written to.
    """

    def __init__(
        self,
        verb: Verb,
        *,
        quiet: bool = False,
        json: bool = False,
        to: str = "",
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write for people, or `json` for programs; `to` is where files go, if that is not the disk."""
        self._verb = verb
        self._quiet = quiet
        self._json = json
        self._to = to
        self._stdout = stdout or sys.stdout
        self._stderr = stderr or sys.stderr
        self._is_watched = self._stdout.isatty()
        self._people = self._stderr if json else self._stdout
        self._clock = clock
        self._meter = Meter(clock, verb)
        self._waiting: deque[tuple[TextIO, str]] = deque()
        self._broken: list[TextIO] = []
        self._fault: OSError | None = None
        self._bar: tqdm[Any] | None = None
        self._is_over = False
        self.pacings: list[Pacing] = []
        """How hosts were pressed, once the run is over."""
        self._last_line = self._last_progress = clock()
        self._told = 0
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._paint_on, name="console", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._is_over = True
        self._leaving.set()
        self._thread.join()
        self.paint()
        if self._fault and kind is None:
            raise self._fault

    @property
    def plan(self) -> Plan | None:
        """The plan, once it is made."""
        return self._meter.plan

    def __call__(self, event: Event) -> None:
        """Take an event of the run."""
        self._meter.take(event)
        if isinstance(event, Skipped):
            self._take_skipped(event)
            return
        if self._json and (line := events.line(event, self._meter.proofs, self._to)):
            self._put(self._stdout, line)
        if isinstance(event, Outcome):
            self._take_outcome(event)
        elif isinstance(event, Pacing):
            self.pacings.append(event)
        elif isinstance(event, Transfer) and not self._json:
            self._put(self._stdout, words.planned(event, self._to))
        elif isinstance(event, Result):
            self._sum_up(event)

    def tell(self, text: str) -> None:
        """Say something to people, unless they want it quiet."""
        if not self._quiet:
            self._put(self._people, text)

    def tell_programs(self, line: str) -> None:
        """Write a line of JSON, if that is what is read."""
        if self._json:
            self._put(self._stdout, line)

    def _take_skipped(self, skipped: Skipped) -> None:
        """Tell of each file only if somebody wants to read that."""
        if self._json:
            for line in events.skipped(skipped):
                self._put(self._stdout, line)
        if _LOG.isEnabledFor(logging.INFO):
            for outcome in skipped.outcomes():
                self._take_outcome(outcome)

    def _take_outcome(self, outcome: Outcome) -> None:
        if outcome.status is Status.FAILED and self._meter.failed <= MOST_FAILURES_SHOWN:
            self._put(self._stderr, words.failure(outcome))
        elif outcome.status in (Status.DONE, Status.SKIPPED) and _LOG.isEnabledFor(logging.INFO):
            _LOG.info("%s", words.success(self._verb, outcome))

    def _sum_up(self, result: Result) -> None:
        self._is_over = True
        if result.failed > MOST_FAILURES_SHOWN:
            more = result.failed - MOST_FAILURES_SHOWN
            self._put(self._stderr, f"… and {more} more failed (--json names every one)")
        if result.wanted:
            self.tell(words.summary(self._verb, result, self._meter.proofs))
        if advice := words.advice(self._verb, result):
            self.tell(advice)

    def _put(self, stream: TextIO, text: str) -> None:
        self._waiting.append((stream, text))
        while len(self._waiting) > _MOST_WAITING and self._thread.is_alive():
            time.sleep(0.01)

    def _paint_on(self) -> None:
        while not self._leaving.wait(_SECONDS_BETWEEN_PAINTS):
            self.paint()

    def paint(self) -> None:
        """Write what has gathered, and renew the bar."""
        if self._is_over:
            self._close_bar()
        touched = set()
        while self._waiting:
            stream, text = self._waiting.popleft()
            self._write(stream, text)
            touched.add(stream)
        if self._meter.plan and self._meter.plan.files and not self._is_over:
            touched |= self._paint_progress()
        for stream in touched:
            self._attempt(stream, stream.flush)

    def _paint_progress(self) -> set[TextIO]:
        now, meter = self._clock(), self._meter
        assert meter.plan
        touched = set()
        if self._json and now - self._last_progress >= SECONDS_BETWEEN_PROGRESS and meter.bytes != self._told:
            self._last_progress, self._told = now, meter.bytes
            seconds = now - meter.started
            self._write(self._stdout, events.progress(meter.files, meter.plan.files, meter.bytes, seconds))
            touched.add(self._stdout)
        if self._quiet:
            return touched
        if self._stderr.isatty():
            self._attempt(self._stderr, self._paint_bar)
        elif now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._write(self._stderr, f"{self._verb.command}: {meter.words()}")
            touched.add(self._stderr)
        return touched

    def _paint_bar(self) -> None:
        plan = self._meter.plan
        assert plan
        by_bytes = plan.bytes > 0 and plan.unsized == 0
        total = plan.bytes if by_bytes else plan.files
        if self._bar is None:
            self._bar = _new_bar(total, self._stderr)
        self._bar.total = total  # a plan may be told before it is whole
        self._bar.set_description_str(self._meter.words(), refresh=False)
        self._bar.update((self._meter.bytes if by_bytes else self._meter.files) - self._bar.n)
        self._bar.refresh()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._attempt(self._stderr, self._bar.close)
            self._bar = None

    def _write(self, stream: TextIO, text: str) -> None:
        if self._bar is None:
            self._attempt(stream, lambda: stream.write(f"{text}\n"))
        else:
            bar = self._bar
            self._attempt(stream, lambda: bar.write(text, file=stream))

    def _attempt(self, stream: TextIO, write: Callable[[], object]) -> None:
        """Write, if the stream still takes anything: a reader that went away must not end the run.

        Nor must a full disk, but who has the output written there waits for the rest: the end of the run tells it.
        """
        if stream in self._broken:
            return
        try:
            write()
        except (BrokenPipeError, ValueError):
            self._broken.append(stream)
        except OSError as error:
            self._broken.append(stream)
            if stream is self._stdout and not self._is_watched:
                self._fault = error


def _new_bar(total: int, stream: TextIO) -> "tqdm[Any]":
    from tqdm import tqdm

    tqdm.monitor_interval = 0  # its own thread would only do what ours does
    # Without smoothing the time that is left comes from the whole run: files end in bursts.
    return tqdm(
        total=total, file=stream, bar_format=_BAR, leave=False, dynamic_ncols=True, miniters=0, smoothing=0
    )


class LogLines(logging.Handler):
    """Writes log records above a bar, should there be one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        from tqdm import tqdm

        try:
            tqdm.write(self.format(record), file=sys.stderr)
        except (OSError, ValueError):
            self.handleError(record)
