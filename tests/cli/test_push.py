"""`imap-bulk push` as a person and as a program meet it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests import canaries

Run = Callable[..., Result]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"


def sums(outbox: Path) -> Path:
    """Write the manifest of an outbox."""
    names = sorted(path.name for path in outbox.iterdir())
    lines = [f"{hashlib.sha256((outbox / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (outbox / "sums.txt").write_text("".join(lines))
    return outbox / "sums.txt"


def test_a_manifest_is_pushed_and_its_paths_begin_beside_it(imap_bulk: Run, outbox: Path, tmp_path: Path) -> None:
    ran = imap_bulk("push", sums(outbox))
    assert ran.exit_code == 0
    assert ran.stdout.startswith("4 files: 4 pushed; ")
    assert ran.stdout.endswith("; all verified (4 by crc64nvme)\n")
    assert (tmp_path / "archive" / "imap" / "spice" / "lsk" / "naif0012.tls").is_file()


def test_a_second_push_moves_nothing(imap_bulk: Run, outbox: Path) -> None:
    imap_bulk("push", outbox)
    assert imap_bulk("push", outbox).stdout.startswith("4 files: 4 already there; all verified")


def test_another_machine_is_told_what_the_archive_has(
    imap_bulk: Run, invoke: Run, archive: Any, outbox: Path
) -> None:
    imap_bulk("push", outbox)
    ran = invoke("--url", archive.url, "--data-dir", outbox.parent / "other", "push", outbox)
    assert ran.stdout.startswith("4 files: 4 already there; all verified")


def test_other_bytes_under_an_archived_name_fail(imap_bulk: Run, archive: Any, outbox: Path) -> None:
    archive.add(MAG, b"other bytes")
    ran = imap_bulk("push", outbox)
    assert ran.exit_code == 1
    assert "the archive holds other bytes under this name" in ran.stderr
    assert ran.stdout.startswith("4 files: 3 pushed, 1 failed; ")


def test_a_file_that_is_not_what_its_manifest_says_is_not_stored(
    imap_bulk: Run, outbox: Path, tmp_path: Path
) -> None:
    manifest = sums(outbox)
    (outbox / MAG).write_bytes(b"changed since")
    ran = imap_bulk("push", manifest)
    assert ran.exit_code == 1
    assert "the manifest wants sha256:" in ran.stderr
    assert not list((tmp_path / "archive").rglob(MAG))


def test_a_dry_run_tells_sizes_where_the_manifest_does(imap_bulk: Run, outbox: Path, tmp_path: Path) -> None:
    (outbox / "list.csv").write_text(f"file_name,size\n{MAG},4400\n")
    ran = imap_bulk("push", outbox / "list.csv", "--dry-run")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[-1] == "Would push 1 file, 4.4 kB; nothing was moved."
    assert not list((tmp_path / "archive").rglob("*.cdf"))


def test_json_events_tell_the_whole_push(imap_bulk: Run, outbox: Path) -> None:
    told = [json.loads(line) for line in imap_bulk("push", outbox, "--json").stdout.splitlines()]
    assert [event["event"] for event in told] == ["plan", *["outcome"] * 4, "summary"]
    assert {event.get("direction", "push") for event in told} == {"push"}


def test_a_push_without_a_key_where_one_is_needed_says_so(
    invoke: Run, locked_archive: Any, data_dir: Path, outbox: Path
) -> None:
    ran = invoke("--url", locked_archive.url, "--data-dir", data_dir, "push", outbox / MAG)
    assert ran.exit_code == 1
    assert "set IMAP_API_KEY or give --api-key" in ran.stderr


def test_a_key_that_may_only_read_is_refused(
    invoke: Run, locked_archive: Any, data_dir: Path, outbox: Path
) -> None:
    given = ("--url", locked_archive.url, "--data-dir", data_dir)
    ran = invoke(*given, "--api-key", canaries.READ_KEY, "push", outbox / MAG)
    assert ran.exit_code == 1
    assert "read-only permissions" in ran.stderr
    assert invoke(*given, "--api-key", canaries.API_KEY, "push", outbox / MAG).exit_code == 0


def test_push_needs_a_source(imap_bulk: Run) -> None:
    assert imap_bulk("push").exit_code == 2


@pytest.fixture
def refused(invoke: Run, deaf: tuple[str, Callable[[], bool]], outbox: Path) -> Callable[..., str]:
    """Push a manifest of these lines; return what was said, once it is sure that nothing was asked or moved."""

    def push(*lines: str) -> str:
        url, was_called = deaf
        manifest = outbox / "wanted.txt"
        manifest.write_text("".join(f"{line}\n" for line in lines))
        ran = invoke("--url", url, "--data-dir", outbox.parent / "data", "push", manifest)
        assert ran.exit_code == 2
        assert "Traceback" not in ran.stderr
        assert not was_called()
        return ran.stderr

    return push


def test_a_manifest_with_a_missing_file_is_refused(refused: Callable[..., str]) -> None:
    assert "line 2: there is no file" in refused(MAG, MAG.replace("0101_", "0105_"))


def test_a_manifest_with_a_bad_name_is_refused(refused: Callable[..., str], outbox: Path) -> None:
    (outbox / "notes.txt").write_text("x")
    assert "line 1: 'notes.txt' " in refused("notes.txt", MAG)


def test_a_manifest_with_a_duplicate_is_refused(refused: Callable[..., str]) -> None:
    assert "line 3: " in refused(MAG, "naif0012.tls", f"./{MAG}")


def test_a_manifest_with_a_path_outside_is_refused(refused: Callable[..., str], outbox: Path) -> None:
    (outbox.parent / "naif0011.tls").write_text("x")
    assert "line 1: '../naif0011.tls' leads outside" in refused("../naif0011.tls")


def test_all_bad_lines_are_named_at_once(refused: Callable[..., str]) -> None:
    said = refused("missing.cdf", MAG, "../../etc/passwd", f"./{MAG}", "naif0099.tls", "holiday.jpg")
    assert [number for number in range(1, 7) if f"line {number}:" in said] == [1, 3, 4, 5, 6]


def test_a_binary_file_given_by_mistake_is_refused(imap_bulk: Run, outbox: Path) -> None:
    (outbox / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    ran = imap_bulk("push", outbox / "picture.png")
    assert ran.exit_code == 2
    assert "looks like a binary file" in ran.stderr


def test_a_directory_with_a_strange_file_is_refused_as_a_whole(
    imap_bulk: Run, outbox: Path, tmp_path: Path
) -> None:
    (outbox / "notes.txt").write_text("x")
    ran = imap_bulk("push", outbox)
    assert ran.exit_code == 2
    assert "1 of 5 files have no name that the archive takes" in ran.stderr
    assert not list((tmp_path / "archive").rglob("*.cdf"))


def test_a_source_that_does_not_exist_is_wrong_usage(imap_bulk: Run, tmp_path: Path) -> None:
    for name in ("nowhere.txt", MAG):
        ran = imap_bulk("push", tmp_path / name)
        assert ran.exit_code == 2
        assert name in ran.stderr
