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


async def persist(attempt: Callable[[], Awaitable[T]], settings: Settings) -> T:
    """Call `attempt` until it succeeds, fails for good, or has used up its retries; then raise its last error."""
    patience = _Patience(settings)
    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(patience.is_worth_another),
        stop=tenacity.stop_after_attempt(settings.retries + 1),
        wait=patience.wait,
        reraise=True,
    )
    return await retrying(attempt)


class _Patience:
    """What one `persist` remembers between its attempts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._renewals = 0

    def is_worth_another(self, error: BaseException) -> bool:
        if isinstance(error, UrlExpired):
            self._renewals += 1
            return self._renewals <= MAX_RENEWALS
        if isinstance(error, Busy) and (error.retry_after or 0) > self._settings.retry_after_max:
            return False
        return isinstance(error, TransientError)

    def wait(self, state: tenacity.RetryCallState) -> float:
        """Seconds until the next attempt: full jitter, on top of what the server asked for."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UrlExpired):
            return 0.0
        bound = min(self._settings.wait_max, self._settings.wait_base * 2.0 ** (state.attempt_number - 1))
        asked = (error.retry_after or 0.0) if isinstance(error, Busy) else 0.0
        return asked + random.uniform(0.0, bound)  # noqa: S311  spreads clients, guards nothing
