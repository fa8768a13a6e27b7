"""`imap-bulk pull` as a person and as a program meet it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests import canaries

from imap_bulk.cli import imap
from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.wishes import Wishes, wishes_of

Run = Callable[..., Result]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
SWE = "imap_swe_l0_raw_20260102_v001.pkts"


@pytest.fixture
def keys(archive: Any) -> list[str]:
    return [archive.add(name, name.encode() * 50) for name in (MAG, SWE)]


def events(ran: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_a_pull_by_filters_brings_what_matches(imap_bulk: Run, keys: list[str], data_dir: Path) -> None:
    ran = imap_bulk("pull", "--start-date", "20260101")
    assert ran.exit_code == 0
    assert (data_dir / keys[0]).read_bytes() == MAG.encode() * 50
    assert ran.stdout.startswith("2 files: 2 pulled; 3.9 kB in ")
    assert ran.stdout.endswith("; all verified (2 by repr-digest)\n")
    assert ran.stderr == ""


def test_a_second_pull_says_that_all_is_there(imap_bulk: Run, keys: list[str]) -> None:
    imap_bulk("pull", "--start-date", "20260101")
    ran = imap_bulk("pull", "--start-date", "20260101")
    assert ran.stdout == "2 files: 2 already there; all verified (2 by repr-digest)\n"


def test_names_paths_and_manifests_may_be_mixed(
    imap_bulk: Run, archive: Any, keys: list[str], data_dir: Path, tmp_path: Path
) -> None:
    kernel = archive.add("naif0012.tls", b"kernel")
    manifest = tmp_path / "wanted.txt"
    manifest.write_text("# one kernel\r\n\r\nnaif0012.tls\r\n")
    assert imap_bulk("pull", MAG, keys[1], manifest).exit_code == 0
    assert all((data_dir / key).is_file() for key in (*keys, kernel))


def test_neither_filters_nor_sources_is_wrong_usage(imap_bulk: Run) -> None:
    ran = imap_bulk("pull")
    assert ran.exit_code == 2
    assert "Say what to pull: filters" in ran.stderr


def test_filters_and_sources_together_are_wrong_usage(imap_bulk: Run) -> None:
    ran = imap_bulk("pull", MAG, "--instrument", "mag")
    assert ran.exit_code == 2
    assert "filters or sources, not both" in ran.stderr


def test_days_ago_zero_is_a_filter(imap_bulk: Run) -> None:
    ran = imap_bulk("pull", "--days-ago", "0")
    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (0, "No file matches.")


def test_no_match_is_said_with_a_hint_about_keys(imap_bulk: Run) -> None:
    ran = imap_bulk("pull", "--instrument", "hit")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("No file matches.\nHint: without a key ")


def test_a_dry_run_prints_the_plan_and_moves_nothing(imap_bulk: Run, keys: list[str], data_dir: Path) -> None:
    ran = imap_bulk("pull", "--start-date", "20260101", "--dry-run")
    assert ran.exit_code == 0
    assert ran.stdout.splitlines() == [
        f"{keys[0]} -> {data_dir / keys[0]}",
        f"{keys[1]} -> {data_dir / keys[1]}",
        "Would pull 2 files, sizes unknown; nothing was moved.",
    ]
    assert not (data_dir / "imap").exists()


def test_a_dry_run_counts_known_bytes_and_what_is_there(imap_bulk: Run, keys: list[str], tmp_path: Path) -> None:
    imap_bulk("pull", SWE)
    manifest = tmp_path / "sizes.csv"
    manifest.write_text(f"file_name,size\n{MAG},2200\n{SWE},1700\n")
    ran = imap_bulk("pull", manifest, "--dry-run")
    assert ran.stdout.splitlines()[0].endswith("(2.2 kB)")
    assert ran.stdout.splitlines()[-1] == "Would pull 1 file, 2.2 kB, 1 already there; nothing was moved."


def test_quiet_says_nothing(imap_bulk: Run, keys: list[str], data_dir: Path) -> None:
    ran = imap_bulk("pull", "--start-date", "20260101", "--quiet")
    assert (ran.exit_code, ran.output) == (0, "")
    assert (data_dir / keys[0]).is_file()


def test_quiet_still_tells_failures(imap_bulk: Run) -> None:
    ran = imap_bulk("pull", MAG, "-q")
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert ran.stderr.startswith("Failed: imap/mag/l1a/")


def test_json_events_tell_the_whole_run(imap_bulk: Run, keys: list[str]) -> None:
    ran = imap_bulk("pull", "--start-date", "20260101", "--json")
    told = events(ran)
    assert {event["schema"] for event in told} == {1}
    assert [event["event"] for event in told] == ["plan", "outcome", "outcome", "summary"]
    assert told[0]["files"] == 2
    assert {event["key"] for event in told[1:3]} == set(keys)
    assert {event["verified_by"] for event in told[1:3]} == {"repr-digest"}
    assert told[3]["wanted"] == told[3]["done"] == told[3]["verified"] == 2
    assert told[3]["verified_by"] == {"repr-digest": 2}
    assert ran.stderr.startswith("2 files: 2 pulled; ")


def test_a_dry_run_in_json_is_a_plan_and_its_transfers(imap_bulk: Run, keys: list[str]) -> None:
    told = events(imap_bulk("pull", "--start-date", "20260101", "--json", "--dry-run"))
    assert [event["event"] for event in told] == ["plan", "transfer", "transfer"]
    assert [event["key"] for event in told[1:]] == keys


def test_a_missing_file_fails_and_the_others_come(imap_bulk: Run, keys: list[str]) -> None:
    missing = MAG.replace("20260101", "20260109")
    ran = imap_bulk("pull", MAG, missing, SWE)
    assert ran.exit_code == 1
    assert missing in ran.stderr
    assert "404" in ran.stderr
    assert ran.stdout.startswith("3 files: 2 pulled, 1 failed; ")
    assert "See to the causes above, then run the same command again" in ran.stdout


def test_a_failure_in_json_names_its_kind(imap_bulk: Run) -> None:
    outcome = events(imap_bulk("pull", MAG, "--json"))[1]
    assert outcome["status"] == "failed"
    assert outcome["error"]["type"] == "NotFound"
    assert outcome["error"]["passing"] is False


def test_overwrite_moves_what_is_there(imap_bulk: Run, keys: list[str]) -> None:
    imap_bulk("pull", MAG)
    assert imap_bulk("pull", MAG, "--overwrite").stdout.startswith("1 file: 1 pulled; ")


def test_a_digest_of_the_manifest_is_what_counts(imap_bulk: Run, keys: list[str], tmp_path: Path) -> None:
    manifest = tmp_path / "sums.txt"
    manifest.write_text(f"{'0' * 64}  {MAG}\n")
    ran = imap_bulk("pull", manifest)
    assert ran.exit_code == 1
    assert "the manifest wants sha256:000" in ran.stderr


def test_verbose_tells_every_file(imap_bulk: Run, keys: list[str]) -> None:
    ran = imap_bulk("-v", "pull", MAG)
    assert ran.stderr.startswith(f"{keys[0]}: pulled, 2.2 kB in ")


def test_every_bad_line_of_a_manifest_is_named_and_nothing_moves(
    imap_bulk: Run, keys: list[str], data_dir: Path, tmp_path: Path
) -> None:
    manifest = tmp_path / "wanted.txt"
    manifest.write_text(f"{MAG}\nholiday.jpg\n{SWE}\n{MAG}\n../../etc/passwd\n/etc/passwd\nzz  {SWE}\n")
    ran = imap_bulk("pull", manifest)
    assert ran.exit_code == 2
    assert [number for number in range(1, 8) if f"line {number}:" in ran.stderr] == [2, 4, 5, 6, 7]
    manifest.write_text(f"{MAG}\nholiday.jpg\n{SWE}\nimap/../../etc/passwd\n/etc/passwd\nzz  {SWE}\n")
    ran = imap_bulk("pull", manifest)
    assert ran.exit_code == 2
    assert [number for number in range(1, 8) if f"line {number}:" in ran.stderr] == [2, 4, 5, 6]
    assert not (data_dir / "imap").exists()


def test_a_binary_file_given_by_mistake_is_no_manifest(imap_bulk: Run, tmp_path: Path) -> None:
    binary = tmp_path / "picture.png"
    binary.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    ran = imap_bulk("pull", binary)
    assert ran.exit_code == 2
    assert "looks like a binary file" in ran.stderr


def test_a_name_outside_the_conventions_is_refused(imap_bulk: Run) -> None:
    ran = imap_bulk("pull", "imap_magg_l1a_norm_20260101_v001.cdf")
    assert ran.exit_code == 2
    assert "codice, glows" in ran.stderr


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--instrument", "magg", "codice, glows, hi, "),
        ("--data-level", "l9", "l0, l1, l1a, "),
        ("--start-date", "01/02/2026", "YYYYMMDD"),
        ("--version", "newest", "vMMM.mmmm, vNNN or latest"),
    ],
)
def test_a_wrong_filter_is_named_before_any_request(
    invoke: Run, deaf: tuple[str, Callable[[], bool]], data_dir: Path, option: str, value: str, allowed: str
) -> None:
    url, was_called = deaf
    ran = invoke("--url", url, "--data-dir", data_dir, "pull", option, value)
    assert ran.exit_code == 2
    assert allowed in ran.stderr
    assert not was_called()
    assert not data_dir.exists()


def test_the_official_environment_variables_are_honoured(
    invoke: Run, locked_archive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = locked_archive.add(MAG, b"x")
    monkeypatch.setenv("IMAP_DATA_ACCESS_URL", locked_archive.url)
    monkeypatch.setenv("IMAP_DATA_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("IMAP_API_KEY", canaries.READ_KEY)
    assert invoke("pull", MAG).exit_code == 0
    assert (tmp_path / "elsewhere" / key).is_file()


def test_an_option_beats_its_environment_variable(
    invoke: Run, locked_archive: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked_archive.add(MAG, b"x")
    monkeypatch.setenv("IMAP_API_KEY", canaries.UNKNOWN_KEY)
    given = ("--url", locked_archive.url, "--data-dir", data_dir)
    assert invoke(*given, "pull", MAG).exit_code == 1
    assert invoke(*given, "--api-key", canaries.READ_KEY, "pull", MAG).exit_code == 0


@pytest.fixture
def wishes(monkeypatch: pytest.MonkeyPatch) -> list[Wishes]:
    """See what a command makes of its options."""
    seen: list[Wishes] = []

    def read(given: dict[str, Any]) -> Wishes:
        seen.append(wishes_of(given))
        return seen[-1]

    monkeypatch.setattr(imap, "wishes_of", read)
    return seen


@pytest.mark.parametrize(
    ("text", "rate"), [("1", 1.0), ("500k", 500e3), ("10M", 10e6), ("1.5G", 1.5e9), ("2.5", 2.5)]
)
def test_a_rate_has_decimal_suffixes(
    imap_bulk: Run, keys: list[str], wishes: list[Wishes], text: str, rate: float
) -> None:
    assert imap_bulk("pull", MAG, "--dry-run", "--limit-rate", text).exit_code == ExitCode.DONE
    assert wishes[0].settings.limit_rate == rate


@pytest.mark.parametrize("text", ["0", "0.5", "-1", "10m", "10MB", "10 M", "M", "nan", "inf", "1e9", "٣", ""])
def test_a_rate_that_is_none_is_wrong_usage(invoke: Run, text: str) -> None:
    ran = invoke("pull", MAG, "--limit-rate", text)
    assert ran.exit_code == ExitCode.USAGE
    assert "as in 500k, 10M or 1.5G" in ran.stderr


def test_requests_per_second_are_limited(imap_bulk: Run, keys: list[str], wishes: list[Wishes]) -> None:
    assert imap_bulk("pull", MAG, "--dry-run", "--limit-requests", "2.5").exit_code == ExitCode.DONE
    assert wishes[0].settings.limit_requests == 2.5


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e-9", "many"])
def test_no_requests_per_second_is_wrong_usage(invoke: Run, text: str) -> None:
    assert invoke("pull", MAG, "--limit-requests", text).exit_code == ExitCode.USAGE


def test_without_limits_there_are_none(imap_bulk: Run, keys: list[str], wishes: list[Wishes]) -> None:
    imap_bulk("pull", MAG, "--dry-run")
    assert (wishes[0].settings.limit_rate, wishes[0].settings.limit_requests) == (None, None)


@pytest.mark.parametrize("option", ["--instrument=", "--instrument=,", "--start-date="])
def test_a_filter_that_is_empty_does_not_mean_everything(imap_bulk: Run, option: str) -> None:
    ran = imap_bulk("pull", "--data-level", "l1a", option)
    assert ran.exit_code == 2
    assert f"{option.partition('=')[0]} is empty; leave it out to mean all of them." in ran.stderr
