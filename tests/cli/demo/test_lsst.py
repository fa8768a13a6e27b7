"""`imap-bulk demo --archive lsst`: the whole flow by itself."""

import subprocess
import sys
from pathlib import Path

import pytest
from astropy.io import fits


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the demonstration once; return what it said and where it kept its files."""
    home = tmp_path_factory.mktemp("demo") / "kept"
    command = [sys.executable, "-m", "imap_bulk", "demo", "--archive", "lsst", "--keep", str(home)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout, home


def test_it_shows_each_command_and_its_output(told: tuple[str, Path]) -> None:
    text, _ = told
    commands = [line.split(" pulled ")[1].split() for line in text.splitlines() if line.startswith("$ imap-bulk ")]
    assert [command[-1] if command[0] == "verify" else command[1] for command in commands] == [
        "list", "query", "query", "pull", "query", "pull", "verify",
    ]  # fmt: skip
    assert "8000 rows in 8 parts to objects.csv, as many as the archive counts; " in text
    assert "8 files: 8 pulled; " in text
    assert "14 files: 14 intact; " in text


def test_the_cutouts_show_the_stars_that_they_were_made_for(told: tuple[str, Path]) -> None:
    _, home = told
    cutouts = sorted((home / "pulled").rglob("*_cutout_*_star.fits"))
    assert len(cutouts) == 6
    for path in cutouts:
        pixels = fits.getdata(path, "IMAGE")
        assert pixels.max() > pixels.mean() + 60  # eight times the noise
