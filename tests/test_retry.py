"""Which fault deserves another attempt, and when."""

import math

import pytest
from tests.engine.virtual_time import clock, in_virtual_time

from imap_bulk import errors
from imap_bulk.retry import MAX_DOUBTS, MAX_RENEWALS, Surroundings, persist
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


def test_a_search_waits_for_a_busy_archive_as_long_as_a_transfer_does() -> None:
    """Both come back after `retry_after_max` at the latest, and both give up after `outage_max`."""
    attempts = Attempts(*[errors.Busy("the archive answered 503", retry_after=4000.0)] * 10)
    began: list[float] = []

    async def noting() -> str:
        began.append(clock())
        return await attempts()

    async def story() -> None:
        with pytest.raises(errors.Busy, match="answered 503; it asks to be left alone for 1:06:40") as caught:
            await persist(noting, Settings(wait_base=0.0, retry_after_max=300.0, outage_max=600.0))
        assert caught.value.retry_after == 4000.0

    in_virtual_time(story())
    assert began == [0.0, 300.0, 600.0]


def test_being_told_when_to_come_back_uses_up_no_retries() -> None:
    attempts = Attempts(*[errors.Busy("503", retry_after=5.0)] * 12)
    assert in_virtual_time(persist(attempts, AT_ONCE)) == "done"
    assert attempts.count == 13


@pytest.mark.parametrize("retry_after", [None, 0.0, -5.0, math.nan, math.inf])
def test_being_busy_without_a_time_does(retry_after: float | None) -> None:
    attempts = Attempts(*[errors.Busy("503", retry_after)] * 10)
    with pytest.raises(errors.Busy, match=r"^503$"):
        in_virtual_time(persist(attempts, AT_ONCE))
    assert attempts.count == 4


def test_a_file_that_is_always_put_off_uses_up_its_retries_where_others_wait_in_line() -> None:
    class InLine(Surroundings):
        is_paced = True

    attempts = Attempts(*[errors.Busy("503", retry_after=5.0)] * 10)
    with pytest.raises(errors.Busy):
        in_virtual_time(persist(attempts, AT_ONCE, InLine()))
    assert attempts.count == 4


def test_a_long_wait_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "imap_bulk")
    in_virtual_time(persist(Attempts(errors.Busy("the archive answered 503", 60.0)), AT_ONCE))
    in_virtual_time(persist(Attempts(errors.Busy("the archive answered 429", 5.0)), AT_ONCE))
    assert [record.message for record in caplog.records if record.name == "imap_bulk.retry"] == [
        "the archive answered 503; trying again in 60 s"
    ]


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
