"""Where `imap-bulk lsst query -o` writes: files, links, pipes and devices, and what goes wrong there."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
SQL = "SELECT id, note FROM DR1.Object ORDER BY id LIMIT 1"
ANSWER = "id,note\n9007199254740993,star\n"


def test_a_pipe_stays_a_pipe(lsst: Run, tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe.csv", list[str]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    ran = lsst("query", "--sql", SQL, "-o", pipe)
    reader.join(10)
    assert (ran.exit_code, read, pipe.is_fifo()) == (0, [ANSWER], True)


def test_a_link_stays_a_link(lsst: Run, tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to("real.csv")
    assert lsst("query", "--sql", SQL, "-o", link).exit_code == 0
    assert link.is_symlink()
    assert (tmp_path / "real.csv").read_text() == ANSWER


def test_an_output_in_no_directory_is_refused_before_any_request(
    invoke: Run, deaf: tuple[str, Callable[[], bool]], tmp_path: Path
) -> None:
    url, was_called = deaf
    ran = invoke("--url", url, "lsst", "query", "--sql", SQL, "-o", tmp_path / "no" / "x.csv")
    assert (ran.exit_code, was_called()) == (2, False)
    assert f"there is no directory {tmp_path / 'no'}; make it first." in ran.stderr


def test_a_full_disk_is_told_with_the_name_of_the_output(lsst: Run, tmp_path: Path) -> None:
    full = tmp_path / "full.csv"
    full.symlink_to("/dev/full")
    ran = lsst("query", "--sql", SQL, "-o", full)
    assert ran.exit_code == 74
    assert ran.stderr.startswith(f"Error: no space is left for {full};")


@pytest.mark.parametrize("length", [250, 300])
def test_a_name_that_is_too_long_is_told_as_it_was_given(lsst: Run, tmp_path: Path, length: int) -> None:
    output = tmp_path / ("x" * length)
    ran = lsst("query", "--sql", SQL, "-o", output)
    assert ran.exit_code == 74
    assert ran.stderr.startswith(f"Error: {output}: File name too long")
