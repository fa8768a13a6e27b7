"""What people do wrong with `imap-bulk lsst`: told by the option, the file and the line, before any request."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.lsst.conftest import Run

CALEXP = ("--level", "L2", "--collection", "DR1", "--kind", "calexp")
CUT = ("pull", *CALEXP, "--size", "30arcsec", "--cutouts")
NO_TEXT = "caf\udce9"
POSITIONS = "id,ra,dec\n5646240694,37.6292,0.1042\n"


def said(ran: Result) -> list[str]:
    """Return the lines below click's lines of usage."""
    return ran.stderr.split("Error: ")[-1].splitlines()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("list", "databases", "--level", ""), "--level is empty; leave it out to mean all of them."),
        (("list", "databases", "--containing", ""), "--containing is empty; leave it out"),
        (("list", "databases", "--level", NO_TEXT), r"--level 'caf\xe9' is no text in UTF-8"),
        (("list", "databases", "--containing", NO_TEXT), r"--containing 'caf\xe9' is no text in UTF-8"),
        (("list", "levels", "--level", "L2"), "--level does not narrow the list of levels; leave it out."),
        (("list", "tables", "--database", "DR1", "--kind", "raw"), "--kind does not narrow the list of tables;"),
        (("schema", f"DR1.{NO_TEXT}"), "Invalid value for DATABASE.TABLE: its name is no text in UTF-8"),
        (("query", "--sql", f"SELECT {NO_TEXT}"), r"--sql 'SELECT caf\xe9' is no text in UTF-8"),
        (("query", "--sql", "@"), "Invalid value for --sql: name a file behind @."),
        (("query", "--sql", "SELECT 1 FROM a", "--partition", ""), "the partition '' is none; write COLUMN:LO"),
        (("query", "--sql", "SELECT 1 FROM a", "--partition", "a:0:9:²"), "the partition 'a:0:9:²' is none"),
        (("query", "--sql", "SELECT 1 FROM a", "--partition", f"a:0:9:{'9' * 5000}"), "the partition 'a:0:9:99"),
        (("pull", *CALEXP, "--id", NO_TEXT), r"--id 'caf\xe9' is no text in UTF-8"),
        (("pull", *CALEXP, "--id", ".."), "--id have '.' or '..' among them, which no image is called"),
        (("pull", *CALEXP, "--collection", ".."), "--collection '..' is no name; write what"),
        (("pull", *CALEXP, "--owner", ""), "--owner is empty; leave it out to mean all of them."),
        (("pull", *CALEXP, "--size", ""), "Invalid value for '--size': '' is no size of a cutout"),
        (("pull", *CALEXP, "--start-date", "201511"), "Invalid value for '--start-date': write a day as YYYYMMDD"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(
    invoke: Run, deaf: tuple[str, Callable[[], bool]], arguments: tuple[str, ...], told: str
) -> None:
    url, was_called = deaf
    ran = invoke("--url", url, "lsst", *arguments)
    assert (ran.exit_code, was_called()) == (2, False)
    assert said(ran)[0].startswith(told)


def test_a_statement_may_begin_with_a_byte_order_mark(lsst: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text("SELECT 7 AS seven", encoding="utf-8-sig")
    assert lsst("query", "--sql", f"@{path}").stdout == "seven\n7\n"


def test_positions_may_come_from_a_pipe(lsst: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "stars.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(POSITIONS,), daemon=True)
    writer.start()
    ran = lsst(*CUT, pipe)
    writer.join(10)
    assert ran.stdout.startswith("1 file: 1 pulled; ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ra,dec\n37.6292,0.1042\n", "stars.csv line 2 names no image to cut; fill in its id, or give --id"),
        ("id,ra,dec,ra\n7,1,2,3\n", "stars.csv has two columns that say 'ra'; leave one of them out"),
        ("id,ra,dec,decl\n7,1,2,3\n", "stars.csv has two columns that say 'dec'; leave one of them out"),
    ],
)
def test_positions_that_leave_something_open_are_told_with_their_file(
    invoke: Run,
    deaf: tuple[str, Callable[[], bool]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("stars.csv").write_text(text)
    url, was_called = deaf
    ran = invoke("--url", url, "lsst", *CUT, "stars.csv")
    assert (ran.exit_code, was_called(), said(ran)) == (2, False, [told])
