"""The README says nothing that is not true today: its sessions are run, and their output is the real one."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.server import rclone

from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.main import cli
from imap_bulk.server.chaos import FAULTS, parse_spec

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PORT = "8000"
BEGIN, END = "\x1e", "\x1d"
"""What marks, in a shell's output, each command and the end of all."""

RUN = """
set -u
show() {{ printf '\\036%s\\n' "$1"; }}
imap-bulk() {{ {python} -m imap_bulk "$@" 2>&1 || printf '[exit code %s]\\n' $?; }}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def sessions() -> list[list[tuple[str, str]]]:
    """Return the sessions of the README: each command with its output.

    A block in which an archive is started begins a session; those without one go on with the session before.
    """
    found: list[list[tuple[str, str]]] = []
    for block in blocks("console"):
        if block.startswith("$ imap-bulk -h"):
            continue
        if "imap-bulk serve" in block:
            found.append([])
        steps = block.removeprefix("$ ").split("\n$ ")
        found[-1] += [(command, output) for command, _, output in (step.partition("\n") for step in steps)]
    return found


def without_figures(text: str) -> str:
    """Blot out what differs from run to run: sizes, times, rates, ports."""
    text = re.sub(r"[0-9.]+ (B|kB|MB|GB|ms|s|min)\b(/s)?", "N", text)
    text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", "TIME", text)
    return re.sub(r"127\.0\.0\.1:[0-9]+", "HOST", text).strip()


@pytest.fixture
def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def ran(steps: list[tuple[str, str]], port: str, place: Path) -> Iterator[str]:
    """Run the commands in one shell; yield the output of each."""
    script = RUN.format(python=shlex.quote(sys.executable))
    for command, _ in steps:
        waits = (
            "\nuntil grep -q Serving served 2>/dev/null; do :; done; cat served" if command.endswith("&") else ""
        )
        told = command.replace("&", "> served &") if waits else command
        script += f"\nshow {shlex.quote(command)}\n{told.replace(PORT, port)}{waits}"
    script += "\nprintf '\\035\\n'"
    # A session of its own, so that the archive in the background can be ended with it.
    shell = subprocess.Popen(
        ["bash", "-c", script], cwd=place, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert shell.stdout
    try:
        said = "".join(iter(shell.stdout.readline, f"{END}\n"))
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.stdout.close()
        shell.wait()
    for part in said.split(BEGIN)[1:]:
        yield part.partition("\n")[2]


@pytest.mark.parametrize("steps", sessions(), ids=["imap", "aurorax", "lsst"])
def test_the_session_is_the_real_one(steps: list[tuple[str, str]], free_port: str, tmp_path: Path) -> None:
    outputs = list(ran(steps, free_port, tmp_path))
    assert len(outputs) == len(steps)
    for (command, told), output in zip(steps, outputs, strict=True):
        assert without_figures(output) == without_figures(told), command


def test_the_session_with_a_bucket_is_the_real_one(
    free_port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "objectstore.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```console\n\$ (.*?)```", page, re.DOTALL)
    shown = [(command, output) for command, _, output in (step.partition("\n") for step in block.split("\n$ "))]
    before = sessions()[0][:4]  # an archive with files in it
    with rclone.serving(tmp_path / "s3") as storage:
        (tmp_path / "s3" / "flux").mkdir()
        for name, value in {**storage.own_environment, "AWS_ENDPOINT_URL": storage.endpoint}.items():
            monkeypatch.setenv(name, value)
        outputs = list(ran([*before, *shown], free_port, tmp_path))[len(before) :]
    for (command, told), output in zip(shown, outputs, strict=True):
        assert without_figures(output) == without_figures(told), command


def test_the_help_is_the_real_one() -> None:
    (block,) = (block for block in blocks("console") if block.startswith("$ imap-bulk -h"))
    shown = CliRunner().invoke(cli, ["-h"], prog_name="imap-bulk").output
    assert block.partition("\n")[2].strip() == shown.strip()


def test_every_command_is_in_the_table() -> None:
    assert all(f"`imap-bulk {name}" in README for name in cli.list_commands(None))  # type: ignore[arg-type]


def test_every_exit_code_is_in_the_table() -> None:
    assert all(f"| {code.value} |" in README for code in ExitCode)


def test_the_two_commands_are_tasks() -> None:
    first = blocks("sh")[0]
    tasks = re.findall(r"python3 tasks\.py (\w+)", first)
    assert tasks == ["demo", "test"]
    assert all(f"def {task}()" in (ROOT / "tasks.py").read_text() for task in tasks)


def test_the_python_example_runs(free_port: str, tmp_path: Path) -> None:
    (example,) = blocks("python")
    steps = [step for step in sessions()[0][:4] if "demo" in step[0] or "serve" in step[0] or "export" in step[0]]
    steps += [("imap-bulk push sample/outbox/sums.txt > /dev/null", ""), ("python example.py", "")]
    (tmp_path / "example.py").write_text(example)
    steps[-1] = (f"{shlex.quote(sys.executable)} example.py", "")
    *_, output = ran(steps, free_port, tmp_path)
    assert output == "2 imap_mag_l1a_norm-raw_20260101_v001.0001.cdf\nTrue\n"


def test_the_rehearsal_is_understood() -> None:
    spec, count = re.search(r"--chaos (\S+=\S+) --seed 7 .* one of (\d+) faults", README).groups()  # type: ignore[union-attr]
    assert parse_spec(spec)
    assert int(count) == len(FAULTS)
