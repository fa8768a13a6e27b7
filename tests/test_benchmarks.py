"""The benchmarks run, and their arithmetic is right. Nothing here is timed."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from benchmarks import chart, results, tables
from benchmarks.measure import wrong_files
from benchmarks.programs import all_rivals
from benchmarks.rivals import OURS
from benchmarks.session import Plan, turns
from benchmarks.workloads import WORKLOADS, make

ROOT = Path(__file__).parent.parent
TINY = ("--scale", "0.002", "--rounds", "1", "--no-results")


def run(round_: int, peer: str, wall: float, problem: str = "") -> dict[str, Any]:
    return {
        "round": round_, "peer": peer, "wall": wall, "user": wall / 2, "sys": wall / 4, "server_cpu": 0.5,
        "rss_mib": 40.0, "exit": 0, "problem": problem,
    }  # fmt: skip


@pytest.fixture
def result() -> dict[str, Any]:
    """Three rounds of four: ours, one twice as slow while all drift, one that fails, one that once did."""
    walls = [1.0, 2.0, 4.0]
    runs = [run(at, OURS, wall) for at, wall in enumerate(walls, 1)]
    runs += [run(at, "slow", 2 * wall) for at, wall in enumerate(walls, 1)]
    runs += [run(at, "broken", 0.1, "3 missing") for at in (1, 2, 3)]
    runs += [run(1, "shaky", 3.0), run(2, "shaky", 0.1, "exit 1: a | b"), run(3, "shaky", 3.0)]
    peers = {name: {"version": "1.0", "verifies": name == OURS, "command": name} for name in (OURS, "slow")}
    peers |= {name: {"version": None, "verifies": False, "command": name} for name in ("broken", "shaky")}
    return {
        "schema": 1, "date": "2026-11-22T12:00:00+00:00", "peers": peers, "rounds": runs,
        "workload": {
            "name": "small", "direction": "pull", "files": 5000, "bytes": 80_000_000, "jobs": 16, "scale": 1.0,
        },
        "machine": {"cpu": "a < b", "cores": 2, "system": "Linux 6", "python": "CPython 3.11"},
        "network": {"namespace": False, "congestion_control": "bbr"},
        "server": "nginx 1.22", "not_installed": ["parfive"],
    }  # fmt: skip


def named(result: dict[str, Any]) -> dict[str, tables.Row]:
    return {row.peer: row for row in tables.rows(result)}


def benchmarks(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_tiny_session_runs() -> None:
    peers = OURS + (",curl" if shutil.which("curl") else "")
    done = benchmarks(*TINY, "--peers", peers)
    assert done.returncode == 0, done.stderr + done.stdout
    assert f"**{OURS} " in done.stdout
    assert "failed" not in done.stdout


def test_a_tiny_push_to_the_embedded_archive_runs() -> None:
    done = benchmarks(*TINY, "--workload", "push-small", "--server", "embedded", "--peers", OURS)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "embedded archive" in done.stdout


def test_a_workload_that_is_none_is_wrong_usage() -> None:
    done = benchmarks("--workload", "tiny")
    assert done.returncode == 2
    assert "push-medium" in done.stderr


def test_ratios_are_taken_within_each_round(result: dict[str, Any]) -> None:
    slow = named(result)["slow"]
    assert slow.wall == tables.Spread(4.0, 2.0, 8.0)
    assert slow.ratio == tables.Spread(2.0, 2.0, 2.0)


def test_without_ours_there_are_no_ratios(result: dict[str, Any]) -> None:
    del result["peers"][OURS]
    assert all(row.ratio is None for row in tables.rows(result))


def test_rates_come_from_the_median(result: dict[str, Any]) -> None:
    ours = named(result)[OURS]
    assert (ours.files_per_second, ours.mb_per_second, ours.cpu) == (2500.0, 40.0, 1.5)


def test_who_fails_is_shown_last_and_not_dropped(result: dict[str, Any]) -> None:
    *_, last = tables.rows(result)
    assert (last.peer, last.wall, last.problem) == ("broken", None, "failed 3 of 3: 3 missing")


def test_rounds_that_failed_do_not_count(result: dict[str, Any]) -> None:
    shaky = named(result)["shaky"]
    assert shaky.wall == tables.Spread(3.0, 3.0, 3.0)
    assert shaky.ratio == tables.Spread(1.875, 0.75, 3.0)
    assert shaky.problem.startswith("failed 1 of 3")


def test_the_table_has_a_line_for_everybody(result: dict[str, Any]) -> None:
    text = tables.markdown(result)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + len(result["peers"])
    assert len({line.count("|") for line in rows}) == 1
    assert "bbr? in the host's loopback" in text
    assert "Not installed: parfive." in text


def test_the_chart_is_well_formed(result: dict[str, Any]) -> None:
    drawn = ET.fromstring(chart.svg(result))
    bars = [element for element in drawn if element.tag.endswith("rect")]
    assert len(bars) == 3


def test_a_result_is_kept_by_its_day(result: dict[str, Any], tmp_path: Path) -> None:
    first, second = results.save(result, tmp_path), results.save(result, tmp_path)
    assert [first.name, second.name] == ["2026-11-22-small.json", "2026-11-22-small-2.json"]
    assert results.load(second) == result


def test_everybody_runs_once_a_round_and_nobody_is_always_first() -> None:
    plan = Plan(WORKLOADS["small"], all_rivals()[:3], [], rounds=3, server="auto")
    order = [(number, rival.name) for number, rival in turns(plan)]
    assert len(set(order)) == len(order) == 9
    assert len({order[at][1] for at in (0, 3, 6)}) > 1


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_scaled_workload_is_that_part_of_the_bytes(name: str) -> None:
    whole, part = sum(WORKLOADS[name].sizes()), sum(WORKLOADS[name].scaled(0.1).sizes())
    assert part == pytest.approx(whole / 10, rel=0.01)


def test_wrong_and_missing_files_are_found(tmp_path: Path) -> None:
    first, second, third, *_ = files = make(WORKLOADS["small"].scaled(0.001), tmp_path)
    assert wrong_files(tmp_path, files, by_digest=True) == ""
    (tmp_path / first.key).unlink()
    (tmp_path / second.key).write_bytes(b"short")
    (tmp_path / third.key).write_bytes(bytes(third.size))
    assert wrong_files(tmp_path, files, by_digest=False) == "1 missing, 1 wrong"
    assert wrong_files(tmp_path, files, by_digest=True) == "1 missing, 2 wrong"
