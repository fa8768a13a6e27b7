"""Who takes part: each tool with its best settings, and whether it checks what it fetched."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol

from benchmarks.network import ROOT
from benchmarks.tls import Identity
from benchmarks.workloads import DataFile, Direction

OURS = "imap-bulk"
SCRIPTS = Path(__file__).parent / "scripts"
_VERSIONS = (
    "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
)


@dataclass(frozen=True, slots=True)
class Job:
    """What a tool is to do: which files, from or to where."""

    direction: Direction
    files: Sequence[DataFile]
    url: str
    """Base URL of the API."""
    source: Path
    """What is to be pushed is below it, by key."""
    dest: Path
    """What is pulled goes below it, by key; its directories are there."""
    scratch: Path
    """For lists and configuration; gone before the next run."""
    jobs: int
    identity: Identity | None = None
    """Whom to trust, where the server speaks TLS."""

    @property
    def streams(self) -> int:
        """Connections that each file may have, where there are more of them than files."""
        return max(1, self.jobs // len(self.files))

    def download_url(self, file: DataFile) -> str:
        """Return where a download begins: at the API."""
        return f"{self.url}/download/{file.key}"

    def write(self, name: str, lines: Sequence[str]) -> str:
        """Write a list into the scratch directory; return its path."""
        path = self.scratch / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return str(path)

    def as_json(self) -> str:
        """Write the job for the scripts; return its path."""
        pushes = self.direction is Direction.PUSH
        files = [
            {
                "key": file.key,
                "url": f"{self.url}/upload/{file.name}" if pushes else self.download_url(file),
                "path": str((self.source if pushes else self.dest) / file.key),
                "size": file.size,
            }
            for file in self.files
        ]
        job = {
            "direction": self.direction, "url": self.url, "dest": str(self.dest), "jobs": self.jobs,
            "streams": self.streams,
        }  # fmt: skip
        return self.write("job.json", [json.dumps({**job, "files": files})])


class Rival(Protocol):
    """One tool, in one way of using it."""

    name: str
    verifies: bool
    """Whether the tool itself checks content; the harness always does."""
    directions: frozenset[Direction]

    def version(self) -> str | None:
        """Tell what is installed; None where nothing is."""

    def command(self, job: Job) -> list[str]:
        """Return the command that does the job; lists it needs are written here, untimed."""


class Ours:
    """imap-bulk: pulls hold to a manifest of sha256; pushes to what storage says that it holds."""

    verifies = True
    directions = frozenset(Direction)

    def __init__(self, name: str = OURS, python: str = sys.executable, commit: str = "", *extra: str) -> None:
        self.name = name
        self._python = python
        self._commit = commit
        self._extra = extra

    def version(self) -> str | None:
        """See `Rival.version`."""
        version = _distributions(self._python).get("imap-bulk")
        return version and f"{version} ({self._commit or _described()})"

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        common = [self._python, "-m", "imap_bulk", "--url", job.url, "--data-dir", str(job.dest)]
        options = ["--jobs", str(job.jobs), "--quiet", *self._extra]
        if job.direction is Direction.PUSH:
            return [*common, "push", *options, str(job.source)]
        manifest = job.write("manifest.txt", [f"{file.sha256}  {file.key}" for file in job.files])
        return [*common, "pull", *options, manifest]


class OursOnDask(Ours):
    """imap-bulk on a Dask cluster of this machine's processes, each with as many connections as one alone has."""

    directions = frozenset({Direction.PULL})

    def __init__(self, workers: int) -> None:
        super().__init__(f"{OURS}-dask-{workers}", sys.executable, "", "--dask", f"local:{workers}")
        self._workers = workers

    def version(self) -> str | None:
        """See `Rival.version`."""
        return super().version() if "distributed" in _distributions(sys.executable) else None

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`; `--jobs` is for the whole cluster."""
        return super().command(replace(job, jobs=job.jobs * self._workers))


class Script:
    """A library, used by one of `scripts/` in the Python of the rivals."""

    verifies = False

    def __init__(self, name: str, needs: str, script: str, *arguments: str, pushes: bool = False) -> None:
        self.name = name
        self.directions = frozenset(Direction) if pushes else frozenset({Direction.PULL})
        self._needs = needs
        self._script = script
        self._arguments = arguments

    def version(self) -> str | None:
        """See `Rival.version`."""
        return _distributions(python_of_rivals()).get(self._needs)

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        return [python_of_rivals(), str(SCRIPTS / self._script), job.as_json(), *self._arguments]


class Program:
    """A program; subclasses write its command."""

    name: str
    program: str
    verifies = False
    directions = frozenset({Direction.PULL})
    version_words: tuple[str, ...] = ("--version",)

    def version(self) -> str | None:
        """See `Rival.version`."""
        program = shutil.which(self.program, path=search_path())
        if not program:
            return None
        told = subprocess.run([program, *self.version_words], capture_output=True, text=True, check=False)
        found = re.search(r"[0-9]+(\.[0-9]+)+", told.stdout)
        return found[0] if found else "?"

    def command(self, job: Job) -> list[str]:
        """See `Rival.command`."""
        raise NotImplementedError


def rivals_directory() -> Path:
    """Return the virtual environment of the rivals that come from PyPI; else our own."""
    return Path(os.environ.get("IMAP_BULK_RIVALS") or sys.prefix)


def python_of_rivals() -> str:
    """Return the interpreter of that environment."""
    return str(rivals_directory() / "bin" / "python")


def search_path() -> str:
    """Return the PATH of all runs: that environment first."""
    return f"{rivals_directory() / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"


@cache
def _distributions(python: str) -> dict[str, str]:
    """Ask an interpreter what is installed for it."""
    try:
        told = subprocess.run([python, "-I", "-c", _VERSIONS], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    versions: dict[str, str] = json.loads(told.stdout)
    return versions


@cache
def _described() -> str:
    """Name the commit of this checkout, and whether it has been changed since."""
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "no git"
