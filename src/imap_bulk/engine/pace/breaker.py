"""When a host is left alone: its Retry-After is kept by all, and a host that is down is asked by one at a time.

Some files fail whenever they are asked for, and when only those are left, a row of failures looks like an outage.
A host that does answer is therefore also asked for what it has given before: a health check.

Pure bookkeeping with the time passed in; `pace` does the waiting.
"""

import math
from collections.abc import Callable

from imap_bulk.errors import Busy, Interrupted, ServerFault, Stalled, TransientError
from imap_bulk.retry import when_to_come_back
from imap_bulk.settings import Settings

HOST_FAULTS = (Busy, Interrupted, Stalled, ServerFault)
"""Errors that speak of the host. Any other BulkError is an answer, and so a sign of life."""

_GROWTH = 4.0
_PROMPT_SECONDS = 8.0
_SHARE_OF_OUTAGE = 1 / 8
"""Pauses grow fourfold, but the end of an outage is noticed within 8 s or an eighth of its length. Doubling on to
30 s would leave a host alone for half a minute after a minute's outage; pauses of 8 s ask it about ten times in
that minute, which with 8 bodies cut off in flight is 1.09 requests a file over 200 files, and 1.10 at most."""

_DOUBTFUL = 2
"""After so many failures in a row each request waits for the first bytes of the one before, until one ends well:
all who were cut off by an outage would ask again at once, and be refused, before the first of them hears of it.
After one failure nobody waits: one connection in a hundred breaks anyhow."""

_ENOUGH_CHECKS = 3
"""After so many good health checks, and nothing but errors such as 500 in between, it is the files that fail.
One would not do: of a host that fails half of its requests, 60 runs of 400 files lost 36 files instead of 22 where
one good check let everybody through again and had their failures count; where three have to agree, 20."""

_MOST_GROWTH_ROUNDS = 20  # beyond it the cap rules, and 4.0**512 is no float


class Breaker:
    """The health of one host: failures in a row, the Retry-After gate, and the lone probe while it is down."""

    def __init__(self, host: str, settings: Settings, uniform: Callable[[float, float], float]) -> None:
        self._host = host
        self._settings = settings
        self._uniform = uniform
        self.is_open = False
        """Whether one request at a time asks how the host is."""
        self._is_checked = False
        self._good_checks = 0
        self._failures = 0
        self._rounds = 0
        self._round_at = -math.inf
        self._pause = 0.0
        self._gate = -math.inf
        self._down_since = -math.inf
        self._last: TransientError | None = None
        self._is_probed = False
        self._refused_probes = 0

    @property
    def is_down(self) -> bool:
        """Whether so many requests in a row failed that it is the host, as far as is known."""
        return self._has_failed_often and not (self._is_cleared and self._has_answered)

    @property
    def is_in_doubt(self) -> bool:
        """Whether to make a health check: the host answers, and perhaps only some files are broken.

        Every other probe is one, so that all does not depend on what it asks for.
        """
        return self.is_open and self._has_answered and not self._is_checked

    @property
    def _has_failed_often(self) -> bool:
        return self._failures >= self._settings.breaker_failures

    @property
    def _is_cleared(self) -> bool:
        return self._good_checks >= _ENOUGH_CHECKS

    @property
    def _has_answered(self) -> bool:
        return isinstance(self._last, ServerFault)  # unlike silence, or a 503, which say nothing of a file

    def wait(self, now: float) -> float:
        """Seconds until a request may go, infinite while a probe is out.

        Raises the host's last error, transient, when it has been down for too long and no probe is due.
        """
        if not self.is_open:
            return math.inf if self._is_probed else max(0.0, self._gate - now)
        until = max(self._gate, self._round_at + self._pause)
        if not self._is_probed and until <= now:
            return 0.0
        if self.is_lost(now):
            raise self._farewell(now)
        patience = self._down_since + self._settings.outage_max - now
        return patience if self._is_probed else min(patience, until - now)

    def is_lost(self, now: float) -> bool:
        """Tell whether the host has been down, or has put everybody off, for longer than a run waits."""
        return self.is_open and now - self._down_since >= self._settings.outage_max

    def begin(self) -> bool:
        """Note that a request goes out, and tell whether it is the probe."""
        self._is_probed = self.is_open or self._failures >= _DOUBTFUL
        return self._is_probed

    def free_probe(self) -> None:
        """Let another probe go: this one has ended, whatever became of it."""
        self._is_probed = False

    def failed(self, now: float, began: float, error: TransientError, probe: bool) -> None:
        """Note a failure of the host. Failures of one round trip are one reason to wait longer, not eight."""
        if not self._failures:
            self._down_since = now
        self._failures += 1
        self._last = error
        self._is_checked = False
        if not self._has_answered:
            self._good_checks = 0
        self._refused_probes += probe
        # A busy host too is asked by one first when its time is up: eight at once would be eight refusals more.
        self.is_open = self.is_open or self._has_failed_often or isinstance(error, Busy)
        if self.is_open and began >= self._round_at:
            self._rounds += 1
            self._round_at = now
            self._pause = self._next_pause(now)
        if isinstance(error, Busy):
            self._gate = max(self._gate, now + self._asked(error))

    def answered(self, began: float) -> bool:
        """Note a sign of life, and tell whether it counts: a request from before the failures proves nothing."""
        if self._failures and began < self._down_since:
            return False
        self.is_open = self._is_probed = False
        self._failures = self._rounds = self._good_checks = 0
        return True

    def checked(self, is_good: bool) -> None:
        """Note how a health check went. After a good one a file is the next probe, and at once."""
        self._is_checked = True
        self._good_checks = self._good_checks + 1 if is_good else 0
        if is_good:
            self._rounds, self._pause = 0, 0.0
        if self._is_cleared:
            self.is_open, self._failures = False, 0

    def close(self) -> None:
        """Let everybody through, but remember the pauses: the probe's first bytes are no success yet.

        Nor do they end a row of failures that has not opened the breaker: a peer that drips always sends some.
        """
        if self.is_open:
            self._failures = 0
        self.is_open = self._is_probed = False

    def take_refusals(self) -> int:
        """Count the probes that were refused since last asked."""
        refused, self._refused_probes = self._refused_probes, 0
        return refused

    def _asked(self, error: Busy) -> float:
        # A busy host that says "at once" is not taken at its word; not-a-number is no number either.
        if error.retry_after and error.retry_after > 0:
            return min(error.retry_after, self._settings.retry_after_max)
        return self._pause

    def _next_pause(self, now: float) -> float:
        grown = self._settings.wait_base * _GROWTH ** min(self._rounds - 1, _MOST_GROWTH_ROUNDS)
        prompt = max(_PROMPT_SECONDS, (now - self._down_since) * _SHARE_OF_OUTAGE)
        bound = min(grown, prompt, self._settings.breaker_wait_max)
        return self._uniform(0.9 * bound, bound)  # a lone probe needs jitter only against other clients

    def _farewell(self, now: float) -> TransientError:
        assert self._last, "only failures open the breaker"
        minutes = (now - self._down_since) / 60
        return type(self._last)(
            f"{self._host} has not answered for {minutes:.0f} minutes, which is longer than a run waits; "
            f"{when_to_come_back(self._last)}. Its last word: {self._last}"
        )
