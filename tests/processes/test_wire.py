"""What engines tell other processes comes to the same at the other end."""

from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.digest import Digest
from imap_bulk.errors import Interrupted
from imap_bulk.model import Direction, Outcome, Proof, Status, Stored, Transfer
from imap_bulk.processes.wire import Dealt, Telling
from imap_bulk.stamp import Stamp

TRANSFER = Transfer(Direction.PULL, "imap/mag/a.cdf", Path("data/imap/mag/a.cdf"), 7)

OUTCOMES = st.builds(
    Outcome,
    st.just(TRANSFER),
    st.sampled_from([Status.DONE, Status.SKIPPED, Status.FAILED]),
    attempts=st.integers(0, 9),
    seconds=st.floats(0, 100),
    bytes=st.integers(0, 1 << 40),
    digest=st.none() | st.just(Digest("md5", "0" * 32)),
    verified_by=st.none() | st.sampled_from(Proof),
    is_cached=st.booleans(),
    stamp=st.none() | st.just(Stamp(7)),
    stored=st.none() | st.just(Stored("s3://bucket/a.cdf", 7, "abc")),
)


@given(OUTCOMES)
def test_an_outcome_is_heard_as_it_was_told(outcome: Outcome) -> None:
    assert _heard(outcome) == [outcome]


def test_why_a_transfer_has_failed_is_heard() -> None:
    error = Interrupted("a.cdf: cut off")
    heard = _heard(Outcome(TRANSFER, Status.FAILED, 6, 1.5, error=error))
    assert heard[0].error is error


def _heard(outcome: Outcome) -> list[Any]:
    telling, dealt = Telling(), Dealt({3: TRANSFER})
    heard: list[Any] = []
    telling.expect([(3, TRANSFER)])
    telling.take(outcome)
    dealt.hear(telling.collect(), heard.append)
    assert dealt.left() == []
    return heard
