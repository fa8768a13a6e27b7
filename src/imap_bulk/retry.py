"""Which fault deserves another attempt, and when. The only module that knows tenacity.

It stands below the engine because searching an archive needs patience too, and archives know no engine.
"""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from imap_bulk.errors import Busy, Garbled, TransientError, UrlExpired, Vanished
from imap_bulk.settings import Settings

T = TypeVar("T")

MAX_RENEWALS = 2
"""Times that one transfer may be signed anew. A skewed clock makes every URL "expired": never loop on it."""

MAX_DOUBTS = 2
"""Times that one transfer is asked for again although it is said not to be there, or nonsense came instead."""


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
    """Call `attempt` until it succeeds, fails for good, or has used up its retries; then raise its last error."""
    patience = _Patience(settings, surroundings or Surroundings())
    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(patience.is_worth_another),
        wait=patience.wait,
        reraise=True,
    )
    return await retrying(attempt)


class _Patience:
    """What one `persist` remembers between its attempts."""

    def __init__(self, settings: Settings, surroundings: Surroundings) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._furthest = 0
        self._fruitless = 0
        self._renewals = 0
        self._doubts = 0

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
        self._fruitless += 1
        return self._fruitless <= self._settings.retries and not self._is_sent_away(error)

    def _is_sent_away(self, error: BaseException) -> bool:
        """Tell whether a busy host asks for more patience than there is."""
        too_long = isinstance(error, Busy) and (error.retry_after or 0.0) > self._settings.retry_after_max
        return too_long and not self._surroundings.is_paced

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: full jitter, on top of what the server asked for."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UrlExpired) or (isinstance(error, Busy) and self._surroundings.is_paced):
            return 0.0
        bound = min(self._settings.wait_max, self._settings.wait_base * 2.0 ** max(0, self._fruitless - 1))
        asked = (error.retry_after or 0.0) if isinstance(error, Busy) else 0.0
        return asked + random.uniform(0.0, bound)  # noqa: S311  spreads clients, guards nothing
