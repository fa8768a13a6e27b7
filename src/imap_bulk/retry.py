"""Which fault deserves another attempt, and when. The only module that knows tenacity.

It stands below the engine because searching an archive needs patience too, and archives know no engine.
"""

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from imap_bulk.errors import Busy, TransientError, UrlExpired
from imap_bulk.settings import Settings

T = TypeVar("T")

MAX_RENEWALS = 2
"""Times that one transfer may be signed anew. A skewed clock makes every URL "expired": never loop on it."""


def _no_progress() -> int:
    return 0


async def persist(
    attempt: Callable[[], Awaitable[T]], settings: Settings, position: Callable[[], int] = _no_progress
) -> T:
    """Call `attempt` until it succeeds, fails for good, or has used up its retries; then raise its last error.

    `position` tells how far the work has come: as long as it grows, an attempt was not fruitless and does not
    count, for a large file on a poor line needs many.
    """
    patience = _Patience(settings, position)
    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(patience.is_worth_another),
        wait=patience.wait,
        reraise=True,
    )
    return await retrying(attempt)


class _Patience:
    """What one `persist` remembers between its attempts."""

    def __init__(self, settings: Settings, position: Callable[[], int]) -> None:
        self._settings = settings
        self._position = position
        self._furthest = 0
        self._fruitless = 0
        self._renewals = 0

    def is_worth_another(self, error: BaseException) -> bool:
        """Tell whether to try again after `error`."""
        if self._position() > self._furthest:
            self._furthest = self._position()
            self._fruitless = self._renewals = 0
        if isinstance(error, UrlExpired):
            self._renewals += 1
            return self._renewals <= MAX_RENEWALS
        if isinstance(error, Busy) and (error.retry_after or 0) > self._settings.retry_after_max:
            return False
        self._fruitless += 1
        return isinstance(error, TransientError) and self._fruitless <= self._settings.retries

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: full jitter, on top of what the server asked for."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UrlExpired):
            return 0.0
        bound = min(self._settings.wait_max, self._settings.wait_base * 2.0 ** (self._fruitless - 1))
        asked = (error.retry_after or 0.0) if isinstance(error, Busy) else 0.0
        return asked + random.uniform(0.0, bound)  # noqa: S311  spreads clients, guards nothing
