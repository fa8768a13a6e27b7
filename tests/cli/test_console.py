"""What a console writes, and when; with a clock that a test sets."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from imap_bulk.cli import words
from imap_bulk.cli.console import Console
from imap_bulk.cli.words import Verb
from imap_bulk.errors import Interrupted, NotFound
from imap_bulk.model import Direction, Outcome, Plan, Progress, Proof, Result, Status, Transfer


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


class Screen:
    """A console with its clock and what it wrote."""

    def __init__(self, verb: Verb = Verb.PULL, stderr: io.StringIO | None = None, **given: Any) -> None:
        self.now = 0.0
        self.out = io.StringIO()
        self.err = stderr or io.StringIO()
        self.console = Console(verb, stdout=self.out, stderr=self.err, clock=lambda: self.now, **given)

    def show(self, *events: Any, now: float = 0.0) -> None:
        self.now = now
        for event in events:
            self.console(event)
        self.console.paint()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.getvalue().splitlines()]


def transfer(number: int = 1, size: int | None = None) -> Transfer:
    return Transfer(Direction.PULL, f"imap/f{number}", Path(f"data/imap/f{number}"), size)


def done(number: int, count: int = 1000, proof: Proof | None = Proof.REPR_DIGEST) -> Outcome:
    return Outcome(transfer(number), Status.DONE, 1, 0.5, count, verified_by=proof)


def failed(number: int) -> Outcome:
    return Outcome(transfer(number), Status.FAILED, error=NotFound(f"imap/f{number}: gone"))


def test_elsewhere_than_on_a_terminal_a_line_comes_every_ten_seconds() -> None:
    screen = Screen()
    screen.show(Plan(3, 0, 3, 0))
    for second in range(31):
        screen.show(Progress(transfer(), second * 1_000_000), now=float(second))
    assert screen.err.getvalue().splitlines() == [
        "pull: 0/3 files, 10 MB, 1.0 MB/s",
        "pull: 0/3 files, 20 MB, 1.0 MB/s",
        "pull: 0/3 files, 30 MB, 1.0 MB/s",
    ]
    assert screen.out.getvalue() == ""


def test_progress_is_told_to_programs_once_a_second_at_most() -> None:
    screen = Screen(json=True)
    screen.show(Plan(1, 0, 1, 0))
    for tenth in range(31):
        screen.show(Progress(transfer(), tenth), now=tenth / 10)
    told = [event for event in screen.events() if event["event"] == "progress"]
    assert [event["bytes"] for event in told] == [10, 20, 30]
    assert told[0] == {"schema": 1, "event": "progress", "files": 0, "of": 1, "bytes": 10, "seconds": 1.0}


def test_a_retry_corrects_the_bytes() -> None:
    screen = Screen()
    screen.show(Plan(2, 0, 2, 0), Progress(transfer(), 5_000_000), Progress(transfer(), 1_000_000))
    screen.show(now=10.0)
    assert screen.err.getvalue().startswith("pull: 0/2 files, 1.0 MB, ")


def test_known_sizes_are_shown_as_a_whole() -> None:
    screen = Screen()
    screen.show(Plan(2, 4_000_000, 0, 0), done(1, 1_000_000), now=1.0)
    screen.show(now=10.0)
    assert screen.err.getvalue().startswith("pull: 1/2 files, 1.0 MB of 4.0 MB, ")


def test_a_terminal_has_a_bar_of_files_when_sizes_are_unknown() -> None:
    screen = Screen(stderr=Terminal())
    screen.show(Plan(4, 0, 4, 0), done(1))
    shown = screen.err.getvalue()
    assert " 25%|" in shown
    assert "1/4 files, 1.0 kB, " in shown
    screen.show(Result(wanted=4, done=4))


def test_a_terminal_has_a_bar_of_bytes_when_sizes_are_known() -> None:
    screen = Screen(stderr=Terminal())
    screen.show(Plan(2, 4000, 0, 0), done(1))
    shown = screen.err.getvalue()
    assert " 25%|" in shown
    assert "1/2 files, 1.0 kB of 4.0 kB, " in shown
    screen.show(Result(wanted=2, done=2))


def test_a_plan_that_is_not_whole_says_so_and_grows() -> None:
    screen = Screen(stderr=Terminal())
    screen.show(Plan(2, 4000, 0, 0, is_whole=False), done(1))
    assert "1/2 files and more, 1.0 kB of 4.0 kB and more, " in screen.err.getvalue()
    screen.show(Plan(4, 10_000, 0, 0))
    assert " 10%|" in screen.err.getvalue()
    assert "1/4 files, 1.0 kB of 10 kB, " in screen.err.getvalue()
    screen.show(Result(wanted=4, done=4))


def test_programs_are_told_whether_a_plan_is_whole() -> None:
    screen = Screen(json=True)
    screen.show(Plan(2, 0, 2, 0, is_whole=False), Plan(4, 0, 4, 1))
    assert [(event["files"], event["whole"]) for event in screen.events()] == [(2, False), (4, True)]


def test_a_failure_is_one_line_at_once() -> None:
    screen = Screen()
    screen.show(Plan(2, 0, 2, 0), failed(1))
    assert screen.err.getvalue() == "Failed: imap/f1: gone\n"


def test_a_failure_names_its_file_even_where_the_error_does_not() -> None:
    screen = Screen()
    screen.show(Outcome(transfer(7), Status.FAILED, error=Interrupted("the connection broke")))
    assert screen.err.getvalue() == "Failed: imap/f7: the connection broke\n"


def test_failures_beyond_twenty_are_counted() -> None:
    screen = Screen()
    screen.show(Plan(25, 0, 25, 0), *(failed(number) for number in range(25)))
    screen.show(Result(wanted=25, failed=25))
    lines = screen.err.getvalue().splitlines()
    assert len(lines) == 21
    assert lines[20] == "… and 5 more failed (--json names every one)"


def test_the_summary_counts_everything() -> None:
    screen = Screen()
    screen.show(Plan(5, 0, 5, 1), done(1), done(2), failed(3))
    result = Result(6, done=2, skipped=1, failed=1, cancelled=2, verified=3, bytes=1_200_000_000, seconds=3.4)
    screen.show(result)
    assert screen.out.getvalue().startswith(
        "6 files: 2 pulled, 1 already there, 1 failed, 2 cancelled; 1.2 GB in 3.4 s (353 MB/s); all verified ("
    )


def test_files_that_nothing_verified_are_said_plainly() -> None:
    screen = Screen()
    screen.show(Plan(3, 0, 3, 0), done(1), done(2, proof=Proof.SIZE), done(3, proof=None))
    screen.show(Result(wanted=3, done=3, verified=1))
    assert screen.out.getvalue() == (
        "3 files: 3 pulled; 1 verified (1 by repr-digest), 1 NOT verified: only the size could be compared, "
        "1 NOT verified: there was nothing to compare with\n"
    )


def test_proofs_are_counted_apart_in_their_order_of_strength() -> None:
    screen = Screen()
    screen.show(done(1, proof=Proof.ETAG), done(2, proof=Proof.MANIFEST), done(3, proof=Proof.ETAG))
    screen.show(Result(wanted=3, done=3, verified=3))
    assert "all verified (1 by manifest, 2 by etag-md5)" in screen.out.getvalue()


@pytest.mark.parametrize(
    ("result", "advice"),
    [
        (Result(wanted=1, done=1), None),
        (Result(wanted=2, failed=1, cancelled=1), None),
        (Result(wanted=2, failed=2, passing=2), "Another try may help: run the same command again"),
        (Result(wanted=2, failed=2, passing=1), "Another try may help 1 of them; see to the causes of the others"),
        (Result(wanted=2, failed=2), "See to the causes above, then run the same command again"),
    ],
)
def test_after_failures_it_says_what_to_do(result: Result, advice: str | None) -> None:
    said = words.advice(Verb.PULL, result)
    assert said == advice if advice is None else said is not None and said.startswith(advice)


def test_quiet_tells_nothing_but_failures() -> None:
    screen = Screen(stderr=Terminal(), quiet=True)
    screen.show(Plan(2, 0, 2, 0), done(1), failed(2), now=20.0)
    screen.show(Result(wanted=2, done=1, failed=1), now=40.0)
    assert (screen.out.getvalue(), screen.err.getvalue()) == ("", "Failed: imap/f2: gone\n")


def test_a_pipe_that_breaks_does_not_end_the_run() -> None:
    broken = Console(Verb.PULL, json=True, stdout=Broken(), stderr=Broken())
    with broken as console:
        console(Plan(1, 0, 1, 0))
        console(failed(1))
        console(Result(wanted=1, failed=1))


def test_leaving_a_console_writes_what_is_left() -> None:
    screen = Screen()
    with screen.console as console:
        console(Plan(1, 0, 1, 0))
        console(done(1))
        console(Result(wanted=1, done=1, verified=1, bytes=1000, seconds=0.5))
    assert (
        screen.out.getvalue() == "1 file: 1 pulled; 1.0 kB in 0.5 s (2.0 kB/s); all verified (1 by repr-digest)\n"
    )


def test_an_outcome_in_json_says_all_there_is_to_say() -> None:
    screen = Screen(json=True)
    screen.show(done(1))
    assert screen.events() == [
        {
            "schema": 1,
            "event": "outcome",
            "status": "done",
            "direction": "pull",
            "key": "imap/f1",
            "path": "data/imap/f1",
            "size": None,
            "digest": None,
            "attempts": 1,
            "seconds": 0.5,
            "bytes": 1000,
            "verified_by": "repr-digest",
            "cached": False,
            "error": None,
        }
    ]


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (1_234_567_890, "1.2 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_sizes_are_decimal(count: float, said: str) -> None:
    assert words.size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0312, "31 ms"),
        (0.1, "0.1 s"),
        (3.44, "3.4 s"),
        (59.97, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3720, "1 h 2 min"),
    ],
)
def test_times_are_said_as_people_do(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said
