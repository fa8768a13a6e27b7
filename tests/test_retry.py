"""Which fault deserves another attempt, and when."""

import pytest

from imap_bulk import errors
from imap_bulk.retry import MAX_DOUBTS, MAX_RENEWALS, persist
from imap_bulk.settings import Settings

AT_ONCE = Settings(retries=3, wait_base=0.0)


class Attempts:
    """Fails with the given errors, one an attempt, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


async def test_a_passing_fault_is_tried_again() -> None:
    attempts = Attempts(errors.Interrupted("cut"), errors.ServerFault("502"))
    assert await persist(attempts, AT_ONCE) == "done"
    assert attempts.count == 3


async def test_a_permanent_fault_is_not() -> None:
    attempts = Attempts(errors.NotFound("404"))
    with pytest.raises(errors.NotFound):
        await persist(attempts, AT_ONCE)
    assert attempts.count == 1


async def test_a_bug_is_not_hidden_by_patience() -> None:
    attempts = Attempts(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await persist(attempts, AT_ONCE)
    assert attempts.count == 1


async def test_retries_are_the_attempts_after_the_first() -> None:
    attempts = Attempts(*[errors.Stalled("silence")] * 10)
    with pytest.raises(errors.Stalled):
        await persist(attempts, AT_ONCE)
    assert attempts.count == 4


async def test_an_expired_url_is_renewed_only_so_often() -> None:
    attempts = Attempts(*[errors.UrlExpired("403")] * 10)
    with pytest.raises(errors.UrlExpired):
        await persist(attempts, Settings(retries=9, wait_base=0.0))
    assert attempts.count == 1 + MAX_RENEWALS


async def test_a_404_that_may_not_be_true_is_doubted_only_so_often() -> None:
    attempts = Attempts(*[errors.Vanished("404")] * 10)
    with pytest.raises(errors.Vanished):
        await persist(attempts, Settings(retries=9, wait_base=0.0))
    assert attempts.count == 1 + MAX_DOUBTS


async def test_a_retry_after_beyond_our_patience_ends_the_attempts() -> None:
    attempts = Attempts(errors.Busy("503", retry_after=1e9))
    with pytest.raises(errors.Busy):
        await persist(attempts, AT_ONCE)
    assert attempts.count == 1


async def test_a_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("asyncio.sleep", note)
    await persist(Attempts(errors.Busy("429", retry_after=7.0)), AT_ONCE)
    assert waits == [7.0]


async def test_waits_are_random_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def note(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("asyncio.sleep", note)
    await persist(Attempts(*[errors.Interrupted("cut")] * 8), Settings(retries=8, wait_base=1.0, wait_max=4.0))
    assert len(set(waits)) == 8
    assert all(0.0 <= wait <= min(4.0, 2.0**number) for number, wait in enumerate(waits))
