"""`imap-bulk lock` and `pull --locked`, as a person and a CI job meet them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from imap_bulk import lockfile

Run = Callable[..., Result]


def name(day: int, version: int = 1) -> str:
    return f"imap_mag_l2_norm-gse_202601{day:02}_v001.{version:04}.cdf"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("IMAP_BULK_CACHE_DIR", raising=False)


@pytest.fixture
def locked(imap_bulk: Run, archive: Any, tmp_path: Path) -> Path:
    """Archive two files, and pin the latest versions; return the lock file."""
    for day in (1, 2):
        archive.add(name(day), b"content" * day)
    target = tmp_path / "data.lock"
    ran = imap_bulk("lock", "--instrument", "mag", "--version", "latest", "-o", target)
    assert ran.exit_code == 0, ran.stderr
    return target


def test_a_query_is_pinned(imap_bulk: Run, archive: Any, tmp_path: Path) -> None:
    archive.add(name(1), b"content")
    ran = imap_bulk("lock", "--instrument", "mag", "--start-date", "20260101", "-o", tmp_path / "data.lock")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[1] == (
        f"{tmp_path / 'data.lock'} pins 1 file, 7 B; verified when pinned (1 by repr-digest)."
    )
    lock = lockfile.read(tmp_path / "data.lock")
    assert (lock.archive, [pin.name for pin in lock.pins]) == (archive.url, [name(1)])
    assert lock.query == {"table": "science", "instrument": ["mag"], "start_date": "20260101"}


def test_a_lock_file_that_is_there_is_not_written_over(imap_bulk: Run, locked: Path) -> None:
    before = locked.read_bytes()
    ran = imap_bulk("lock", "--instrument", "mag", "-o", locked)
    assert ran.exit_code == 2
    assert "is there already: give it by --update" in ran.stderr
    assert locked.read_bytes() == before


def test_a_place_that_is_not_there_is_told_before_anything_is_pulled(
    imap_bulk: Run, archive: Any, tmp_path: Path, data_dir: Path
) -> None:
    archive.add(name(1), b"content")
    ran = imap_bulk("lock", "--instrument", "mag", "-o", tmp_path / "none" / "data.lock")
    assert ran.exit_code == 2
    assert f"there is no directory {tmp_path / 'none'}; make it first." in ran.stderr
    assert not data_dir.exists()


def test_nothing_found_is_nothing_pinned(imap_bulk: Run, tmp_path: Path) -> None:
    ran = imap_bulk("lock", "--instrument", "hit", "-o", tmp_path / "data.lock")
    assert (ran.exit_code, ran.stderr) == (1, "No file matches.\n")
    assert not (tmp_path / "data.lock").exists()


def test_a_file_that_cannot_be_had_leaves_no_lock_file(imap_bulk: Run, archive: Any, tmp_path: Path) -> None:
    archive.add(name(1), b"content")
    (key,) = (tmp_path / "archive").rglob(name(1))
    key.unlink()
    ran = imap_bulk("lock", "--instrument", "mag", "-o", tmp_path / "data.lock", "--retries", "0")
    assert ran.exit_code in (1, 75)
    assert "was not written: all of it has to be pinned." in ran.stdout
    assert not (tmp_path / "data.lock").exists()


def test_a_run_that_pins_is_written_down_too(imap_bulk: Run, archive: Any, tmp_path: Path) -> None:
    archive.add(name(1), b"content")
    page = tmp_path / "run.html"
    imap_bulk("lock", "--instrument", "mag", "-o", tmp_path / "data.lock", "--report", page)
    assert "1 file pulled" in page.read_text()


def test_a_file_that_was_archived_again_is_told_and_pinned_anew(
    imap_bulk: Run, archive: Any, locked: Path, tmp_path: Path
) -> None:
    lock = lockfile.read(locked)
    assert lock.pins[0].archived
    longer_ago = [pin._replace(archived="20260101000000") for pin in lock.pins[:1]]
    lockfile.write(locked, lockfile.LockFile(lock.archive, lock.query, (*longer_ago, lock.pins[1])))
    archive.add(name(1), b"other content")
    ran = imap_bulk("lock", "--update", locked, "--check")
    assert ran.exit_code == 1
    assert ran.stdout.splitlines() == [
        "mag l2 norm-gse 2026-01-01 v001.0001 changed",
        f"{locked} is out of date: 1 changed.",
    ]
    assert imap_bulk("lock", "--update", locked).exit_code == 0
    assert imap_bulk("lock", "--update", locked, "--check").stdout == f"{locked} is up to date.\n"
    assert lockfile.read(locked).pins[0].size == len(b"other content")
    assert imap_bulk("pull", "--locked", locked).exit_code == 0


def test_a_version_that_was_withdrawn_leaves_an_older_one_and_is_not_told_as_newer(
    imap_bulk: Run, archive: Any, locked: Path
) -> None:
    lock = lockfile.read(locked)
    better = lock.pins[0]._replace(key=lock.pins[0].key.replace("v001.0001", "v001.0002"))
    lockfile.write(locked, lockfile.LockFile(lock.archive, lock.query, (better, lock.pins[1])))
    ran = imap_bulk("lock", "--update", locked, "--check")
    assert ran.stdout.splitlines() == [
        "mag l2 norm-gse 2026-01-01 v001.0002 -> v001.0001, older",
        f"{locked} is out of date: 1 older.",
    ]


def test_a_query_with_odd_names_in_it_is_told(imap_bulk: Run, tmp_path: Path) -> None:
    odd = tmp_path / "odd.lock"
    odd.write_text('#imap-bulk-lock {"schema": 1, "archive": "a", "query": {"cls": 1}}\n')
    ran = imap_bulk("lock", "--update", odd)
    assert ran.exit_code == 2
    assert "there is no condition 'cls'" in ran.stderr


def test_an_update_tells_what_has_changed_and_keeps_the_rest(
    imap_bulk: Run, archive: Any, locked: Path, tmp_path: Path
) -> None:
    lock = lockfile.read(locked)
    gone = lock.pins[0]._replace(key=lock.pins[0].key.replace("20260101", "20251231"))
    kept = lock.pins[0]._replace(verified_by=None)
    lockfile.write(locked, lockfile.LockFile(lock.archive, lock.query, (gone, kept, lock.pins[1])))
    archive.add(name(2, 2), b"a better one")
    archive.add(name(3), b"a new one")
    ran = imap_bulk("lock", "--update", locked)
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[:4] == [
        "mag l2 norm-gse 2025-12-31 v001.0001 withdrawn",
        "mag l2 norm-gse 2026-01-02 v001.0001 -> v001.0002",
        "mag l2 norm-gse 2026-01-03 v001.0001 new",
        f"{locked} is out of date: 1 newer, 1 new, 1 withdrawn.",
    ]
    assert ran.stdout.splitlines()[-1].endswith(
        "pins 3 files, 28 B; verified when pinned (2 by repr-digest), "
        "1 only recorded: no digest confirmed what came."
    )
    pins = lockfile.read(locked).pins
    assert [pin.name for pin in pins] == [name(1), name(2, 2), name(3)]
    assert pins[0] == kept


def test_an_update_in_json_tells_programs_what_has_changed(imap_bulk: Run, archive: Any, locked: Path) -> None:
    archive.add(name(3), b"a new one")
    ran = imap_bulk("lock", "--update", locked, "--json")
    first = json.loads(ran.stdout.splitlines()[0])
    assert (first["event"], first["kind"], first["old"]) == ("change", "new", None)
    assert first["new"].endswith(name(3))


def test_check_moves_nothing_and_says_by_its_exit_code_whether_it_is_up_to_date(
    imap_bulk: Run, archive: Any, locked: Path
) -> None:
    assert imap_bulk("lock", "--update", locked, "--check").exit_code == 0
    before = locked.read_bytes()
    archive.add(name(3), b"a new one")
    ran = imap_bulk("lock", "--update", locked, "--check")
    assert (ran.exit_code, locked.read_bytes()) == (1, before)
    assert ran.stdout.splitlines() == [
        "mag l2 norm-gse 2026-01-03 v001.0001 new",
        f"{locked} is out of date: 1 new.",
    ]
    assert imap_bulk("lock", "--update", locked, "--dry-run").exit_code == 0


def test_an_archive_that_lists_nothing_any_more_empties_no_lock_file(
    imap_bulk: Run, archive: Any, locked: Path
) -> None:
    lock = lockfile.read(locked)
    lockfile.write(locked, lockfile.LockFile(lock.archive, {"instrument": ["hit"]}, lock.pins))
    before = locked.read_bytes()
    ran = imap_bulk("lock", "--update", locked)
    assert (ran.exit_code, ran.stderr) == (1, f"No file matches; {locked} is left as it is.\n")
    assert locked.read_bytes() == before


def test_a_file_is_pinned_anew_when_its_line_is_deleted(imap_bulk: Run, locked: Path) -> None:
    before = locked.read_text()
    lines = before.splitlines(keepends=True)
    locked.write_text("".join([*lines[:2], *lines[4:]]))
    assert imap_bulk("lock", "--update", locked, "--overwrite").exit_code == 0
    assert locked.read_text() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say what to pin"),
        (("--check", "--instrument", "mag"), "--check goes with --update"),
        (("--update", "data.lock", "--instrument", "mag"), "holds its query already"),
        (("--update", "data.lock", "-o", "other.lock"), "holds its query already"),
        (("--update", "nowhere.lock"), "there is no lock file nowhere.lock"),
    ],
)
def test_wrong_usage_is_told(imap_bulk: Run, arguments: tuple[str, ...], said: str) -> None:
    ran = imap_bulk("lock", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_a_locked_pull_fills_the_users_cache_and_then_needs_nobody(
    imap_bulk: Run, invoke: Run, locked: Path, tmp_path: Path, deaf: tuple[str, Callable[[], bool]]
) -> None:
    assert not (tmp_path / "xdg").exists(), "lock uses a cache only when it is asked to"
    assert imap_bulk("pull", "--locked", locked).exit_code == 0  # already there: nothing moves
    url, was_called = deaf
    told = ("--url", url, "--data-dir", tmp_path / "b", "pull", "--locked", locked)
    assert invoke(*told, "--offline").exit_code == 1
    ran = imap_bulk("pull", "--locked", locked, "--overwrite")
    assert ran.stdout.startswith("2 files: 2 pulled")
    assert invoke(*told).stdout == "2 files: 2 from the cache; all verified (2 by manifest)\n"
    assert invoke(*told, "--offline").stdout == "2 files: 2 already there; all verified (2 by manifest)\n"
    assert not was_called()


def test_offline_says_of_each_file_that_it_is_missing(invoke: Run, locked: Path, tmp_path: Path) -> None:
    ran = invoke("--data-dir", tmp_path / "b", "pull", "--locked", locked, "--offline", "--no-cache")
    assert ran.exit_code == 1
    assert ran.stderr.count(": offline, and neither the data directory nor the cache has it\n") == 2


@pytest.mark.parametrize("more", [("--instrument", "mag"), (name(1),)])
def test_a_locked_pull_takes_nothing_else(imap_bulk: Run, locked: Path, more: tuple[str, ...]) -> None:
    ran = imap_bulk("pull", "--locked", locked, *more)
    assert ran.exit_code == 2
    assert "--locked pulls what the lock file pins and nothing else" in ran.stderr


def test_offline_filters_are_wrong_usage(imap_bulk: Run) -> None:
    ran = imap_bulk("pull", "--instrument", "mag", "--offline")
    assert ran.exit_code == 2
    assert "--offline asks nobody" in ran.stderr


def test_a_conflict_in_a_lock_file_is_wrong_usage_and_moves_nothing(
    imap_bulk: Run, locked: Path, tmp_path: Path
) -> None:
    locked.write_text(locked.read_text().replace("\n\n", "\n<<<<<<< ours\n", 1))
    ran = imap_bulk("pull", "--locked", locked)
    assert ran.exit_code == 2
    assert ran.stderr.startswith(f"Error: {locked} line 2 is the mark of a merge conflict; ")


def test_another_archive_than_the_recorded_one_is_hinted_at_when_it_fails(
    invoke: Run, locked: Path, tmp_path: Path, closed_url: str
) -> None:
    ran = invoke(
        "--url", closed_url, "--data-dir", tmp_path / "b", "pull", "--locked", locked, "--no-cache",
        "--retries", "0",
    )  # fmt: skip
    assert ran.exit_code == 75
    assert f"Hint: {locked} was made with http://127.0.0.1:" in ran.stderr


def test_verify_takes_a_lock_file(imap_bulk: Run, locked: Path) -> None:
    ran = imap_bulk("verify", locked)
    assert ran.exit_code == 0
    assert ran.stdout.endswith("all verified (2 by manifest)\n")


def test_offline_nothing_can_be_fetched_anew(imap_bulk: Run, locked: Path) -> None:
    ran = imap_bulk("pull", "--locked", locked, "--offline", "--overwrite")
    assert ran.exit_code == 2
    assert "--overwrite fetches everything anew, and --offline nothing; leave one of them out." in ran.stderr
