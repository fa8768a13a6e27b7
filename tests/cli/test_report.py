"""`--report`: a run, written down, without its secrets."""

import json
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests.canaries import API_KEY, PASSWORD, assert_clean
from tests.cli.aurorax.conftest import serving
from tests.cli.conftest import OTHER, SCIENCE

from imap_bulk.cli.recording import command_line
from imap_bulk.server.aurorax.server import AuroraxOptions

Run = Callable[..., Result]


def test_a_pull_is_written_down(imap_bulk: Run, archive: Any, tmp_path: Path) -> None:
    archive.add(SCIENCE, b"science")
    page = tmp_path / "run.html"
    ran = imap_bulk("pull", SCIENCE, OTHER, "--report", page)
    assert ran.exit_code == 1
    assert ran.stdout.endswith(f"Written down in {page}\n")
    html = page.read_text()
    assert "1 of 2 files is there" in html
    assert archive.url in html
    told = [json.loads(line) for line in (tmp_path / "run.jsonl").read_text().splitlines()]
    assert {line["error"] for line in told if line["event"] == "setbacks"} == {"NotFound"}
    assert {line["host"] for line in told if line["event"] == "concurrency"} >= {"archive"}
    files = json.loads((tmp_path / "run.prov.json").read_text())["entity"]
    assert list(files) == [f"object:imap/mag/l1a/2026/01/{SCIENCE}"]


def test_a_push_is_written_down(imap_bulk: Run, outbox: Path, tmp_path: Path) -> None:
    assert imap_bulk("push", outbox, "--report", tmp_path / "run.html").exit_code == 0
    assert "4 files pushed" in (tmp_path / "run.html").read_text()


def test_no_secret_is_written_down(invoke: Run, locked_archive: Any, data_dir: Path, tmp_path: Path) -> None:
    locked_archive.add(SCIENCE, b"science")
    url = locked_archive.url.replace("://", f"://user:{PASSWORD}@")
    report = ("pull", SCIENCE, "--report", tmp_path / "run.html")
    ran = invoke("--url", url, "--data-dir", data_dir, "--api-key", API_KEY, *report)
    assert ran.exit_code == 0
    for path in tmp_path.glob("run.*"):
        assert_clean(path.read_text())
    assert "$IMAP_API_KEY" in (tmp_path / "run.html").read_text()


def test_a_dry_run_writes_nothing_down(imap_bulk: Run, archive: Any, tmp_path: Path) -> None:
    archive.add(SCIENCE, b"science")
    assert imap_bulk("pull", SCIENCE, "--dry-run", "--report", tmp_path / "run.html").exit_code == 0
    assert not (tmp_path / "run.html").exists()


@pytest.mark.parametrize("name", ["run.jsonl", "run", "none/run.html"])
def test_a_page_that_cannot_be_written_is_refused_before_anything_moves(
    imap_bulk: Run, tmp_path: Path, data_dir: Path, name: str
) -> None:
    assert imap_bulk("pull", SCIENCE, "--report", tmp_path / name).exit_code == 2
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pull", "a b.txt"], "imap-bulk pull 'a b.txt'"),
        (["--api-key", "secret", "pull", "x"], 'imap-bulk --api-key "$IMAP_API_KEY" pull x'),
        (["--api-key=secret", "pull"], 'imap-bulk --api-key="$IMAP_API_KEY" pull'),
        (["--url", "http://u:p@h/x?k=v", "pull"], "imap-bulk --url http://h/x pull"),
        (["--url=http://u:p@h", "pull"], "imap-bulk --url=http://h pull"),
    ],
)
def test_the_command_is_told_without_secrets(arguments: list[str], told: str) -> None:
    assert command_line(arguments) == told


def test_the_key_of_another_archive_comes_from_its_own_variable(invoke: Run, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    with serving(AuroraxOptions(tmp_path / "aurorax", search_delay=0.0, grace=0.1)) as url:
        door = ("--url", url, "--data-dir", tmp_path / "data", "--api-key", API_KEY)
        days = ("--start-date", "20200201", "--end-date", "20200201")
        invoke(*door, "aurorax", "pull", "--program", "trex", *days, "--report", page)
    assert '--api-key "$IMAP_BULK_AURORAX_API_KEY" aurorax' in unescape(page.read_text())
