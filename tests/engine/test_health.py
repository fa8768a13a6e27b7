"""Whether a host is down, or only some of its files are broken. Told in virtual time, with the usual patience."""

import random
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import pytest
from tests.engine.virtual_archive import SETTINGS, VirtualArchive
from tests.engine.virtual_time import clock, in_virtual_time

from imap_bulk import errors
from imap_bulk.engine.pace import Pace
from imap_bulk.engine.pace.known import KnownGood
from imap_bulk.model import Outcome, SignedUrl, Status
from imap_bulk.settings import Settings

GOOD = [f"good{number}" for number in range(20)]
BROKEN = [f"broken{number}" for number in range(6)]
MANY = [f"file{number}" for number in range(200)]


@pytest.fixture(autouse=True)
def same_waits() -> None:
    random.seed(1)


def pull(archive: VirtualArchive, root: Path, keys: list[str]) -> tuple[dict[str, Outcome], float]:
    """Pull, and tell how each ended, and how many seconds that took."""

    async def story() -> tuple[dict[str, Outcome], float]:
        return await archive.pull(root, keys), clock()

    return in_virtual_time(story())


def assert_only_broken_failed(outcomes: dict[str, Outcome]) -> None:
    """All others came, and the broken ones used up their attempts and say what befell them."""
    failed = {key: outcome for key, outcome in outcomes.items() if outcome.status is Status.FAILED}
    assert (len(outcomes), sorted(failed)) == (len(GOOD) + len(BROKEN), BROKEN)
    for key, outcome in failed.items():
        assert f"{key}: " in str(outcome.error)
        assert "answered 500" in str(outcome.error)
        assert 1 + SETTINGS.retries <= outcome.attempts <= 4 + SETTINGS.retries


ORDERS = {
    "last": GOOD + BROKEN,
    "first": BROKEN + GOOD,
    "mixed": sorted(GOOD + BROKEN, key=lambda key: (key[-1], key)),
}


@pytest.mark.parametrize("keys", ORDERS.values(), ids=ORDERS)
def test_broken_files_at_a_well_storage_use_up_their_attempts_and_no_more(tmp_path: Path, keys: list[str]) -> None:
    archive = VirtualArchive(broken=set(BROKEN))
    outcomes, seconds = pull(archive, tmp_path, keys)
    assert_only_broken_failed(outcomes)
    assert seconds < 45
    assert len(archive.asked) <= len(GOOD) + 1.5 * len(BROKEN) * (1 + SETTINGS.retries)


@pytest.mark.parametrize("keys", ORDERS.values(), ids=ORDERS)
def test_so_do_files_that_a_well_archive_never_signs(tmp_path: Path, keys: list[str]) -> None:
    outcomes, seconds = pull(VirtualArchive(unsigned=set(BROKEN)), tmp_path, keys)
    assert_only_broken_failed(outcomes)
    assert seconds < 45


@pytest.mark.parametrize("status", [500, 502, 503, 0])
def test_an_outage_of_whatever_kind_is_waited_out_and_costs_a_tenth_of_a_request_a_file(
    tmp_path: Path, status: int
) -> None:
    archive = VirtualArchive(status=status, outage=(12.0, 72.0))
    outcomes, _ = pull(archive, tmp_path, MANY)
    assert {outcome.status for outcome in outcomes.values()} == {Status.DONE}
    assert len(archive.asked) <= 1.10 * len(MANY)


def test_broken_files_do_not_hide_an_outage(tmp_path: Path) -> None:
    archive = VirtualArchive(broken=set(BROKEN), outage=(5.0, 65.0))
    outcomes, seconds = pull(archive, tmp_path, [*BROKEN, *GOOD])
    assert_only_broken_failed(outcomes)
    assert 65 < seconds < 120


def test_a_host_that_has_given_nothing_yet_is_waited_for(tmp_path: Path) -> None:
    archive = VirtualArchive(outage=(0.0, 300.0))
    outcomes, _ = pull(archive, tmp_path, GOOD)
    assert {outcome.status for outcome in outcomes.values()} == {Status.DONE}


