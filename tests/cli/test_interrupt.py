"""Ctrl-C and SIGTERM: at once, without a traceback, with a word on how to go on."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Archive, serving

from imap_bulk.server.app import ServerOptions
from imap_bulk.server.chaos.fault import Kind

Start = Callable[..., subprocess.Popen[str]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
RESUME = "Interrupted. What is done stays done: the same command goes on from here."
CROWD = 128
PATIENT = 20.0
SEED = 20261122


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
    assert err.count(RESUME) == 1


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


# --- many in flight


@dataclass
class Crowd:
    """An archive of 128 files."""

    archive: Archive
    names: list[str]
    asked: threading.Event
    """Set once the archive has been asked for anything."""
    reached: threading.Event
    """Set once half of each file, or of enough of them, has come, and nothing more does."""

    def pull(self, data_dir: Path) -> tuple[object, ...]:
        """Return the arguments of a pull of all of them."""
        return ("--url", self.archive.url, "--data-dir", data_dir, "pull", "-j", CROWD, *self.names)


@contextlib.contextmanager
def crowd(root: Path, chaos: str, enough: int = CROWD) -> Iterator[Crowd]:
    names = [MAG.replace("20260101", f"2026{number // 28 + 1:02}{number % 28 + 1:02}") for number in range(CROWD)]
    asked, reached = threading.Event(), threading.Event()
    with serving(ServerOptions(root, chaos=chaos, grace=0.1)) as archive:
        for name in names:
            archive.add(name, name.encode() * 400)
        waiting = 0
        decide = archive.server.chaos.decide  # type: ignore[union-attr]

        def deciding(kind: Kind, method: str, path: str) -> Any:
            nonlocal waiting
            asked.set()
            decision = decide(kind, method, path)
            waiting += bool(decision)
            if waiting == enough:
                reached.set()
            return decision

        vars(archive.server.chaos)["decide"] = deciding
        yield Crowd(archive, names, asked, reached)


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[Crowd]:
    """Let the first answer to each file come to a stop half-way."""
    with crowd(tmp_path / "archive", "storage:stall-body*1,stall=60") as stuck:
        yield stuck


@pytest.fixture
def start_at_once() -> Iterator[Start]:
    """Start `imap-bulk` so that its first requests are as many as its jobs.

    With `patience`, an interrupt may take so many seconds: what it says can then be judged on a busy machine too,
    where the usual 1.2 s are over before the process has had a tenth of a second of the processor.
    """
    with contextlib.ExitStack() as stack:

        def run(
            *arguments: object, idle_timeout: float = 30.0, patience: float = 0.0, **given: Any
        ) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "tests.faults.tuned", *map(str, arguments)]
            settings = {"jobs_start": CROWD, "wait_base": 0.0, "idle_timeout": idle_timeout}
            environment = {**os.environ, "TUNED": json.dumps(settings), "PATIENCE": f"{patience or ''}"}
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
            process: subprocess.Popen[str] = stack.enter_context(subprocess.Popen(command, **{**pipes, **given}))
            stack.callback(process.kill)
            return process

        yield run


def screen(terminal: int) -> str:
    """Read a terminal until nobody writes to it any more; return what is left to be seen."""
    shown = b""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in shown.decode().split("\n")]
    return "\n".join(line for line in lines if line.strip())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_crowd_in_flight_is_stopped_in_two_lines_and_goes_on_later(
    start_at_once: Start, stuck: Crowd, data_dir: Path, number: int
) -> None:
    process = start_at_once(*stuck.pull(data_dir), patience=PATIENT)
    assert stuck.reached.wait(20)
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENT)
    assert process.returncode == 130
    assert (out, err) == ("128 files: 128 cancelled\n", f"{RESUME}\n")
    process = start_at_once(*stuck.pull(data_dir))
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert out.startswith("128 files: 128 pulled; ")


def test_a_crowd_in_flight_leaves_a_terminal_with_two_lines(
    start_at_once: Start, stuck: Crowd, data_dir: Path, terminal: tuple[int, int]
) -> None:
    ours, theirs = terminal
    process = start_at_once(*stuck.pull(data_dir), patience=PATIENT, stdout=theirs, stderr=theirs)
    os.close(theirs)
    assert stuck.reached.wait(20)
    process.send_signal(signal.SIGINT)
    assert screen(ours) == f"128 files: 128 cancelled\n{RESUME}"
    assert process.wait(10) == 130


@pytest.mark.skipif(sys.platform != "linux", reason="who is whose child is read from /proc")
def test_an_interrupt_of_several_processes_is_heard_by_one_and_ends_all_in_two_lines(
    start: Start, data_dir: Path, tmp_path: Path
) -> None:
    at_first = 4
    with crowd(tmp_path / "archive", "storage:stall-body*1,stall=60", enough=2 * at_first) as stuck:
        arguments = ("--url", stuck.archive.url, "--data-dir", data_dir, "pull", "--processes", 2, *stuck.names)
        process = start(*arguments, start_new_session=True)
        assert stuck.reached.wait(20)  # more than one process has in flight at first
        (helper,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        out, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert (out, err) == ("128 files: 128 cancelled\n", f"{RESUME}\n")
        assert not Path("/proc", helper).exists()


def test_a_second_interrupt_waits_for_nothing(start: Start, data_dir: Path, tmp_path: Path) -> None:
    # Of two different signals both arrive, however soon one follows the other.
    _, said = interrupt_twice(start, data_dir, tmp_path, signal.SIGINT, signal.SIGTERM)
    assert said == f"\n{RESUME}\n"


def test_a_second_interrupt_at_the_last_moment_says_nothing_twice() -> None:
    script = """
