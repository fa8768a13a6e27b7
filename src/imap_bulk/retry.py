"""Which fault deserves another attempt, and when. The only module that knows tenacity.

It stands below the engine because searching an archive needs patience too, and archives know no engine.
"""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from imap_bulk.errors import Busy, Garbled, TransientError, UrlExpired, Vanished
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    import tenacity

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

MAX_RENEWALS = 2
"""Times that one transfer may be signed anew. A skewed clock makes every URL "expired": never loop on it."""

MAX_DOUBTS = 2
"""Times that one transfer is asked for again although it is said not to be there, or nonsense came instead."""

_SAID_SECONDS = 10.0
"""Waits from this length on are worth a line: somebody may sit in front of it."""

_MOST_DOUBLINGS = 20  # beyond it the longest wait rules, and 2.0**1024 is no float


class Surroundings:
    """What a failed attempt is judged by beyond its error; here, by nothing."""

    is_paced = False
    """Whether the wait for a busy host happens elsewhere, in line with all others who want it."""

    def position(self) -> int:
        """How far the work has come: as long as this grows, an attempt was not fruitless."""
        return 0

    def host_is_down(self) -> bool:
        """Whether the failure is the host's rather than the work's; such an attempt does not count."""
        return False

    def host_is_lost(self) -> bool:
        """Whether more attempts are in vain."""
        return False


async def persist(
    attempt: Callable[[], Awaitable[T]], settings: Settings, surroundings: Surroundings | None = None
) -> T:
    """Call `attempt` until it succeeds, fails for good, or has used up its retries; then raise its last error.

    A host that says when to come back is obeyed, up to `retry_after_max` a time, and asked again until it has
    put off for `outage_max`; the Busy that is raised then tells for how long it still wants to be left alone.
    """
    try:
        return await attempt()  # by itself: tenacity's loop takes longer to set up than a small file to move
    except TransientError as error:
        return await _persist(_after(error, attempt), _Patience(settings, surroundings or Surroundings()))


def _after(failure: TransientError, attempt: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """Return attempts of which the first has failed."""
    failures = [failure]

    async def next_attempt() -> T:
        if failures:
            raise failures.pop()
        return await attempt()

    return next_attempt


async def _persist(attempt: Callable[[], Awaitable[T]], patience: "_Patience") -> T:
    import tenacity  # a thirtieth of the command line's start; most runs see no failure

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(patience.is_worth_another),
        wait=patience.wait,
        before_sleep=_tell,
        reraise=True,
    )
    try:
        return await retrying(attempt)
    except Busy as error:
        if not patience.is_over:
            raise
        raise Busy(f"{error}; {when_to_come_back(error)}", error.retry_after) from error


def _tell(state: "tenacity.RetryCallState") -> None:
    """Say what a long silence is for."""
    error = state.outcome.exception() if state.outcome else None
    if state.upcoming_sleep >= _SAID_SECONDS:
        _LOG.info("%s; trying again in %.0f s", error, state.upcoming_sleep)


def when_to_come_back(error: TransientError) -> str:
    """Say in words for how long a host asks to be left alone, by its last error."""
    seconds = _put_off_seconds(error)
    return f"it asks to be left alone for {timedelta(seconds=round(seconds))}" if seconds else "run again later"


def _put_off_seconds(error: BaseException | None) -> float:
    """Tell how long a host asks to be left alone; nought for one that names no time."""
    asked = error.retry_after if isinstance(error, Busy) else None
    return asked if asked and math.isfinite(asked) and asked > 0 else 0.0


class _Patience:
    """What one `persist` remembers between its attempts."""

    def __init__(self, settings: Settings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._furthest = 0
        self._fruitless = 0
        self._renewals = 0
        self._doubts = 0
        self._put_offs = 0
        self._put_off_since = -math.inf
        self.is_over = False
        """Whether a host that has put off again and again was asked for the last time."""

    def is_worth_another(self, error: BaseException) -> bool:
        """Tell whether to try again after `error`."""
        if not isinstance(error, TransientError) or self._surroundings.host_is_lost():
            return False
        if (position := self._surroundings.position()) > self._furthest:
            self._furthest = position  # a large file on a poor line needs many attempts
            self._fruitless = self._renewals = 0
        if isinstance(error, UrlExpired):
            self._renewals += 1
            return self._renewals <= MAX_RENEWALS
        if isinstance(error, Vanished | Garbled):
            self._doubts += 1
            return self._doubts <= MAX_DOUBTS
        if self._surroundings.host_is_down():
            return True
        # Where others wait in the same line, they would all be held up by one file that is always put off.
        if _put_off_seconds(error) and not self._surroundings.is_paced:
            return self._may_be_put_off()
        self._put_offs = 0
        self._fruitless += 1
        return self._fruitless <= self._settings.retries

    def _may_be_put_off(self) -> bool:
        """Note that the host only said when to come back, and tell whether that still is an answer to wait for."""
        now = asyncio.get_running_loop().time()
        if not self._put_offs:
            self._put_off_since = now
        self._put_offs += 1
        self.is_over = now - self._put_off_since >= self._settings.outage_max
        return not self.is_over

    def _asked(self, error: BaseException | None) -> float:
        return min(_put_off_seconds(error), self._settings.retry_after_max)

    def wait(self, state: "tenacity.RetryCallState") -> float:
        """Seconds until the next attempt: full jitter, on top of what the server asked for."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UrlExpired) or (isinstance(error, Busy) and self._surroundings.is_paced):
            return 0.0
        doublings = min(max(0, self._fruitless + self._put_offs - 1), _MOST_DOUBLINGS)
        bound = min(self._settings.wait_max, self._settings.wait_base * 2.0**doublings)
        return self._asked(error) + random.uniform(0.0, bound)  # noqa: S311  spreads clients, guards nothing
