"""`imap-bulk verify`: what is on disk, held to what is recorded or listed."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
SWE = "imap_swe_l0_raw_20260102_v001.pkts"
KERNEL = "naif0012.tls"


@pytest.fixture
def pulled(imap_bulk: Run, archive: Any, data_dir: Path) -> list[Path]:
    keys = [archive.add(name, name.encode()) for name in (MAG, SWE)]
    assert imap_bulk("pull", MAG, SWE).exit_code == 0
    return [data_dir / key for key in keys]


def test_what_was_pulled_is_intact(imap_bulk: Run, pulled: list[Path]) -> None:
    ran = imap_bulk("verify")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("2 files: 2 intact; ")
    assert ran.stdout.endswith("; all verified (2 by record)\n")


def test_a_changed_and_a_missing_file_are_named(imap_bulk: Run, pulled: list[Path]) -> None:
    pulled[0].write_bytes(b"rotten")
    pulled[1].unlink()
    ran = imap_bulk("verify")
    assert ran.exit_code == 1
    assert f"{pulled[0]} is sha256:" in ran.stderr
    assert f"{pulled[1]} is missing; pull it again" in ran.stderr
    assert ran.stdout.startswith("2 files: 2 failed")


def test_a_manifest_decides_what_is_right(imap_bulk: Run, pulled: list[Path], tmp_path: Path) -> None:
    manifest = tmp_path / "sums.txt"
    right, wrong = hashlib.sha256(MAG.encode()).hexdigest(), "0" * 64
    manifest.write_text(f"{right}  {MAG}\n")
    assert imap_bulk("verify", manifest).stdout.endswith("; all verified (1 by manifest)\n")
    manifest.write_text(f"{wrong}  {MAG}\n")
    assert imap_bulk("verify", manifest).exit_code == 1


def test_a_listed_file_without_a_digest_cannot_be_verified(imap_bulk: Run, pulled: list[Path]) -> None:
    ran = imap_bulk("verify", MAG)
    assert ran.exit_code == 1
    assert "no digest is known to hold it to" in ran.stderr


def test_nothing_recorded_is_said(imap_bulk: Run, data_dir: Path) -> None:
    data_dir.mkdir()
    ran = imap_bulk("verify")
    assert ran.exit_code == 0
    assert ran.stdout == f"Nothing is recorded below {data_dir}: pull something, or name a manifest.\n"


def test_a_data_directory_that_is_not_there_is_told(imap_bulk: Run, data_dir: Path) -> None:
    ran = imap_bulk("verify")
    assert ran.exit_code == 2
    assert ran.stderr.endswith(
        f"Error: there is no directory {data_dir}; pull something, or name the data directory by --data-dir or "
        "IMAP_DATA_DIR.\n"
    )


def test_a_bad_manifest_is_refused(imap_bulk: Run, tmp_path: Path) -> None:
    manifest = tmp_path / "sums.txt"
    manifest.write_text("holiday.jpg\n../x/y\n")
    ran = imap_bulk("verify", manifest)
    assert ran.exit_code == 2
    assert "line 1:" in ran.stderr
    assert "line 2:" in ran.stderr


def test_json_tells_each_file(imap_bulk: Run, pulled: list[Path]) -> None:
    told = [json.loads(line) for line in imap_bulk("verify", "--json").stdout.splitlines()]
    assert [event["event"] for event in told] == ["plan", "outcome", "outcome", "summary"]
    assert {event["path"] for event in told[1:3]} == {str(path) for path in pulled}


def test_quiet_says_nothing_when_all_is_well(imap_bulk: Run, pulled: list[Path]) -> None:
    ran = imap_bulk("verify", "-q")
    assert (ran.exit_code, ran.output) == (0, "")


def test_repair_brings_back_what_is_wrong_or_missing_and_touches_nothing_else(
    imap_bulk: Run, archive: Any, pulled: list[Path], data_dir: Path
) -> None:
    archive.add(KERNEL, b"kernel")
    assert imap_bulk("pull", KERNEL).exit_code == 0
    kernel = next(data_dir.rglob(KERNEL))
    before = kernel.stat()
    pulled[0].write_bytes(b"rotten")
    pulled[1].unlink()
    ran = imap_bulk("verify", "--repair")
    assert ran.exit_code == 0
    assert "3 files: 1 intact, 2 failed; " in ran.stdout
    assert "2 files: 2 repaired; " in ran.stdout
    assert [path.read_bytes() for path in pulled] == [MAG.encode(), SWE.encode()]
    assert (kernel.stat().st_ino, kernel.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert imap_bulk("verify").exit_code == 0


def test_a_wrong_file_stays_as_it_is_when_the_archive_has_other_bytes(
    imap_bulk: Run, pulled: list[Path], tmp_path: Path
) -> None:
    manifest = tmp_path / "sums.txt"
    manifest.write_text(f"{'0' * 64}  {MAG}\n")
    ran = imap_bulk("verify", "--repair", manifest)
    assert ran.exit_code != 0
    assert pulled[0].read_bytes() == MAG.encode()


def test_what_has_no_digest_is_beyond_repair(imap_bulk: Run, pulled: list[Path]) -> None:
    ran = imap_bulk("verify", "--repair", MAG)
    assert ran.exit_code == 1
    assert "repaired" not in ran.stdout


def test_what_to_do_about_wrong_files_is_said(imap_bulk: Run, pulled: list[Path]) -> None:
    pulled[0].unlink()
    assert imap_bulk("verify").stdout.endswith("the same command with --repair.\n")


@pytest.mark.parametrize(("sample", "files"), [("1", 1), ("5%", 1), ("100%", 2), ("7", 2)])
def test_a_sample_is_looked_at(imap_bulk: Run, pulled: list[Path], sample: str, files: int) -> None:
    ran = imap_bulk("verify", "--sample", sample, "--seed", "x")
    assert f"{files} intact; " in ran.stdout
    assert ran.stdout.endswith("This was a sample; --seed x chooses the same files again.\n")


@pytest.mark.parametrize("sample", ["0", "0%", "101%", "-5", "some", ""])
def test_a_sample_that_is_none_is_refused(imap_bulk: Run, sample: str) -> None:
    assert imap_bulk("verify", "--sample", sample).exit_code == 2


def test_checksums_are_those_that_sha256sum_checks(imap_bulk: Run, pulled: list[Path], data_dir: Path) -> None:
    ran = imap_bulk("verify", "--checksums")
    assert ran.exit_code == 0
    assert ran.stdout == "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(data_dir)}\n" for path in pulled
    )


def test_checksums_go_with_nothing_else(imap_bulk: Run) -> None:
    assert imap_bulk("verify", "--checksums", "--repair").exit_code == 2


def test_a_bag_is_written_and_verified(imap_bulk: Run, pulled: list[Path], tmp_path: Path) -> None:
    bag = tmp_path / "bag"
    assert imap_bulk("bag", bag).stdout == f"2 files in the bag {bag}, {len(MAG) + len(SWE)} B.\n"
    assert imap_bulk("verify", bag).stdout.startswith("5 files: 5 intact; ")
    next(bag.rglob(MAG)).write_bytes(b"rotten")
    assert imap_bulk("verify", bag).exit_code == 1
    assert imap_bulk("verify", bag, "--repair").exit_code == 2
