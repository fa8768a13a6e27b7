"""The journal: what it vouches for, and how little rests on it."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from imap_bulk.digest import Digest
from imap_bulk.errors import NotFound
from imap_bulk.journal import Accepted, Delivered, Journal, Ledger, Voucher, schema
from imap_bulk.model import Direction, Outcome, Proof, Result, Status, Stored, Transfer, Wanted
from imap_bulk.stamp import Stamp

ARCHIVE = "https://archive.example"
DIGEST = Digest("md5", "9" * 32)


@pytest.fixture
def transfer(tmp_path: Path) -> Transfer:
    path = tmp_path / "imap" / "x.cdf"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    return Transfer(Direction.PULL, "imap/x.cdf", path)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        yield journal


def done(transfer: Transfer) -> Outcome:
    return Outcome(transfer, Status.DONE, digest=DIGEST, verified_by=Proof.ETAG)


def add(journal: Journal, *transfers: Transfer) -> list[str]:
    """Plan transfers, and return the keys of those that are new in the plan."""
    return [transfers[at].key for at in journal.add(list(map(Wanted.of, transfers)))]


def record_for(journal: Journal, transfer: Transfer) -> Voucher | None:
    """Return what makes a transfer needless."""
    return journal.vouchers([Wanted.of(transfer)]).get(0)


def test_what_was_done_is_vouched_for_by_the_next_run(tmp_path: Path, transfer: Transfer) -> None:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        record = record_for(journal, transfer)
    assert record == (str(DIGEST), Proof.ETAG)


def test_a_file_that_changed_since_is_not_vouched_for(journal: Journal, transfer: Transfer) -> None:
    journal.write(done(transfer))
    journal.flush()
    transfer.path.write_bytes(b"abcd")
    assert record_for(journal, transfer) is None


def test_a_file_that_is_gone_is_not_vouched_for(journal: Journal, transfer: Transfer) -> None:
    journal.write(done(transfer))
    journal.flush()
    transfer.path.unlink()
    assert record_for(journal, transfer) is None


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_what_did_not_succeed_is_not_vouched_for(journal: Journal, transfer: Transfer, status: Status) -> None:
    journal.write(replace(done(transfer), status=status))
    journal.flush()
    assert record_for(journal, transfer) is None


def test_another_archive_or_direction_is_another_matter(tmp_path: Path, transfer: Transfer) -> None:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
    with Journal(tmp_path, "https://dev.example", Direction.PULL) as journal:
        assert record_for(journal, transfer) is None
    with Journal(tmp_path, ARCHIVE, Direction.PUSH) as journal:
        assert record_for(journal, transfer) is None


def test_a_data_directory_can_be_moved(tmp_path: Path, transfer: Transfer) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    moved = replace(transfer, path=transfer.path.rename(old / "x.cdf"))
    with Journal(old, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(moved))
    old.rename(new)
    with Journal(new, ARCHIVE, Direction.PULL) as journal:
        assert record_for(journal, replace(moved, path=new / "x.cdf"))


def test_a_path_that_is_no_utf_8_is_kept_as_it_is(tmp_path: Path) -> None:
    strange = tmp_path / os.fsdecode(b"caf\xe9") / "x.cdf"
    strange.parent.mkdir()
    strange.write_bytes(b"abc")
    sent = Transfer(Direction.PUSH, "imap/x.cdf", strange)
    for data_dir in (tmp_path, strange.parent):
        with Journal(data_dir, ARCHIVE, Direction.PUSH) as journal:
            assert add(journal, sent) == ["imap/x.cdf"]
            assert [transfer.path for transfer in journal.todo()] == [strange]
            journal.begin_run()
            journal.write(Outcome(sent, Status.FAILED, error=NotFound(f"{strange} is gone")))
            journal.write(done(sent))
        with Journal(data_dir, ARCHIVE, Direction.PUSH) as journal, Ledger(data_dir) as ledger:
            assert record_for(journal, sent) == (str(DIGEST), Proof.ETAG)
            assert [record.path for record in journal.records()] == [str(strange)]
            assert [record.path for record in ledger.records(Direction.PUSH, ARCHIVE)] == [str(strange)]
            (failure,) = ledger.failures(Direction.PUSH, ARCHIVE)
            assert (failure.path, failure.said) == (str(strange), f"{strange} is gone")


def test_a_broken_journal_costs_time_not_correctness(tmp_path: Path, transfer: Transfer) -> None:
    (tmp_path / ".imap-bulk").mkdir()
    (tmp_path / ".imap-bulk" / "journal.sqlite3").write_bytes(b"not a database, " * 500)
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
        journal.flush()
        assert record_for(journal, transfer)


@pytest.mark.parametrize("is_written_here", [True, False])
def test_of_a_file_that_another_process_has_replaced_since_it_was_verified_nothing_is_recorded(
    journal: Journal, transfer: Transfer, is_written_here: bool
) -> None:
    status = transfer.path.stat()
    stamp = Stamp(status.st_ino) if is_written_here else Stamp.of(status)
    journal.write(replace(done(transfer), stamp=stamp))
    journal.flush()
    assert record_for(journal, transfer)
    other = transfer.path.with_name("other")
    other.write_bytes(b"cba")
    os.utime(other, ns=(status.st_mtime_ns + 1, status.st_mtime_ns + 1))
    other.replace(transfer.path)
    journal.write(replace(done(transfer), stamp=stamp))
    journal.flush()
    assert record_for(journal, transfer) is None


def damaged(data_dir: Path, transfer: Transfer) -> Path:
    """Leave a journal of which a disk has lost all but the first page, where its tables are described."""
    with Journal(data_dir, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
    path = data_dir / ".imap-bulk" / "journal.sqlite3"
    pages = path.read_bytes()
    path.write_bytes(pages[:4096].ljust(len(pages), b"\xff"))
    return path


def test_a_journal_that_is_damaged_inside_knows_nothing_and_the_next_run_has_a_new_one(
    tmp_path: Path, transfer: Transfer
) -> None:
    path = damaged(tmp_path, transfer)
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        assert record_for(journal, transfer) is None
        journal.begin_run()
        journal.write(done(transfer))
        journal.end_run(Result())
    assert path.with_suffix(".broken").is_file()
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
        journal.flush()
        assert record_for(journal, transfer)


def test_a_journal_that_another_process_keeps_locked_knows_nothing(
    tmp_path: Path, transfer: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_SECONDS", 0.0)
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
    path = tmp_path / ".imap-bulk" / "journal.sqlite3"
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert record_for(journal, transfer) is None


def test_who_must_read_a_journal_that_another_process_keeps_locked_is_told(
    tmp_path: Path, transfer: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that nothing is recorded: a nightly verification would be content with that."""
    monkeypatch.setattr(schema, "LOCK_SECONDS", 0.0)
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
    path = tmp_path / ".imap-bulk" / "journal.sqlite3"
    needed = partial(Journal, tmp_path, "", Direction.PULL, create=False, is_needed=True)
    with needed() as reader, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for read in (lambda: list(reader.records()), needed, partial(Ledger, tmp_path)):
            with pytest.raises(OSError, match="locked") as told:
                read()
            assert told.value.filename == str(path)