def test_what_is_broken_since_it_was_given_keeps_nobody_from_the_rest(tmp_path: Path) -> None:
    archive = VirtualArchive(broken=set(BROKEN))
    archive.given_once = set(GOOD)
    outcomes, seconds = pull(archive, tmp_path, [*GOOD, *BROKEN, *MANY])
    assert {outcomes[key].status for key in [*GOOD, *MANY]} == {Status.DONE}
    assert seconds < 600


# -- one pace ---------------------------------------------------------------------------------------------


class Host:
    """Fails as it is told; its health checks go as they are told."""

    def __init__(self, is_known: bool = True, ill: errors.BulkError | None = None) -> None:
        self.is_known = is_known
        self.ill = ill
        self.asked: list[tuple[float, str]] = []

    @cached_property
    def pace(self) -> Pace:
        return Pace(Settings(), clock, uniform=random.Random(0).uniform, host="host", check=self.check)

    async def check(self, _: str) -> bool:
        if self.is_known:
            self.asked.append((clock(), "check"))
        if self.ill:
            raise self.ill
        return self.is_known

    async def turns(self, count: int, error: errors.TransientError) -> list[bool]:
        """Ask for one file after the other, all of which fail; tell after each whether it was the host."""
        down = []
        for _ in range(count):
            try:
                async with self.pace.turn():
                    self.asked.append((clock(), "file"))
                    raise error
            except errors.TransientError:
                down.append(self.pace.is_down)
        return down

    @property
    def order(self) -> list[str]:
        return [what for _, what in self.asked]


FAULT = errors.ServerFault("500")


def test_a_host_is_checked_with_what_it_has_given_from_the_fifth_failure_on() -> None:
    host = Host()
    down = in_virtual_time(host.turns(12, FAULT))
    assert host.order == ["file"] * 5 + ["check", "file"] * 2 + ["check"] + ["file"] * 5
    # Three checks agree that the host is well; from then on failures are the files'.
    assert down == [False] * 4 + [True] * 3 + [False] * 5


def test_a_host_whose_checks_fail_is_down_and_asked_at_growing_intervals() -> None:
    host = Host(ill=FAULT)
    down = in_virtual_time(host.turns(10, FAULT))
    assert host.order == ["file"] * 5 + ["check", "file"] * 5
    assert down == [False] * 4 + [True] * 6
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(host.asked[4:])]
    assert pauses[0] <= 0.5
    assert min(pauses[4:]) >= 7.2


def test_a_check_that_fails_takes_back_what_those_before_have_said() -> None:
    async def story() -> None:
        host = Host()
        await host.turns(12, FAULT)
        assert not host.pace.is_down
        host.ill = FAULT
        await host.turns(2, FAULT)
        assert host.pace.is_down

    in_virtual_time(story())


@pytest.mark.parametrize("error", [errors.Busy("503"), errors.Interrupted("refused"), errors.Stalled("silence")])
def test_only_a_host_that_answers_is_checked(error: errors.TransientError) -> None:
    host = Host()
    assert in_virtual_time(host.turns(8, error))[4:] == [True] * 4
    assert "check" not in host.order


def test_any_answer_to_a_check_is_a_sign_of_life() -> None:
    host = Host(ill=errors.UrlExpired("403"))
    assert in_virtual_time(host.turns(12, FAULT))[-1] is False


def test_where_nothing_is_known_files_go_on_being_the_probes() -> None:
    host = Host(is_known=False)
    assert in_virtual_time(host.turns(8, FAULT))[4:] == [True] * 4
    assert host.order == ["file"] * 8


# -- what is known ----------------------------------------------------------------------------------------


def url(name: str) -> SignedUrl:
    return SignedUrl("GET", f"https://host/{name}")


def test_what_was_given_is_asked_for_again_and_what_nobody_had_only_once() -> None:
    known = KnownGood()
    known.hope("host", url("a"))
    known.hope("host", url("b"))
    assert [known.take("host"), known.take("host"), known.take("other")] == [url("b"), None, None]
    known.note("host", url("c"))
    known.hear_of("host", url("d"))
    assert [known.take("host"), known.take("host")] == [url("c"), url("c")]


def test_each_host_is_told_of_once() -> None:
    known = KnownGood()
    known.note("host", url("a"))
    assert list(known.news()) == [("host", url("a"))]
    known.note("host", url("b"))
    known.hear_of("other", url("c"))
    assert list(known.news()) == [("other", url("c"))]