import os
from imap_bulk.cli import ending

write = os.write
os.write = lambda fd, said: (write(fd, said), ending._leave())  # as a signal handler may in between
ending._leave()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, f"\n{RESUME}\n")


def interrupt_twice(
    start: Start, data_dir: Path, tmp_path: Path, first: int, second: int, pause: float = 0.0
) -> tuple[float, str]:
    """Interrupt what cannot be stopped; return what the second time took, and all that was said."""
    fifo = data_dir / "imap" / "mag" / "l1a" / "2026" / "01" / MAG
    fifo.parent.mkdir(parents=True)
    os.mkfifo(fifo)
    manifest = tmp_path / "sums.txt"
    manifest.write_text(f"{'0' * 64}  {MAG}\n")
    process = start("--data-dir", data_dir, "verify", "-q", manifest)
    with fifo.open("wb"):
        process.send_signal(first)
        time.sleep(pause)
        sent = time.monotonic()
        process.send_signal(second)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 130
    return time.monotonic() - sent, out + err


# --- how long it takes: R13


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("moment", range(25))
@pytest.mark.parametrize("on_terminal", [False, True])
def test_an_interrupt_at_any_moment_is_over_in_two_seconds(
    start_at_once: Start, tmp_path: Path, terminal: tuple[int, int], moment: int, on_terminal: bool
) -> None:
    dice = random.Random(f"{SEED} {moment} {on_terminal}")
    with crowd(tmp_path / "archive", "storage:stall-body*1,stall=60") as archive:
        arguments = archive.pull(tmp_path / "data")
        ours, theirs = terminal
        process = start_at_once(*arguments, **({"stdout": theirs, "stderr": theirs} if on_terminal else {}))
        os.close(theirs)
        assert archive.asked.wait(20)
        time.sleep(dice.uniform(0.0, 0.5))
        sent = time.monotonic()
        process.send_signal(dice.choice([signal.SIGINT, signal.SIGTERM]))
        shown = screen(ours) if on_terminal else "".join(process.communicate(timeout=10))
        code = process.wait(10)
        seconds = time.monotonic() - sent
        sys.stderr.write(f"moment {moment}: code {code} after {seconds:.3f} s: {shown.splitlines()}\n")
        assert seconds <= 2
        assert len(shown.splitlines()) <= 2
        assert "Traceback" not in shown
        assert code == 130
        again = start_at_once(*arguments, idle_timeout=0.3)
        again.communicate(timeout=60)
        assert again.returncode == 0


@pytest.mark.soak
@pytest.mark.parametrize("moment", range(25))
def test_a_second_interrupt_is_over_in_a_third_of_a_second(
    start: Start, data_dir: Path, tmp_path: Path, moment: int
) -> None:
    pause = random.Random(f"{SEED} {moment}").uniform(0.05, 0.6)
    seconds, said = interrupt_twice(start, data_dir, tmp_path, signal.SIGINT, signal.SIGINT, pause)
    sys.stderr.write(f"moment {moment}: {seconds:.3f} s\n")
    assert seconds <= 0.3
    assert said == f"\n{RESUME}\n"
