"""What this user may not read, enter or write to: told before anything moves wherever that can be known."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Bound = Callable[..., subprocess.CompletedProcess[str]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"

_BINDING = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
"""Makes root one whom permissions bind."""


@pytest.fixture
def binding(tmp_path: Path) -> Iterator[list[str]]:
    """Give what stands before a command that permissions are to bind; open directories again for who cleans up."""
    if not os.geteuid() and not shutil.which("setpriv"):
        pytest.skip("permissions do not bind this user")
    yield [] if os.geteuid() else _BINDING
    for place in (tmp_path, *tmp_path.rglob("*")):
        if place.is_dir():
            place.chmod(0o755)


@pytest.fixture
def bound(binding: list[str]) -> Bound:
    """Run `imap-bulk` as somebody whom permissions bind."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [*binding, sys.executable, "-m", "imap_bulk", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)

    return run


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """Make a directory that nobody may enter or read, with a manifest and a data file in it."""
    directory = tmp_path / "closed"
    directory.mkdir()
    (directory / "list.txt").write_text(f"{MAG}\n")
    (directory / MAG).write_bytes(b"x")
    directory.chmod(0)
    return directory


@pytest.fixture
def unwritable(tmp_path: Path) -> Path:
    """Make a directory that nobody may write to."""
    directory = tmp_path / "unwritable"
    directory.mkdir()
    directory.chmod(0o555)
    return directory


@pytest.mark.parametrize(
    ("command", "source"),
    [("pull", "closed/list.txt"), ("push", "closed"), ("push", f"closed/{MAG}"), ("verify", "closed/list.txt")],
)
def test_a_source_behind_a_closed_directory_is_told_before_anything_moves(
    bound: Bound, closed: Path, deaf: tuple[str, Callable[[], bool]], command: str, source: str
) -> None:
    url, was_called = deaf
    place = closed.parent / source
    ran = bound("--url", url, "--data-dir", closed.parent / "data", command, place)
    assert (ran.returncode, ran.stderr) == (2, f"Error: {place} cannot be read: Permission denied\n")
    assert not was_called()


def test_a_closed_directory_below_one_to_push_is_named(bound: Bound, closed: Path, closed_url: str) -> None:
    ran = bound("--url", closed_url, "--data-dir", closed.parent / "data", "push", closed.parent)
    assert (ran.returncode, ran.stderr) == (2, f"Error: {closed} cannot be read: Permission denied\n")


def test_records_that_may_not_be_read_are_told_before_anything_is_sent(
    bound: Bound, tmp_path: Path, closed_url: str
) -> None:
    (tmp_path / "records.csv").touch(mode=0)
    given = ("--kind", "ephemeris", "--source-id", "4")
    ran = bound("--url", closed_url, "aurorax", "push", tmp_path / "records.csv", *given)
    assert (ran.returncode, ran.stderr) == (
        2,
        f"Error: {tmp_path / 'records.csv'} cannot be read: Permission denied\n",
    )


@pytest.mark.parametrize(
    "command", [("lock", "--instrument", "mag", "-o", "{}/new.lock"), ("pull", MAG, "--report", "{}/run.html")]
)
def test_what_is_to_be_written_at_the_end_is_tried_before_the_run(
    bound: Bound, unwritable: Path, deaf: tuple[str, Callable[[], bool]], command: tuple[str, ...]
) -> None:
    url, was_called = deaf
    data_dir = unwritable.parent / "data"
    ran = bound("--url", url, "--data-dir", data_dir, *(part.format(unwritable) for part in command))
    assert ran.returncode == 2
    assert f"this user may not write to {unwritable}; choose another place" in ran.stderr
    assert not was_called()


def test_a_cache_that_may_not_be_entered_costs_a_download_and_no_more(
    bound: Bound, closed: Path, archive: Any, data_dir: Path, tmp_path: Path
) -> None:
    archive.add(MAG, b"x")
    given = ("--url", archive.url, "--data-dir", data_dir)
    sums = tmp_path / "sums.txt"
    assert bound(*given, "pull", MAG).returncode == 0
    sums.write_text(bound(*given, "verify", "--checksums").stdout.replace("imap/mag/l1a/2026/01/", ""))
    ran = bound(*given, "pull", sums, "--overwrite", "--cache-dir", closed / "cache")
    assert ran.returncode == 0, ran.stderr
    assert "took no more files (Permission denied)" in ran.stdout


def test_a_file_that_may_not_be_read_fails_and_the_others_go_up(
    bound: Bound, tmp_path: Path, archive: Any
) -> None:
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    for name, mode in ((MAG, 0), (MAG.replace("20260101", "20260102"), 0o644)):
        (outbox / name).write_bytes(b"x")
        (outbox / name).chmod(mode)
    ran = bound("--url", archive.url, "--data-dir", tmp_path / "data", "push", outbox)
    assert ran.returncode == 1
    assert ran.stderr == f"Failed: {outbox / MAG} cannot be read: Permission denied\n"
    assert ran.stdout.startswith("2 files: 1 pushed, 1 failed; ")


def test_doctor_names_the_closed_directory_that_the_data_directory_is_in(
    bound: Bound, closed: Path, archive: Any
) -> None:
    ran = bound("--url", archive.url, "--data-dir", closed / "data", "doctor")
    assert ran.returncode == 1
    assert f"nothing can be written to {closed}; allow this user to write there" in ran.stdout


def test_an_import_tells_of_directories_that_it_may_not_read(
    binding: list[str], closed: Path, tmp_path: Path
) -> None:
    given = ("--root", tmp_path / "root", "--import", tmp_path, "--port", "0")
    command = [*binding, sys.executable, "-m", "imap_bulk", "serve", *map(str, given)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("Serving ")
        process.terminate()
        _, err = process.communicate(timeout=20)
    assert err.splitlines() == [
        "0 files archived (0.0 MB); 1 left out",
        f"  {closed.name} cannot be read (Permission denied)",
        "Stopped.",
    ]
