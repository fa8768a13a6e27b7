"""What a type checker says of programs that use the package, as installed."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from pathlib import Path

import imap_bulk


def told(event: imap_bulk.Event) -> None:
    if isinstance(event, imap_bulk.Outcome):
        print(event.transfer.key)


files = imap_bulk.query(instrument="mag")
imap_bulk.pull(files, data_dir=Path("flux"), report=told).raise_for_failures()
imap_bulk.push(path for path in Path().iterdir())
"""
MISTAKES = """
import imap_bulk

imap_bulk.pul("naif0012.tls")
imap_bulk.aio.pul("naif0012.tls")
imap_bulk.pull(12)
"""


def said(program: str, tmp_path: Path) -> list[str]:
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"]
    return subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True).stdout.splitlines()


def test_programs_that_are_right_are_taken_and_mistakes_are_found(tmp_path: Path) -> None:
    assert said(PROGRAM, tmp_path) == []
    assert [line.split(":")[1] for line in said(MISTAKES, tmp_path)] == ["4", "5", "6"]
