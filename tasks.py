"""Every chore of this project, with nothing but Python >= 3.11 to begin with.

    python3 tasks.py demo     install into .venv, then run `imap-bulk demo`
    python3 tasks.py test     install into .venv, then lint, types and the whole test suite
    python3 tasks.py lint     ruff alone
    python3 tasks.py types    mypy alone
    python3 tasks.py fix      let ruff format and mend what it can

The virtual environment is made once and reused; it is made again when pyproject.toml changes.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
CODE = ["src", "tests", "benchmarks", "tasks.py"]


def main() -> int:
    """Run the tasks named on the command line, in order; stop at the first that fails."""
    names = sys.argv[1:]
    unknown = [name for name in names if name not in TASKS]
    if not names or unknown:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info < (3, 11):  # noqa: UP036  the one file that an older Python may meet
        print(f"imap-bulk needs Python 3.11 or later; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 2
    install()
    for name in names:
        TASKS[name]()
    return 0


def install() -> None:
    """Install the package, editable, with its development tools, unless that is already so."""
    stamp = VENV / "installed-from"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing into {VENV.relative_to(ROOT)} ...", file=sys.stderr)
    venv.create(VENV, with_pip=True, clear=True)
    run("python", "-m", "pip", "install", "--quiet", "--upgrade", "pip>=25.1")
    run("python", "-m", "pip", "install", "--quiet", "--editable", ".", "--group", "dev")
    stamp.write_text(wanted)


def run(program: str, *arguments: str) -> None:
    """Run a program of the virtual environment; its failure ends this one with the same code."""
    finished = subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False)
    if finished.returncode:
        sys.exit(finished.returncode)


def demo() -> None:
    """Show the whole flow on this machine."""
    run("imap-bulk", "demo")


def lint() -> None:
    """Check style and format."""
    run("ruff", "check", "--quiet", *CODE)
    run("ruff", "format", "--quiet", "--check", *CODE)


def fix() -> None:
    """Mend style and format."""
    run("ruff", "check", "--quiet", "--fix", *CODE)
    run("ruff", "format", "--quiet", *CODE)


def types() -> None:
    """Check types."""
    run("mypy", "--no-error-summary")


def test() -> None:
    """Do all that CI does."""
    lint()
    types()
    run("pytest", "--numprocesses", "2")


TASKS = {task.__name__: task for task in (demo, test, lint, types, fix)}

if __name__ == "__main__":
    sys.exit(main())
