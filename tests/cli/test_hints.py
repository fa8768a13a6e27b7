"""What a run has to teach about the next one."""

from dataclasses import replace

import pytest

from imap_bulk.cli.hints import more_jobs
from imap_bulk.model import Pacing, Result
from imap_bulk.settings import MIB, Settings

FAR = Pacing("archive", ((0.0, 4, "started"), (0.1, 8, "answers have a long way")), {7: 900, 3: 100})
NEAR = Pacing("archive", ((0.0, 4, "started"), (1.0, 8, "goodput grew 90%")), {7: 100, 3: 900})
FEWER = Pacing("archive", (*FAR.changes, (9.0, 4, "the host was busy (429, 503)")), FAR.durations)
UNASKED = Pacing("archive", ((0.0, 4, "started"),), {})

LONG = Result(
    wanted=5000, done=5000, skipped=0, failed=0, cancelled=0, passing=0, verified=5000,
    bytes=5000 * 16_384, seconds=60.0, failures=(),
)  # fmt: skip


def test_small_files_from_far_away_may_come_faster_with_more_requests_at_once() -> None:
    told = more_jobs(LONG, [NEAR, FAR], Settings(jobs=8))
    assert told == "most requests took their time, and 8 at once were the limit; try --jobs 32"


def test_that_fewer_were_tried_at_the_end_says_nothing() -> None:
    trying = replace(FAR, changes=(*FAR.changes, (55.0, 7, "trying fewer")))
    assert more_jobs(LONG, [trying], Settings(jobs=8))


def test_more_than_a_host_should_bear_are_never_advised() -> None:
    def told(jobs: int) -> str | None:
        return more_jobs(LONG, [replace(FAR, changes=((0.0, jobs, "started"),))], Settings(jobs=jobs))

    assert str(told(16)).endswith("--jobs 32")
    assert told(32) is None


@pytest.mark.parametrize("pacing", [NEAR, FEWER, UNASKED], ids=["near", "asked to be slower", "never asked"])
def test_nothing_is_said_where_more_would_bring_no_more(pacing: Pacing) -> None:
    assert more_jobs(LONG, [pacing], Settings(jobs=8)) is None


@pytest.mark.parametrize(
    "result",
    [replace(LONG, seconds=3.0), replace(LONG, done=0, bytes=0), replace(LONG, bytes=5000 * 8 * MIB)],
    ids=["short", "nothing moved", "large files"],
)
def test_nothing_is_said_of_runs_that_show_nothing(result: Result) -> None:
    assert more_jobs(result, [FAR], Settings(jobs=8)) is None


@pytest.mark.parametrize("settings", [Settings(limit_rate=1e6), Settings(limit_requests=5.0)])
def test_who_limits_a_run_is_not_told_to_hurry(settings: Settings) -> None:
    assert more_jobs(LONG, [FAR], settings) is None
