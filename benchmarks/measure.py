"""One run of one tool: how long, how much CPU and memory, and whether every file is right afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.programs import path_of
from benchmarks.rivals import Job, Rival, search_path
from benchmarks.stage import Stage
from benchmarks.workloads import MIB, DataFile, Direction, sha256_of

PATIENCE = 600.0
"""Seconds that one run may take."""

_PREWARM = 1.3
_STOP_WATCH = Path(__file__).parent / "timed.py"

# PYTHONDONTWRITEBYTECODE would have an editable install compiled anew in every run.
_KEPT = ("LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took: seconds and MiB; `problem` is empty when every file is right."""

    round: int
    peer: str
    wall: float = 0.0
    user: float = 0.0
    sys: float = 0.0
    server_cpu: float = 0.0
    rss_mib: float = 0.0
    exit: int = 0
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the plain values, times rounded to a tenth of a millisecond."""
        return {
            name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()
        }


class TooSlow(RuntimeError):
    """A tool was not done in time, and was ended."""


def measure(rival: Rival, job: Job, stage: Stage, number: int, *, by_digest: bool, patience: float) -> Run:
    """Run a tool once, for `patience` seconds at most, in directories that are empty before and after."""
    _clear(job, stage)
    try:
        command = rival.command(job)
        prewarm(sum(file.size for file in job.files), job.scratch)
        before = stage.cpu_seconds()
        figures = _timed([path_of(command[0]), *command[1:]], job, patience)
        spent = stage.cpu_seconds() - before
        arrived = stage.received if job.direction is Direction.PUSH else job.dest
        problem = _failure(figures, job.scratch) or wrong_files(arrived, job.files, by_digest=by_digest)
        return Run(number, rival.name, server_cpu=spent, problem=problem, **figures)
    except TooSlow:
        return Run(number, rival.name, wall=patience, exit=-1, problem=f"not done after {patience:g} s")
    except (OSError, RuntimeError) as error:  # one tool that cannot be run must not end the session
        return Run(number, rival.name, exit=-1, problem=f"{type(error).__name__}: {error}")
    finally:
        shutil.rmtree(job.dest, ignore_errors=True)


def prewarm(size: int, scratch: Path) -> None:
    """Touch as many pages as the run will: a virtual machine gives free ones back, and getting them is slow."""
    path = scratch / "prewarm"
    block = bytes(4 * MIB)
    with path.open("wb") as file:
        for _ in range(int(size * _PREWARM) // len(block) + 1):
            file.write(block)
    path.unlink()


def wrong_files(root: Path, files: Sequence[DataFile], *, by_digest: bool) -> str:
    """Look at every file: its size, or its sha256. Return what is wrong, or nothing."""
    missing = [file for file in files if not (root / file.key).is_file()]
    there = [file for file in files if (root / file.key).is_file()]
    wrong = [
        file
        for file in there
        if (root / file.key).stat().st_size != file.size
        or (by_digest and sha256_of(root / file.key) != file.sha256)
    ]
    told = ((len(missing), "missing"), (len(wrong), "wrong"))
    return ", ".join(f"{count} {words}" for count, words in told if count)


def _clear(job: Job, stage: Stage) -> None:
    for directory in (job.dest, job.scratch):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
    for parent in {Path(file.key).parent for file in job.files}:
        (job.dest / parent).mkdir(parents=True, exist_ok=True)
    if job.direction is Direction.PUSH:
        stage.forget_uploads()


def _timed(command: Sequence[str], job: Job, patience: float) -> dict[str, Any]:
    """Run a command under the stop-watch, with nobody's settings in its environment."""
    scratch = job.scratch
    result = scratch / "figures.json"
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"PATH": search_path(), "HOME": str(scratch), "RCLONE_CONFIG": str(scratch / "none")}
    environment |= job.identity.environment if job.identity else {}
    with (scratch / "output.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_STOP_WATCH), str(result), *command],
            cwd=scratch, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        process.wait(patience)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)  # not yet waited for, so this is still the group begun above
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            raise TooSlow from None
        raise
    if not result.is_file():
        raise RuntimeError(f"could not be run: {_last_line(scratch)}")
    figures: dict[str, Any] = json.loads(result.read_text())
    return figures


def _failure(figures: dict[str, Any], scratch: Path) -> str:
    return f"exit {figures['exit']}: {_last_line(scratch)}" if figures["exit"] else ""


def _last_line(scratch: Path) -> str:
    lines = (scratch / "output.log").read_text(errors="replace").strip().splitlines()
    return lines[-1][:160] if lines else "nothing printed"