def test_who_must_read_a_journal_of_a_later_version_is_told(tmp_path: Path, old: Path) -> None:
    with closing(sqlite3.connect(old)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(OSError, match="the journal is of a later imap-bulk: upgrade this one"):
        Ledger(tmp_path)


def test_who_reads_of_nothing_but_a_damaged_journal_is_told_so_once(tmp_path: Path, transfer: Transfer) -> None:
    path = damaged(tmp_path, transfer)
    with Ledger(tmp_path) as ledger, pytest.raises(OSError, match="the journal is damaged") as told:
        ledger.holdings()
    assert told.value.filename == str(path)
    with Ledger(tmp_path) as ledger:
        assert ledger.holdings() == []


def test_without_a_place_to_write_the_journal_lasts_for_the_run(tmp_path: Path, transfer: Transfer) -> None:
    (tmp_path / ".imap-bulk").write_text("a file where the directory should be")
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
        journal.flush()
        assert record_for(journal, transfer)


def test_two_runs_may_write_at_the_same_time(tmp_path: Path, transfer: Transfer) -> None:
    with (
        Journal(tmp_path, ARCHIVE, Direction.PULL) as first,
        Journal(tmp_path, ARCHIVE, Direction.PULL) as second,
    ):
        add(first, replace(transfer, key="imap/a"))
        add(second, replace(transfer, key="imap/a"))
        first.write(done(transfer))
        first.flush()
        second.write(done(transfer))
        second.flush()
        assert record_for(first, transfer)


def test_the_plan_keeps_its_order_and_each_key_once(journal: Journal, tmp_path: Path) -> None:
    planned = [Transfer(Direction.PULL, f"imap/{n}", tmp_path / str(n), n, DIGEST) for n in range(1200)]
    keys = [transfer.key for transfer in planned]
    assert add(journal, *planned[:700], planned[0]) == keys[:700]
    assert add(journal, *planned[600:]) == keys[700:]
    assert add(journal, *planned) == []
    assert list(journal.todo()) == planned


def test_a_file_of_another_size_or_place_is_not_vouched_for(journal: Journal, transfer: Transfer) -> None:
    journal.write(done(transfer))
    journal.flush()
    assert record_for(journal, replace(transfer, size=4)) is None
    journal.write(done(replace(transfer, key="imap/y.cdf")))
    journal.flush()
    assert record_for(journal, replace(transfer, key="imap/y.cdf", path=transfer.path.with_name("y.cdf"))) is None


def test_the_plan_counts_what_is_to_do(journal: Journal, tmp_path: Path) -> None:
    sizes = {"a": 10, "b": None, "c": 10}
    planned = [Transfer(Direction.PULL, key, tmp_path, size) for key, size in sizes.items()]
    add(journal, *planned)
    journal.take_out(planned[2:])
    assert journal.totals() == (2, 10, 1)
    assert list(journal.todo()) == planned[:2]


def test_records_list_what_was_pulled_by_key(journal: Journal, transfer: Transfer, tmp_path: Path) -> None:
    other = tmp_path / "b"
    other.touch()
    journal.write(done(transfer))
    journal.write(done(Transfer(Direction.PULL, "imap/b", other)))
    journal.flush()
    assert [record.key for record in journal.records()] == ["imap/b", "imap/x.cdf"]


def test_what_an_archive_goes_by_stays_with_the_plan(journal: Journal, transfer: Transfer) -> None:
    add(journal, replace(transfer, source="https://files.example/a?b"))
    assert [planned.source for planned in journal.todo()] == ["https://files.example/a?b"]


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


@pytest.fixture
def old(tmp_path: Path, transfer: Transfer) -> Path:
    """Leave a journal as version 1 wrote it, with a record of the transfer."""
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
    path = tmp_path / ".imap-bulk" / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        for table in ("run", "failed", "accepted", "mirror", "mirrored", "delivered", "mirror_run"):
            database.execute(f"DROP TABLE {table}")
        database.execute("PRAGMA user_version = 1")
    return path


def test_a_journal_of_an_earlier_version_keeps_its_records(tmp_path: Path, transfer: Transfer, old: Path) -> None:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.begin_run()
        assert record_for(journal, transfer)
        journal.end_run(Result())
    assert version_of(old) == 3
    with Ledger(tmp_path) as ledger:
        assert [run.wanted for run in ledger.runs()] == [0]


def test_a_journal_from_before_buckets_learns_of_them(tmp_path: Path, transfer: Transfer) -> None:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.write(done(transfer))
    path = tmp_path / ".imap-bulk" / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE delivered")
        database.execute("PRAGMA user_version = 2")
    stored = Stored("s3://bucket/imap/x.cdf", 3, "ab12")
    with Delivered(tmp_path, ARCHIVE, "s3://bucket") as delivered:
        delivered.write(done(transfer), stored)
        delivered.flush()
        delivered.note([(transfer.key, 3, "ab12")])
        assert delivered.still_there([transfer.key]).keys() == {transfer.key}
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        assert record_for(journal, transfer)


@pytest.mark.parametrize("listed", [(4, "ab12"), (3, "cd34"), None])
def test_an_object_that_is_not_listed_as_it_was_delivered_is_not_there(
    tmp_path: Path, transfer: Transfer, listed: tuple[int, str] | None
) -> None:
    with Delivered(tmp_path, ARCHIVE, "s3://bucket") as delivered:
        delivered.write(done(transfer), Stored("s3://bucket/imap/x.cdf", 3, "ab12"))
        delivered.flush()
        delivered.note([(transfer.key, *listed)] if listed else [])
        assert delivered.still_there([transfer.key]) == {}


def test_what_was_delivered_elsewhere_or_from_elsewhere_is_not_known(tmp_path: Path, transfer: Transfer) -> None:
    with Delivered(tmp_path, ARCHIVE, "s3://bucket") as delivered:
        delivered.write(done(transfer), Stored("s3://bucket/imap/x.cdf", 3, "ab12"))
    for archive, place in ((ARCHIVE, "s3://other"), ("https://b.example", "s3://bucket")):
        with Delivered(tmp_path, archive, place) as delivered:
            assert not delivered.has_any()


def test_an_earlier_version_that_cannot_be_written_is_read_as_it_is(
    tmp_path: Path, transfer: Transfer, old: Path
) -> None:
    with closing(sqlite3.connect(old)) as other:
        other.execute("BEGIN IMMEDIATE")  # whoever would bring it up to date waits in vain
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("imap_bulk.journal.schema.LOCK_SECONDS", 0.01)
            with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
                assert record_for(journal, transfer)
                journal.begin_run()
    assert version_of(old) == 1


def test_what_the_version_before_has_recorded_is_read_also_where_it_cannot_be_brought_up_to_date(
    tmp_path: Path, old: Path
) -> None:
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        journal.begin_run()
    with closing(sqlite3.connect(old)) as other:
        other.execute("DROP TABLE mirror_run")
        other.execute("PRAGMA user_version = 2")
        other.execute("BEGIN IMMEDIATE")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("imap_bulk.journal.schema.LOCK_SECONDS", 0.01)
            with Ledger(tmp_path) as ledger:
                assert [run.archive for run in ledger.runs()] == [ARCHIVE]
                assert ledger.mirrors(ARCHIVE) == []


def test_a_journal_of_a_later_version_is_left_alone_and_told(
    tmp_path: Path, transfer: Transfer, old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(old)) as database:
        database.execute("PRAGMA user_version = 99")
    before = old.read_bytes()
    with Journal(tmp_path, ARCHIVE, Direction.PULL) as journal:
        assert record_for(journal, transfer) is None
        journal.write(done(transfer))
    assert old.read_bytes() == before
    assert caplog.messages == [f"{old} is of a later imap-bulk, and nothing in it counts: upgrade this one"]


def test_a_sample_is_chosen_by_its_seed(journal: Journal, tmp_path: Path) -> None:
    def sample(seed: str, extra: int = 0) -> set[str]:
        with Journal(tmp_path, ARCHIVE, Direction.PULL) as fresh:
            add(fresh, *(Transfer(Direction.PULL, f"imap/{n}", tmp_path / str(n)) for n in range(200 + extra)))
            fresh.sample(20, seed)
            return {transfer.key for transfer in fresh.todo()}

    assert len(sample("today")) == 20
    assert sample("today") == sample("today")
    assert sample("today") != sample("tomorrow")
    assert len(sample("today") & sample("today", extra=20)) > 10


def test_a_sample_of_more_than_there_is_takes_all(journal: Journal, transfer: Transfer) -> None:
    add(journal, transfer)
    journal.sample(5, "")
    assert list(journal.todo()) == [transfer]


def test_the_last_record_that_was_accepted_of_a_key_is_known(tmp_path: Path) -> None:
    with (
        Accepted(tmp_path, "https://a.example", "ephemeris/1") as one,
        Accepted(tmp_path, "https://a.example", "ephemeris/2") as two,
    ):
        one.add([("one", b"1"), ("two", b"2")])
        one.add([("two", b"3")])
        two.add([("one", b"4")])
    with (
        Accepted(tmp_path, "https://a.example", "ephemeris/1") as one,
        Accepted(tmp_path, "https://a.example", "ephemeris/2") as two,
    ):
        assert one.digests(["one", "two", "three"]) == {"one": b"1", "two": b"3"}
        one.forget(["two"])
        assert one.digests(["one", "two"]) == {"one": b"1"}
        one.forget()
        assert one.digests(["one"]) == {}
        assert two.digests(["one"]) == {"one": b"4"}
    with Accepted(tmp_path, "https://b.example", "ephemeris/2") as elsewhere:
        assert elsewhere.digests(["one"]) == {}


def test_what_was_accepted_is_never_silently_remembered_where_it_should_be_forgotten(tmp_path: Path) -> None:
    with Accepted(tmp_path, ARCHIVE, "ephemeris/400") as accepted:
        accepted.add([("a", b"digest")])
    path = tmp_path / ".imap-bulk" / "journal.sqlite3"
    with closing(sqlite3.connect(path)) as other, pytest.MonkeyPatch.context() as patch:
        other.execute("BEGIN IMMEDIATE")
        patch.setattr("imap_bulk.journal.schema.LOCK_SECONDS", 0.01)
        with (
            Accepted(tmp_path, ARCHIVE, "ephemeris/400") as accepted,
            pytest.raises(OSError, match=r"the journal cannot be written \(database is locked\)"),
        ):
            accepted.forget()
