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
    ran = imap_bulk("verify")
    assert ran.exit_code == 0
    assert ran.stdout == f"Nothing is recorded below {data_dir}: pull something, or name a manifest.\n"


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
