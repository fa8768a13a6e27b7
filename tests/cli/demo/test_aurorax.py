"""`imap-bulk demo --archive aurorax`: the whole flow of AuroraX by itself."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the demonstration once; return what it said and where it kept its files."""
    home = tmp_path_factory.mktemp("demo") / "kept"
    command = [sys.executable, "-m", "imap_bulk", "demo", "--archive", "aurorax", "--keep", str(home)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout, home


def test_it_shows_each_command_and_its_output(told: tuple[str, Path]) -> None:
    text, _ = told
    lines = [line.split(" pulled ")[1].split() for line in text.splitlines() if line.startswith("$ imap-bulk ")]
    assert [words[0] if words[0] == "verify" else words[1] for words in lines] == [
        "sources", "pull", "pull", "pull", "push", "verify",
    ]  # fmt: skip
    assert "10 NOT verified: only their form could be looked at" in text
    assert "3 files: 3 already there; 3 NOT verified: only the number of records could be compared" in text
    assert "720 records: 720 accepted; " in text
    assert "; all found by a search\n" in text


def test_what_it_keeps_is_where_it_says(told: tuple[str, Path]) -> None:
    text, home = told
    assert "13 files came, 720 records went to the archive" in text
    pulled = {path.suffix for path in (home / "pulled" / "aurorax").rglob("*") if path.is_file()}
    assert pulled == {".png", ".json"}
