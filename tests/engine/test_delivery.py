"""What is handed on instead of committed: verified bytes alone, tried again without being fetched again."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from tests.engine.scripted import CONTENT, Answer, Run, Storage, etag, flipped, good, ranged

from imap_bulk.digest import Digest
from imap_bulk.errors import Busy, Interrupted, Rejected, SourceChanged
from imap_bulk.model import Setback, Status, Stored, Transfer

MD5 = Digest("md5", etag().strip('"'))
STORED = Stored("s3://bucket/key", len(CONTENT), MD5.value)


@dataclass
class Place:
    """Takes files, after it has failed so often."""

    failures: list[Exception] = field(default_factory=list)
    taken: list[tuple[bytes, Digest]] = field(default_factory=list)
    tries: int = 0
    host: str = "store.example"
    most_bytes: int = 5 << 30

    async def deliver(self, _transfer: Transfer, part: Path, digest: Digest) -> Stored:
        self.tries += 1
        if self.failures:
            raise self.failures.pop(0)
        self.taken.append((part.read_bytes(), digest))
        return STORED


@pytest.fixture
def place(run: Run) -> Place:
    run.delivery = place = Place()
    return place


def left(run: Run) -> list[Path]:
    return [path for path in run.root.rglob("*") if path.is_file()]


async def test_verified_bytes_are_handed_on_and_nothing_stays(
    run: Run, storage: Storage, wanted: Transfer, place: Place
) -> None:
    storage.answers = [good()]
    (outcome,) = await run(wanted)
    assert place.taken == [(CONTENT, MD5)]
    assert (outcome.status, outcome.stored, outcome.bytes) == (Status.DONE, STORED, len(CONTENT))
    assert left(run) == []


async def test_wrong_bytes_are_never_handed_on(run: Run, storage: Storage, wanted: Transfer, place: Place) -> None:
    storage.answers = [flipped(), good()]
    await run(wanted)
    assert place.taken == [(CONTENT, MD5)]


async def test_what_cannot_be_handed_on_now_is_not_fetched_again(
    run: Run, storage: Storage, wanted: Transfer, place: Place
) -> None:
    storage.answers = [good()]
    place.failures = [Interrupted("broken"), Busy("slow down")]
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.attempts, place.tries, len(storage.requests)) == (Status.DONE, 3, 3, 1)
    assert {event.host for event in run.events if isinstance(event, Setback)} == {place.host}


async def test_bytes_that_have_rotted_on_the_disk_are_fetched_again(
    run: Run, storage: Storage, wanted: Transfer, place: Place
) -> None:
    storage.answers = [good()]
    place.failures = [SourceChanged("rotten")]
    (outcome,) = await run(wanted)
    assert (outcome.status, len(storage.requests), place.taken) == (Status.DONE, 2, [(CONTENT, MD5)])


@pytest.mark.parametrize("failures", [[Interrupted("broken")] * 9, [Rejected("too large")]])
async def test_what_cannot_be_handed_on_at_all_has_failed(
    run: Run, storage: Storage, wanted: Transfer, place: Place, failures: list[Exception]
) -> None:
    storage.answers = [good()]
    place.failures = list(failures)
    (outcome,) = await run(wanted)
    assert (outcome.status, place.taken, left(run)) == (Status.FAILED, [], [])


async def test_what_ends_the_run_ends_it(run: Run, storage: Storage, wanted: Transfer, place: Place) -> None:
    storage.answers = [good()]
    place.failures = [PermissionError("no longer yours")]
    with pytest.raises(PermissionError):
        await run(wanted)
    assert left(run) == []


async def test_a_file_that_is_too_large_is_refused_before_it_comes(
    run: Run, storage: Storage, wanted: Transfer, place: Place
) -> None:
    storage.answers = [good()]
    place.most_bytes = len(CONTENT) - 1
    (outcome,) = await run(wanted)
    assert (outcome.status, outcome.bytes, place.tries) == (Status.FAILED, 0, 0)
    assert "pull it to a disk" in str(outcome.error)


@pytest.mark.parametrize("answer", [good, ranged])
async def test_a_file_of_this_name_on_the_disk_is_not_looked_at(
    run: Run, storage: Storage, wanted: Transfer, place: Place, answer: Callable[[], Answer]
) -> None:
    wanted.path.parent.mkdir(parents=True)
    wanted.path.write_bytes(CONTENT)
    storage.answers = [answer()]
    (outcome,) = await run(replace(wanted, digest=MD5))
    assert (outcome.status, len(place.taken), wanted.path.read_bytes()) == (Status.DONE, 1, CONTENT)
