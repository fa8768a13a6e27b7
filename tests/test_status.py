"""How things stand: the journal's word held against the disk, without reading a file."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from imap_bulk.engine.commit import PartFile
from imap_bulk.engine.partial import PartRecord
from imap_bulk.errors import Busy, NotFound
from imap_bulk.journal import Journal
from imap_bulk.model import Direction, Outcome, Proof, Result, Status, Transfer
from imap_bulk.status import Parts, failures, survey

ARCHIVE = "https://archive.example"


def transfer(root: Path, key: str) -> Transfer:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(key.encode())
    return Transfer(Direction.PULL, key, path)


def done(transfer: Transfer) -> Outcome:
    return Outcome(transfer, Status.DONE, bytes=10, verified_by=Proof.ETAG)


@pytest.fixture
def pulled(tmp_path: Path) -> list[Transfer]:
    """Leave a data directory as a run of three files does."""
    several = [transfer(tmp_path, f"imap/{name}") for name in ("a", "b", "c")]
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.begin_run()
        for each in several:
            journal.write(done(each))
        journal.end_run(Result(wanted=3, done=3, seconds=1.5))
    return several


def test_what_was_pulled_is_counted_by_proof(tmp_path: Path, pulled: list[Transfer]) -> None:
    (side,) = survey(tmp_path).sides
    assert (side.direction, side.archive, side.files, side.bytes) == ("pull", ARCHIVE, 3, 18)
    assert side.proofs == {Proof.ETAG: 3}
    assert side.changed.count == side.missing.count == 0


def test_what_changed_and_what_is_missing_is_told_apart(tmp_path: Path, pulled: list[Transfer]) -> None:
    pulled[0].path.write_bytes(b"longer than before")
    pulled[2].path.unlink()
    (side,) = survey(tmp_path).sides
    assert (side.changed.keys, side.missing.keys) == (("imap/a",), ("imap/c",))


def test_a_pushed_file_may_go_its_own_way(tmp_path: Path) -> None:
    pushed = replace(transfer(tmp_path, "imap/a"), direction=Direction.PUSH)
    with Journal(tmp_path, ARCHIVE, Direction.PUSH) as journal:
        journal.write(done(pushed))
    pushed.path.unlink()
    (side,) = survey(tmp_path).sides
    assert (side.files, side.missing.count) == (1, 0)


def test_the_last_run_and_its_failures_are_remembered(tmp_path: Path) -> None:
    gone, busy = (transfer(tmp_path, f"imap/{name}") for name in ("gone", "busy"))
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.begin_run()
        journal.write(Outcome(gone, Status.FAILED, error=NotFound("imap/gone: it is not there")))
        journal.write(Outcome(busy, Status.FAILED, error=Busy("too busy")))
        journal.end_run(Result(wanted=2, failed=2, seconds=2.0))
    (side,) = survey(tmp_path).sides
    assert side.run
    assert (side.run.wanted, side.run.failed, side.run.seconds) == (2, 2, 2.0)
    told = [(failure.key, failure.kind, failure.passing) for failure in side.failures]
    assert told == [("imap/busy", "Busy", True), ("imap/gone", "NotFound", False)]
    assert failures(tmp_path, Direction.PULL) == list(side.failures)
    assert failures(tmp_path, Direction.PUSH) == []


def test_a_new_run_forgets_the_failures_of_the_one_before(tmp_path: Path) -> None:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.begin_run()
        journal.write(Outcome(transfer(tmp_path, "imap/a"), Status.FAILED, error=NotFound("gone")))
        journal.end_run(Result(wanted=1, failed=1))
        journal.begin_run()
        journal.end_run(Result())
    (side,) = survey(tmp_path).sides
    assert side.failures == ()


def test_a_run_that_was_killed_counts_as_cut_short(tmp_path: Path) -> None:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.begin_run()
    (side,) = survey(tmp_path).sides
    assert side.run
    assert side.run.seconds is None


def test_part_files_tell_what_they_would_save(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "a")
    part.write(0, b"x" * 100)
    record = PartRecord("imap/a", '"etag"', size=400, proven=80, digest="md5:" + "0" * 32)
    part.write_record(json.dumps(asdict(record)))
    part.release()
    assert survey(tmp_path).parts == Parts(1, 100, 80)


def test_part_files_of_a_running_process_are_not_left_over(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "a")
    assert survey(tmp_path).parts == Parts()
    part.discard()


def test_where_nothing_was_done_nothing_is_known_and_nothing_is_made(tmp_path: Path) -> None:
    standing = survey(tmp_path / "none")
    assert (standing.sides, standing.parts) == ((), Parts())
    assert not (tmp_path / "none").exists()
