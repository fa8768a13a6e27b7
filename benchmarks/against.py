"""A second checkout of imap-bulk, at another commit, in a git worktree and a virtual environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.network import ROOT
from benchmarks.rivals import OURS, Ours

_MADE = "IMAP_BULK_BENCHMARKS_AGAINST"


@dataclass(frozen=True, slots=True)
class Checkout:
    """Another commit, installed."""

    ref: str
    commit: str
    python: str

    def rival(self) -> Ours:
        """Return it as somebody to race with."""
        return Ours(f"{OURS}@{self.ref}", self.python, self.commit)


@contextmanager
def checkout(ref: str | None) -> Iterator[Checkout | None]:
    """Install a commit while the context lasts; it is told to child processes. Raises RuntimeError."""
    if not ref:
        yield None
        return
    if told := os.environ.get(_MADE):  # made outside: inside the namespace there is no package index
        yield Checkout(**json.loads(told))
        return
    place = Path(tempfile.mkdtemp(prefix="imap-bulk-against-"))
    try:
        made = _install(ref, place)
        os.environ[_MADE] = json.dumps(asdict(made))
        yield made
    finally:
        os.environ.pop(_MADE, None)
        _git("worktree", "remove", "--force", str(place / "tree"), check=False)
        shutil.rmtree(place, ignore_errors=True)


def _install(ref: str, place: Path) -> Checkout:
    tree, python = place / "tree", place / "venv" / "bin" / "python"
    commit = _git("rev-parse", "--short", "--verify", f"{ref}^{{commit}}")
    _git("worktree", "add", "--detach", str(tree), commit)
    _run(sys.executable, "-m", "venv", str(place / "venv"))
    _run(str(python), "-m", "pip", "install", "--quiet", "--editable", str(tree))
    return Checkout(ref, commit, str(python))


def _git(*words: str, check: bool = True) -> str:
    return _run("git", "-C", str(ROOT), *words, check=check)


def _run(*command: str, check: bool = True) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and finished.returncode:
        raise RuntimeError(f"{' '.join(command)}: {finished.stderr.strip()[-1000:]}")
    return finished.stdout.strip()
