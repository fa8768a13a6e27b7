"""How hard a host is pressed, and when it is left alone. Told in virtual time; the hosts are simulated."""

import asyncio
import contextlib
import math
import random
import statistics
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.virtual_time import Outage, Saturated, clock, in_virtual_time

from imap_bulk import errors
from imap_bulk.engine.pace import Pace, Paces, Turn
from imap_bulk.engine.pace.buckets import Budget
from imap_bulk.engine.pace.climb import Climb
from imap_bulk.settings import MIB, Settings

WORKERS = 8


def pace_of(seed: int = 0, **wishes: Any) -> Pace:
    return Pace(Settings(**wishes), clock=clock, uniform=random.Random(seed).uniform, host="storage.example")


async def one_turn(pace: Pace, error: BaseException | None = None, seconds: float = 0.1) -> float:
    """Take a turn that ends with `error`, and tell when it began."""
    try:
        async with pace.turn() as turn:
            await asyncio.sleep(seconds)
            if error:
                raise error
    except errors.BulkError as caught:
        if caught is not error:
            raise
    return turn.began


async def bring_down(pace: Pace, error: errors.TransientError | None = None) -> None:
    """Fail until the host is taken for down."""
    while not pace.is_down:
        await one_turn(pace, error or errors.Interrupted("cut"))


