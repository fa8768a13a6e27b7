"""`imap-bulk demo`: the whole flow by itself."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the demonstration once; return what it said and where it kept its files."""
    home = tmp_path_factory.mktemp("demo") / "kept"
    command = [sys.executable, "-m", "imap_bulk", "demo", "--keep", str(home)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout, home


def test_it_shows_each_command_and_its_output(told: tuple[str, Path]) -> None:
    text, _ = told
    shown = [line.split(" pulled ")[1].split()[0] for line in text.splitlines() if line.startswith("$ imap-bulk ")]
    assert shown == ["push", "query", "pull", "pull", "verify"]
    assert "24 files: 24 pushed; " in text
    assert "Found [4] matching files in science table" in text
    assert "24 files: 8 pulled, 16 already there; " in text
    assert "24 files: 24 intact; " in text


def test_it_ends_with_what_was_proven_and_how_to_go_on(told: tuple[str, Path]) -> None:
    text, home = told
    assert "24 files went to the archive and came back" in text
    assert text.splitlines()[-1] == f"  imap-bulk serve --root {home / 'archive'}"


def test_kept_files_are_the_same_on_both_sides(told: tuple[str, Path]) -> None:
    _, home = told
    pushed = {path.name: path.read_bytes() for path in (home / "outbox").iterdir() if path.name != "sums.txt"}
    pulled = {path.name: path.read_bytes() for path in (home / "pulled" / "imap").rglob("*") if path.is_file()}
    assert pushed == pulled
    assert len(pulled) == 24


def test_without_keep_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    command = [sys.executable, "-m", "imap_bulk", "demo"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
    assert ran.returncode == 0
    assert "--keep DIR` keeps them" in ran.stdout
    assert list(tmp_path.iterdir()) == []
