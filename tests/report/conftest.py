"""A recorder that has heard a run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imap_bulk.digest import Digest
from imap_bulk.errors import BulkError, Interrupted, NotFound
from imap_bulk.model import (
    Direction,
    Event,
    Outcome,
    Pacing,
    Plan,
    Progress,
    Proof,
    Result,
    Setback,
    Status,
    Transfer,
)  # fmt: skip
from imap_bulk.report import Doing, Recorder

DIGEST = Digest("sha256", "a" * 64)
HOSTILE = "imap/<script>alert('x')</script>&\"\udcff\u202e.cdf"
DOING = Doing("pull", "https://archive.example", "data", "imap-bulk pull <b>")

Hear = Callable[..., Recorder]


def transfer(key: str) -> Transfer:
    return Transfer(Direction.PULL, key, Path("data") / key)


def done(key: str, seconds: float = 1.0) -> Outcome:
    return Outcome(transfer(key), Status.DONE, 1, seconds, 1000, DIGEST, Proof.MANIFEST)


def failed(key: str, error: BulkError) -> Outcome:
    return Outcome(transfer(key), Status.FAILED, 3, 1.0, error=error)


@pytest.fixture
def hear() -> Iterator[Hear]:
    """Make a recorder, whose clock goes on by a quarter second with every look, and let it hear events."""
    recorders: list[Recorder] = []

    def hear(*events: Event) -> Recorder:
        ticks = iter(range(10_000_000))
        recorder = Recorder(DOING, lambda: next(ticks) / 4)
        recorders.append(recorder)
        for event in events:
            recorder(event)
        return recorder

    yield hear
    for recorder in recorders:
        recorder.close()


@pytest.fixture
def run_of_three(hear: Hear) -> Recorder:
    """Hear a run of which one file came, one was there, and one with a hostile name failed."""
    there = Outcome(transfer("imap/there.cdf"), Status.SKIPPED, digest=DIGEST, verified_by=Proof.RECORD)
    return hear(
        there,
        Plan(2, 2000, 0, 1),
        Progress(transfer("imap/a.cdf"), 600),
        Setback(transfer("imap/a.cdf"), "storage.example", 1, Interrupted("it broke")),
        Progress(transfer("imap/a.cdf"), 1000),
        done("imap/a.cdf"),
        failed(HOSTILE, NotFound(f"{HOSTILE}: <img src=x onerror=alert(1)>")),
        Pacing("archive", ((0.0, 4, "started"), (0.5, 8, "trying <more>")), {4: 10, 6: 2}),
        Result(wanted=3, done=1, skipped=1, failed=1, verified=2, bytes=1000, seconds=2.0),
    )
