"""Room, and whether files can be committed and locked where the data directory is."""

import os
from pathlib import Path

import pytest

from imap_bulk.doctor import locks
from imap_bulk.doctor.disk import check, check_commit, check_inodes, check_space, trial_place


@pytest.mark.parametrize(("free", "state"), [(2_000_000_000, "ok"), (999_999_999, "warning"), (1, "problem")])
def test_room_is_judged(free: int, state: str) -> None:
    assert check_space(free).state == state


@pytest.mark.parametrize(("free", "state"), [(None, "ok"), (20_000, "ok"), (9_999, "warning"), (99, "problem")])
def test_room_for_more_files_is_judged(free: int | None, state: str) -> None:
    assert check_inodes(free).state == state


def test_all_is_well_on_this_disk_and_nothing_is_left(tmp_path: Path) -> None:
    with trial_place(tmp_path / "not" / "there" / "yet") as place:
        states = [finding.state for finding in check(tmp_path, place)]
    assert set(states) == {"ok"}
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to_is_a_problem(tmp_path: Path) -> None:
    found = {finding.check: finding for finding in check(tmp_path, None)}
    assert found["commit"].state == "problem"
    assert "--data-dir" in found["commit"].remedy


@pytest.mark.parametrize("below", ["", "data", "data/flux"])
def test_a_file_in_the_way_of_the_data_directory_is_a_problem(tmp_path: Path, below: str) -> None:
    file = tmp_path / "taken"
    file.write_text("somebody's notes")
    (found,) = check(file / below, None)
    assert (found.check, found.state, found.said) == ("directory", "problem", f"{file} is a file and no directory")
    assert "--data-dir" in found.remedy


@pytest.mark.parametrize("step", ["fsync", "write"])
def test_a_step_that_fails_is_named(tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, step, fail)
    found = check_commit(tmp_path)
    assert (found.state, found.said) == ("problem", "write and fsync fails here: Input/output error")


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    assert locks.check(tmp_path).state == "ok"


def test_locks_that_do_nothing_are_found_out(tmp_path: Path) -> None:
    assert locks.check(tmp_path, "?vfs=unix-none").state == "warning"


@pytest.mark.parametrize("second", ["import sys; sys.exit(1)", "import sqlite3\nsqlite3.connect('/none/x')"])
def test_a_second_process_that_fails_says_nothing_of_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: str
) -> None:
    monkeypatch.setattr(locks, "_SECOND", second)
    assert locks.check(tmp_path).said == "whether a lock keeps anybody out could not be tried"