def told(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story()

    in_virtual_time(whole())


# -- turns ------------------------------------------------------------------------------------------------


def test_no_more_turns_than_the_limit_run_at_once_and_the_first_to_ask_goes_first() -> None:
    async def story() -> None:
        pace = pace_of(jobs=3)
        order: list[int] = []
        most = 0

        async def worker(number: int) -> None:
            nonlocal most
            async with pace.turn():
                order.append(number)
                most = max(most, pace.running)
                await asyncio.sleep(random.Random(number).random())

        await asyncio.gather(*(worker(number) for number in range(30)))
        assert order == list(range(30))
        assert (most, pace.running) == (3, 0)

    told(story)


def test_the_start_is_never_above_the_ceiling() -> None:
    async def story() -> None:
        assert pace_of(jobs=2, jobs_start=4).limit == 2
        assert [tuple(change) for change in pace_of().history] == [(0.0, 4, "started")]

    told(story)


@pytest.mark.parametrize(
    ("latency", "limit"),
    [(0.001, 4), (0.004, 4), (0.02, 16), (0.06, 48), (0.5, 64)],
    ids=["next door", "near", "far", "farther", "or only slow"],
)
def test_a_far_host_may_get_more_from_the_first_answer_on(latency: float, limit: int) -> None:
    pace = Pace(Settings(jobs=128))
    pace.reach(latency)
    assert pace.limit == limit


def test_how_far_a_host_is_counts_no_more_once_it_has_refused() -> None:
    async def story() -> None:
        pace = pace_of(jobs=64)
        await one_turn(pace, errors.Busy("busy", 1.0))
        pace.reach(0.08)
        assert pace.limit == 2

    told(story)


def test_one_host_has_one_pace_and_another_host_another() -> None:
    paces = Paces(Settings())
    assert paces.of("archive") is paces.of("archive")
    assert paces.of("archive") is not paces.of("storage.example")


# -- the Retry-After gate ---------------------------------------------------------------------------------


def test_a_busy_host_is_left_alone_by_everybody_until_its_retry_after() -> None:
    async def story() -> None:
        pace = pace_of()
        await one_turn(pace, errors.Busy("503", 7.0))
        began = await asyncio.gather(*(one_turn(pace) for _ in range(3)))
        assert min(began) == pytest.approx(7.1)

    told(story)


def test_what_a_host_tells_another_process_holds_here_too() -> None:
    async def story() -> None:
        pace = pace_of(jobs_start=8)
        pace.hear_of(errors.Busy("busy", retry_after=7.0))
        assert pace.limit == 4
        assert min(await asyncio.gather(*(one_turn(pace) for _ in range(WORKERS)))) >= 7.0

    told(story)


def test_a_share_of_the_requests_is_kept_at_once_and_given_back_later() -> None:
    async def story() -> None:
        paces = Paces(Settings(jobs=8, jobs_start=8), clock=clock)
        known = paces.of("known")
        paces.narrow(3)
        assert (known.limit, paces.of("new").limit) == (3, 3)
        begun = [await known.begin() for _ in range(3)]
        waiting = asyncio.ensure_future(known.begin())
        await asyncio.sleep(1.0)
        assert (known.running, waiting.done()) == (3, False)
        known.end(begun[0], None)
        await waiting
        paces.narrow(8)
        assert paces.of("another").limit == 8

    told(story)


def test_a_retry_after_of_years_is_cut_to_the_longest_we_wait() -> None:
    async def story() -> None:
        pace = pace_of(retry_after_max=300.0)
        await one_turn(pace, errors.Busy("503", 1e9))
        assert await one_turn(pace) == pytest.approx(300.1)

    told(story)


@pytest.mark.parametrize("retry_after", [None, 0.0, -5.0, math.nan])
def test_a_retry_after_that_names_no_time_is_replaced_by_a_growing_pause(retry_after: float | None) -> None:
    async def story() -> None:
        pace = pace_of()
        began = [await one_turn(pace, errors.Busy("503", retry_after)) for _ in range(4)]
        pauses = [later - earlier - 0.1 for earlier, later in pairwise(began)]
        for pause, bound in zip(pauses, (0.5, 2.0, 8.0), strict=True):
            assert 0.9 * bound - 1e-6 <= pause <= bound + 1e-6

    told(story)


def test_concurrency_halves_once_for_all_refusals_of_one_round_trip() -> None:
    async def story() -> None:
        pace = pace_of(jobs=16, jobs_start=16)
        await asyncio.gather(*(one_turn(pace, errors.Busy("503", 1.0), 0.1 + 0.01 * n) for n in range(16)))
        assert pace.limit == 8
        assert pace.history[-1].why == "the host was busy (429, 503)"

    told(story)


def test_concurrency_never_falls_below_one() -> None:
    async def story() -> None:
        pace = pace_of()
        for _ in range(6):
            await one_turn(pace, errors.Busy("503", 1.0))
            await one_turn(pace)
        assert pace.limit == 1

    told(story)


def test_one_refusal_without_lasting_reason_is_made_up_for_as_goodput_allows() -> None:
    async def story() -> None:
        pace = pace_of(jobs_start=8)
        failing: list[errors.BulkError] = [errors.Busy("503")]

        async def worker() -> None:
            while clock() < 20:
                await one_turn(pace, failing.pop() if failing else None, 0.2)

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        assert [change.limit for change in pace.history] == [8, 4, 6, 8]

    told(story)


def test_a_second_halving_soon_after_is_taken_for_a_limit_of_the_host() -> None:
    async def story() -> None:
        pace = pace_of(jobs_start=8)
        failing = [30.0, 10.0]

        async def worker() -> None:
            while clock() < 38:
                busy = failing and clock() >= failing[-1] and failing.pop()
                await one_turn(pace, errors.Busy("503") if busy else None, 0.2)

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        assert [change.limit for change in pace.history][:6] == [8, 4, 6, 8, 4, 5]
        assert pace.history[5].seconds - pace.history[4].seconds >= 4.0

    told(story)


def test_eight_refusals_of_one_round_trip_are_one_reason_to_wait() -> None:
    async def story() -> None:
        pace = pace_of(jobs_start=8)
        await asyncio.gather(*(one_turn(pace, errors.Busy("503")) for _ in range(8)))
        assert await one_turn(pace) <= 0.1 + 0.5

    told(story)


# -- the breaker ------------------------------------------------------------------------------------------


def test_a_host_that_is_down_is_asked_by_one_at_a_time_at_growing_intervals() -> None:
    async def story() -> None:
        pace = pace_of(outage_max=1e6)
        await bring_down(pace)
        down = clock()
        began: list[float] = []

        async def worker() -> None:
            while clock() < 500:
                began.append(await one_turn(pace, errors.Interrupted("refused")))
                assert pace.running == 0

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        pauses = [later - earlier for earlier, later in pairwise([down, *began])]
        assert max(pause for pause, at in zip(pauses, began, strict=True) if at < 60) <= 8.2
        assert 27.0 <= pauses[-1] <= 30.2
        assert pauses[0] <= 0.5
        assert sum(at < 60 for at in began) <= 12

    told(story)


def test_a_success_lets_everybody_through_again() -> None:
    async def story() -> None:
        pace = pace_of()
        await bring_down(pace)
        began = await asyncio.gather(*(one_turn(pace) for _ in range(5)))
        assert not pace.is_down
        assert began[1] - began[0] == pytest.approx(0.1)
        assert began[4] == began[1]

    told(story)


@pytest.mark.parametrize(
    "answer", [errors.NotFound("404"), errors.UrlExpired("403"), errors.DigestMismatch("flipped")]
)
def test_a_host_that_answers_is_alive_whatever_it_says(answer: errors.BulkError) -> None:
    async def story() -> None:
        pace = pace_of()
        for _ in range(30):
            await one_turn(pace, errors.ServerFault("500"))
            await one_turn(pace, answer)
            assert not pace.is_down

    told(story)


def test_after_two_failures_in_a_row_each_request_waits_for_the_first_bytes_of_the_one_before() -> None:
    async def story() -> None:
        pace = pace_of()
        for _ in range(2):
            await one_turn(pace, errors.Interrupted("reset"))
        began: list[float] = []

        async def worker() -> None:
            async with pace.turn() as turn:
                began.append(clock())
                await asyncio.sleep(0.1)
                turn.count(1)
                await asyncio.sleep(5)

        await asyncio.gather(*(worker() for _ in range(4)))
        assert began == pytest.approx([0.2, 0.3, 0.4, 0.5])

    told(story)


def test_the_first_bytes_of_a_host_that_fails_each_time_end_no_row_of_failures() -> None:
    async def story() -> None:
        pace = pace_of()

        async def worker() -> None:
            for _ in range(3):
                with contextlib.suppress(errors.Stalled):
                    async with pace.turn() as turn:
                        turn.count(1)
                        await asyncio.sleep(0.1)
                        raise errors.Stalled("drips")

        await asyncio.gather(*(worker() for _ in range(2)))
        assert pace.is_down

    told(story)


def test_after_one_failure_nobody_waits() -> None:
    async def story() -> None:
        pace = pace_of()
        await one_turn(pace, errors.Interrupted("reset"))
        began = await asyncio.gather(*(one_turn(pace) for _ in range(4)))
        assert began == pytest.approx([0.1] * 4)

    told(story)


def test_the_first_bytes_of_a_probe_let_the_others_go_on() -> None:
    async def story() -> None:
        pace = pace_of()
        await bring_down(pace)

        async def long_body() -> None:
            async with pace.turn() as turn:
                turn.count(1)
                await asyncio.sleep(3600)

        probe = asyncio.create_task(long_body())
        await one_turn(pace)
        assert clock() < 10
        probe.cancel()
        await asyncio.wait([probe])

    told(story)


def test_a_success_from_before_the_failures_does_not_pass_for_recovery() -> None:
    async def story() -> None:
        pace = pace_of()
        old = asyncio.create_task(one_turn(pace, seconds=2.0))
        await asyncio.sleep(0)
        await bring_down(pace, errors.Stalled("silence"))
        await old
        assert pace.is_down

    told(story)


def test_a_cancelled_probe_frees_the_probe() -> None:
    async def story() -> None:
        pace = pace_of()
        await bring_down(pace)
        probe = asyncio.create_task(one_turn(pace, seconds=100.0))
        await asyncio.sleep(1)
        other = asyncio.create_task(one_turn(pace))
        await asyncio.sleep(1)
        assert pace.running == 1
        probe.cancel()
        assert await other == pytest.approx(clock() - 0.1)
        assert not pace.is_down

    told(story)


def test_trouble_of_this_machine_says_nothing_about_the_host() -> None:
    async def story() -> None:
        pace = pace_of()
        await bring_down(pace)
        with pytest.raises(OSError, match="full"):
            await one_turn(pace, OSError("the disk is full"))
        assert pace.is_down
        assert pace.running == 0

    told(story)


@pytest.mark.parametrize("last", [errors.Interrupted("refused"), errors.Busy("503", 20.0)])
def test_a_host_that_stays_away_is_not_waited_for_for_ever(last: errors.TransientError) -> None:
    async def story() -> None:
        pace = pace_of(outage_max=600.0)
        gone: list[float] = []

        async def press() -> None:
            while True:
                await one_turn(pace, last)

        async def worker() -> None:
            with pytest.raises(type(last), match=r"storage\.example has not answered for 10 minutes"):
                await press()
            gone.append(clock())

        await asyncio.gather(*(worker() for _ in range(WORKERS)))
        assert pace.is_lost
        assert all(600 <= at <= 632 for at in gone)
        await asyncio.sleep(60)
        await one_turn(pace)
        assert not pace.is_lost

    told(story)


def test_a_lone_file_is_put_off_no_longer_than_an_outage_lasts_and_told_when_to_come_back() -> None:
    async def story() -> None:
        pace = pace_of(retry_after_max=300.0, outage_max=600.0)
        busy = errors.Busy("503", 4000.0)
        await one_turn(pace, busy)
        await one_turn(pace, busy)
        with pytest.raises(errors.Busy, match="it asks to be left alone for 1:06:40"):
            await one_turn(pace, busy)
        assert pace.is_lost
        assert clock() == pytest.approx(600, abs=1)

    told(story)


# -- an outage, told whole --------------------------------------------------------------------------------


async def survive(host: Outage, pace: Pace, files: int) -> None:
    """Let eight workers fetch `files`, as the engine does."""
    wanted = iter(range(files))

    async def worker() -> None:
        for _ in wanted:
            while not await attempt():
                pass

    async def attempt() -> bool:
        try:
            async with pace.turn() as turn:
                await host.get(turn)
        except errors.TransientError:
            return False
        return True

    await asyncio.gather(*(worker() for _ in range(WORKERS)))


@pytest.mark.parametrize("retry_after", [1.0, 5.0, 30.0, None, 0.0, -3.0, 1e9])
@pytest.mark.parametrize("seed", range(5))
def test_an_outage_costs_a_tenth_of_a_request_per_file_and_no_file(retry_after: float | None, seed: int) -> None:
    host = Outage(12.0, 72.0, retry_after, seed)
    told(lambda: survive(host, pace_of(seed), 200))
    assert len(host.served) == 200
    assert host.requests <= 1.10 * 200
    assert host.too_early == 0


def test_an_outage_is_no_reason_to_go_on_with_fewer() -> None:
    async def story() -> None:
        pace = pace_of()
        await survive(Outage(12.0, 72.0, 5.0, seed=1), pace, 200)
        assert [change.limit for change in pace.history][:7] == [4, 8, 4, 5, 6, 7, 8]
        assert pace.history[5].why == "climbing back after the outage"

    told(story)


@pytest.mark.parametrize(
    "seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(5, 1000))]
)
def test_also_when_all_eight_requests_in_flight_are_caught_by_it(seed: int) -> None:
    host = Outage(12.0, 72.0, None, seed, catches=True)
    told(lambda: survive(host, pace_of(seed), 200))
    assert len(host.served) == 200
    assert host.requests <= 1.10 * 200


@pytest.mark.parametrize("retry_after", [1.0, 5.0, 30.0, None, 1e9])
@pytest.mark.parametrize("seed", range(3))
def test_ten_seconds_after_an_outage_the_host_is_used_as_before(retry_after: float | None, seed: int) -> None:
    host = Outage(20.0, 80.0, retry_after, seed)
    told(lambda: survive(host, pace_of(seed), 500))
    back = max(host.end, host.may_come)
    assert host.rate(back + 10, back + 20) >= 0.9 * host.rate(host.begin - 10, host.begin)


# -- the search for the best concurrency ------------------------------------------------------------------


def limits(best: int, size: Callable[[], int], seconds: float, seed: int = 0, **wishes: Any) -> list[int]:
    """Press a host that saturates at `best` streams with 24 workers; the limit at each later second."""

    async def story() -> list[int]:
        pace = pace_of(seed, jobs=24, **wishes)
        host = Saturated(best, seed)

        async def worker() -> None:
            while clock() < seconds:
                async with pace.turn() as turn:
                    await host.send(turn, size())

        workers = [asyncio.create_task(worker()) for _ in range(24)]
        await asyncio.sleep(seconds / 3)
        noted = []
        while clock() < seconds:
            noted.append(pace.limit)
            await asyncio.sleep(1)
        await asyncio.gather(*workers)
        return noted

    return in_virtual_time(story())


@pytest.mark.parametrize("size", [2_000, MIB], ids=["tiny", "large"])
@pytest.mark.parametrize("best", [3, 7, 12])
def test_the_limit_settles_where_more_brings_no_more(best: int, size: int) -> None:
    noted = limits(best, lambda: size, 40 if size < MIB else 120)
    assert best <= statistics.median(noted) <= best + 2
    assert max(noted) < 24


@pytest.mark.parametrize("size", [2_000, MIB], ids=["tiny", "large"])
def test_a_capped_link_is_not_pressed_in_vain(size: int) -> None:
    noted = limits(1, lambda: size, 60 if size < MIB else 200)
    assert statistics.median(noted) <= 3
    assert max(noted) <= 4


@pytest.mark.parametrize("seed", range(3))
def test_sizes_of_all_magnitudes_do_not_mislead_the_search(seed: int) -> None:
    sizes = random.Random(seed)
    noted = limits(12, lambda: int(sizes.lognormvariate(12, 2)), 150, seed)
    assert 11 <= statistics.median(noted) <= 16


def test_a_host_that_keeps_up_gets_all_the_jobs_there_are() -> None:
    assert min(limits(100, lambda: MIB, 120)) >= 20


def test_idle_workers_do_not_make_the_limit_grow() -> None:
    async def story() -> None:
        pace = pace_of()
        while clock() < 300:
            await one_turn(pace)
        assert pace.limit == 4

    told(story)


def test_the_history_is_bounded() -> None:
    climb = Climb(Settings(), now=0.0)
    for second in range(1000):
        climb.halve(second, second, "busy")
        climb.restore()
        for _ in range(2):
            climb.begin(second)
            climb.end(second, second, n_bytes=0, completed=True)
    assert climb.limit == 4
    assert len(climb.history) == 500


# -- what the streams of a run share ----------------------------------------------------------------------


@pytest.mark.parametrize("rate", [125_000.0, 12.5e6, 62.5e6])
def test_the_rate_of_all_streams_together_is_kept_without_bursts(rate: float) -> None:
    async def story() -> None:
        paces = Paces(Settings(limit_rate=rate), clock=clock)
        spent: list[tuple[float, int]] = []

        async def stream(piece: int) -> None:
            while clock() < 12:
                await paces.spend(piece)
                spent.append((clock(), piece))

        await asyncio.gather(*(stream(piece) for piece in (1_000, int(rate / 200), int(rate / 50))))
        for since in (0.0, 0.5, 1.9):
            moved = sum(piece for at, piece in spent if since <= at < since + 10)
            assert moved == pytest.approx(10 * rate, rel=0.05)
        at_once = sum(piece for at, piece in spent if at < 0.1)
        assert at_once <= (0.25 + 0.1) * rate

    told(story)


def test_a_spend_larger_than_the_bucket_is_paid_in_pieces_with_others_in_between() -> None:
    async def story() -> None:
        paces = Paces(Settings(limit_rate=1000.0), clock=clock)
        large = asyncio.create_task(paces.spend(5000))
        await asyncio.sleep(0.01)
        await paces.spend(10)
        assert clock() < 1
        await large
        assert clock() == pytest.approx(4.76, abs=0.1)

    told(story)


@pytest.mark.parametrize("rate", [1.0, 5.0, 100.0])
def test_requests_per_second_are_kept_over_all_hosts(rate: float) -> None:
    async def story() -> None:
        paces = Paces(Settings(limit_requests=rate, jobs=64, jobs_start=64), clock=clock)
        began: list[float] = []

        async def worker(host: str) -> None:
            while clock() < 13:
                began.append(await one_turn(paces.of(host)))

        await asyncio.gather(*(worker(host) for host in ("archive", "storage") for _ in range(20)))
        for since in (0.0, 0.7, 1.9):
            count = sum(since <= at < since + 10 for at in began)
            assert count == pytest.approx(10 * rate, rel=0.05)
        assert sum(at < 0.01 for at in began) <= max(1.0, rate / 4) + 1

    told(story)


def test_memory_is_lent_in_the_order_of_asking_and_never_beyond_the_budget() -> None:
    async def story() -> None:
        budget = Budget(100)
        order: list[int] = []

        async def hold(n_bytes: int) -> None:
            async with budget.hold(n_bytes):
                order.append(n_bytes)
                assert budget.free >= 0
                await asyncio.sleep(1)

        await asyncio.gather(*(hold(n_bytes) for n_bytes in (60, 70, 1, 500, 40, 2)))
        assert order == [60, 70, 1, 500, 40, 2]
        assert budget.free == 100

    told(story)


# -- cancellation -----------------------------------------------------------------------------------------

ENDS = (None, errors.Busy("503", 2.0), errors.Interrupted("cut"), errors.NotFound("404"), OSError("full"))
MOMENTS = st.floats(0.0, 20.0)
LIVES = st.tuples(MOMENTS, MOMENTS, st.sampled_from(ENDS), st.none() | MOMENTS)


@settings(max_examples=150, deadline=None)
@given(st.lists(LIVES, max_size=30))
def test_a_storm_of_cancellations_leaks_nothing(
    lives: list[tuple[float, float, Exception | None, float | None]],
) -> None:
    async def story() -> None:
        paces = Paces(Settings(limit_requests=20.0, limit_rate=1e4, memory_bytes=100), clock=clock)
        pace = paces.of("storage")

        async def live(start: float, seconds: float, end: Exception | None) -> None:
            await asyncio.sleep(start)
            async with paces.budget.hold(30), pace.turn() as turn:
                assert pace.running <= 8
                await paces.spend(3000)
                turn.count(3000)
                await asyncio.sleep(seconds)
                if end:
                    raise end

        tasks = []
        for start, seconds, end, cancelled in lives:
            tasks.append(task := asyncio.create_task(live(start, seconds, end)))
            if cancelled is not None:
                asyncio.get_running_loop().call_later(cancelled, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (pace.running, paces.budget.free) == (0, 100)
        async with asyncio.timeout(60), paces.budget.hold(100):
            await asyncio.gather(*(one_turn(pace) for _ in range(10)))

    told(story)


# -- the floor of one connection --------------------------------------------------------------------------


async def drip(paces: Paces, pieces: list[int], seconds: float = 1.0) -> float:
    """Receive a piece each second; tell when the connection was given up."""
    floor = paces.floor("imap/x.cdf")
    for piece in pieces:
        await asyncio.sleep(seconds)
        floor.count(piece)
        try:
            floor.check()
        except errors.Stalled:
            return clock()
    return math.inf


@pytest.mark.parametrize("before", [0, 20, 500])
def test_a_dripping_peer_is_given_up_within_thirty_seconds_and_a_tenth(before: int) -> None:
    async def story() -> None:
        at = await drip(Paces(Settings(), clock=clock), [MIB] * before + [1] * 100)
        assert before + 27 <= at <= before + 33

    told(story)


def test_a_slow_but_steady_peer_is_kept() -> None:
    async def story() -> None:
        assert await drip(Paces(Settings(), clock=clock), [1100] * 500) == math.inf

    told(story)


def test_time_that_we_waited_for_our_own_limit_is_not_held_against_the_peer() -> None:
    async def story() -> None:
        paces = Paces(Settings(limit_rate=100.0), clock=clock)
        floor = paces.floor("imap/x.cdf")
        for _ in range(100):
            await asyncio.sleep(0.1)
            floor.count(1000)
            floor.pause()
            await paces.spend(1000)
            floor.resume()
            floor.check()
        assert clock() > 900

    told(story)


def test_silence_for_a_whole_window_is_given_up() -> None:
    async def story() -> None:
        floor = Paces(Settings(), clock=clock).floor("imap/x.cdf")
        await asyncio.sleep(20)
        floor.count(MIB)
        await asyncio.sleep(5)
        await asyncio.sleep(25)
        with pytest.raises(errors.Stalled, match=r"imap/x\.cdf: only 0 bytes"):
            floor.check()

    told(story)


def test_a_floor_tells_how_long_the_next_piece_may_take() -> None:
    async def story() -> None:
        floor = Paces(Settings(), clock=clock).floor("imap/x.cdf")
        await asyncio.sleep(20)
        floor.count(MIB)
        assert floor.patience() is None
        await asyncio.sleep(25)
        floor.count(1)
        floor.check()
        assert floor.patience() == pytest.approx(5)
        await asyncio.sleep(5.001)
        with pytest.raises(errors.Stalled):
            floor.check()

    told(story)


def test_a_turn_knows_its_bytes() -> None:
    async def story() -> None:
        async with pace_of().turn() as turn:
            assert isinstance(turn, Turn)
            turn.count(3)
            turn.count(4)
        assert turn.bytes == 7

    told(story)
