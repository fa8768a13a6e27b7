"""Ctrl-C and SIGTERM: at once, without a traceback, with a word on how to go on."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., subprocess.Popen[str]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
RESUME = "Interrupted. What is done stays done: the same command goes on from here."


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pull_stops_at_once_and_says_how_to_go_on(
    start: Start, slow_archive: Any, data_dir: Path, number: int
) -> None:
    process = start("--url", slow_archive.url, "--data-dir", data_dir, "pull", MAG)
    assert slow_archive.reached.wait(20)
    sent = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert time.monotonic() - sent < 2
    assert process.returncode == 130
    assert out == "1 file: 1 cancelled\n"
    assert err == f"{RESUME}\n"
    assert [path for path in (data_dir / "imap").rglob("*") if path.is_file()] == []


def test_the_same_command_goes_on(start: Start, slow_archive: Any, data_dir: Path) -> None:
    arguments = ("--url", slow_archive.url, "--data-dir", data_dir, "pull", MAG)
    process = start(*arguments)
    assert slow_archive.reached.wait(20)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    slow_archive.go_on.set()
    process = start(*arguments)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert out.startswith("1 file: 1 pulled; 8.4 MB in ")


def test_a_thread_that_cannot_be_stopped_does_not_hold_it_up(start: Start, data_dir: Path, tmp_path: Path) -> None:
    fifo = data_dir / "imap" / "mag" / "l1a" / "2026" / "01" / MAG
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    manifest = tmp_path / "sums.txt"
    manifest.write_text(f"{'0' * 64}  {MAG}\n")
    process = start("--data-dir", data_dir, "verify", manifest)
    with fifo.open("wb"):  # opens once the process reads, and then says nothing
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert time.monotonic() - sent < 2
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.endswith(f"{RESUME}\n")


def test_json_ends_with_a_summary_also_then(start: Start, slow_archive: Any, data_dir: Path) -> None:
    process = start("--url", slow_archive.url, "--data-dir", data_dir, "pull", MAG, "--json")
    assert slow_archive.reached.wait(20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert '"event": "summary", "wanted": 1,' in out.splitlines()[-1]
    assert err == f"1 file: 1 cancelled\n{RESUME}\n"


def read_until(terminal: int, wanted: str) -> str:
    """Read what is on a terminal until it shows `wanted`."""
    shown = b""
    while wanted not in shown.decode(errors="replace"):
        shown += os.read(terminal, 4096)
    return shown.decode(errors="replace")


def test_a_terminal_shows_a_bar_and_then_the_summary(
    start: Start, slow_archive: Any, data_dir: Path, terminal: tuple[int, int]
) -> None:
    ours, theirs = terminal
    arguments = ("--url", slow_archive.url, "--data-dir", data_dir, "pull", MAG)
    process = start(*arguments, stdout=theirs, stderr=theirs)
    assert "  0%|" in read_until(ours, "| 0/1 file, ")
    read_until(ours, " MB, ")
    slow_archive.go_on.set()
    assert "only the size could be compared" in read_until(ours, "could be compared")
    assert process.wait(20) == 0


def test_a_terminal_is_left_tidy_by_an_interrupt(
    start: Start, slow_archive: Any, data_dir: Path, terminal: tuple[int, int]
) -> None:
    ours, theirs = terminal
    arguments = ("--url", slow_archive.url, "--data-dir", data_dir, "pull", MAG)
    process = start(*arguments, stdout=theirs, stderr=theirs)
    read_until(ours, "0/1 file")
    process.send_signal(signal.SIGINT)
    shown = read_until(ours, "from here.")
    assert process.wait(20) == 130
    assert "Traceback" not in shown
    assert shown.splitlines()[-2].endswith("1 file: 1 cancelled")
