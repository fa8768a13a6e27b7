"""The summary for the page of a CI job."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result as Ran

from imap_bulk.cli import markdown
from imap_bulk.cli.words import Verb
from imap_bulk.errors import NotFound
from imap_bulk.model import Direction, Outcome, Proof, Result, Status, Transfer

Run = Callable[..., Ran]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
GONE = "imap_mag_l1a_norm-raw_20260102_v001.0001.cdf"


def test_a_pull_appends_its_summary(imap_bulk: Run, archive: Any, tmp_path: Path) -> None:
    key = archive.add(MAG, b"content")
    summary = tmp_path / "summary.md"
    summary.write_text("what an earlier step wrote\n")
    ran = imap_bulk("pull", MAG, GONE, "--summary-markdown", summary)
    assert ran.exit_code == 1
    first, title, _, said, _, *tables = summary.read_text().splitlines()
    assert (first, title) == ("what an earlier step wrote", "### imap-bulk pull")
    assert said.startswith("2 files: 1 pulled, 1 failed; 7 B in ")
    assert tables[:8] == [
        "| outcome | files |", "| --- | --: |", "| pulled | 1 |", "| failed | 1 |", "",
        "| verified by | files |", "| --- | --: |", "| repr-digest | 1 |",
    ]  # fmt: skip
    assert tables[8:11] == ["", "| failed | why |", "| --- | --- |"]
    assert tables[11].startswith(f"| {key.replace(MAG, GONE)} | ")


def test_a_file_that_cannot_be_written_is_told_before_anything_moves(
    imap_bulk: Run, archive: Any, tmp_path: Path, data_dir: Path
) -> None:
    archive.add(MAG, b"content")
    ran = imap_bulk("pull", MAG, "--summary-markdown", tmp_path / "nowhere" / "summary.md")
    assert ran.exit_code == 74
    assert "nowhere/summary.md: No such file or directory" in ran.stderr
    assert not list(data_dir.rglob("*.cdf"))


def failed(number: int, said: str = "gone") -> Outcome:
    transfer = Transfer(Direction.PULL, f"imap/f{number}", Path("f"))
    return Outcome(transfer, Status.FAILED, error=NotFound(said))


def test_what_is_said_of_a_failure_is_text_and_no_markup() -> None:
    result = Result(wanted=1, failed=1, failures=(failed(1, "a|b <script>\n`c` & d"),))
    told = markdown.text(Verb.PULL, result, Counter())
    assert "| imap/f1 | a\\|b &lt;script> \\`c\\` &amp; d |" in told


def test_most_failures_are_counted_only() -> None:
    result = Result(wanted=60, failed=60, failures=tuple(map(failed, range(60))))
    told = markdown.text(Verb.PULL, result, Counter())
    assert told.count("| imap/f") == markdown.MOST_FAILURES_SHOWN
    assert "… and 10 more failed." in told


def test_what_nothing_verified_is_told_apart() -> None:
    result = Result(wanted=3, done=2, cached=1, skipped=1, verified=1)
    told = markdown.text(Verb.PULL, result, Counter({Proof.MANIFEST: 1, Proof.SIZE: 1, None: 1}))
    assert "| from the cache | 1 |" in told
    assert "| manifest | 1 |\n| **not verified**: size | 1 |\n| **not verified** | 1 |" in told


def test_no_match_is_told_too(imap_bulk: Run, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    assert imap_bulk("pull", "--instrument", "hit", "--summary-markdown", summary).exit_code == 0
    assert summary.read_text() == "### imap-bulk pull\n\nNo file matches.\n\n"
