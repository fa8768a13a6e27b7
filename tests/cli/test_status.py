"""`imap-bulk status`: what is here, what failed, and what to type next."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests import canaries
from tests.cli.conftest import OTHER, SCIENCE, serving

from imap_bulk.cli.standing import ago
from imap_bulk.server.app import Scope, ServerOptions

Run = Callable[..., Result]


@pytest.fixture
def pulled(imap_bulk: Run, archive: Any) -> None:
    """Pull one file that is there, and fail with one that is not."""
    archive.add(SCIENCE, b"science")
    assert imap_bulk("pull", SCIENCE, OTHER).exit_code == 1


def test_what_is_here_and_what_failed_is_told(imap_bulk: Run, archive: Any, pulled: None) -> None:
    ran = imap_bulk("status")
    assert ran.exit_code == 0
    assert f"pulled from {archive.url}\n" in ran.stdout
    assert "1 file, 7 B, the last just now\n" in ran.stdout
    assert "all verified (1 by repr-digest)\n" in ran.stdout
    assert "1 pulled, 1 failed\n" in ran.stdout
    assert "1 failed: the archive answered 404: " in ran.stdout
    assert f"    imap/swe/l0/2026/01/{OTHER}\n" in ran.stdout


def test_failures_are_tried_again_by_the_command_that_is_shown(
    imap_bulk: Run, archive: Any, data_dir: Path, pulled: None
) -> None:
    again = f"imap-bulk --data-dir {data_dir} status --failed pull | imap-bulk --data-dir {data_dir} pull -"
    shown = imap_bulk("status").stdout
    assert f"{again}\n" in shown
    assert "(if they were on their way to a bucket, with --to again)\n" in shown
    archive.add(OTHER, b"other")
    failed = imap_bulk("status", "--failed", "pull").stdout
    assert failed == f"imap/swe/l0/2026/01/{OTHER}\n"
    assert imap_bulk("pull", "-", stdin=failed).exit_code == 0
    assert "failed" not in imap_bulk("status").stdout


def test_a_failed_push_is_named_by_its_path(imap_bulk: Run, invoke: Run, data_dir: Path, outbox: Path) -> None:
    with serving(ServerOptions(data_dir.parent / "read", keys={canaries.READ_KEY: Scope.READ})) as guarded:
        place = ("--url", guarded.url, "--data-dir", data_dir, "--api-key", canaries.READ_KEY)
        assert invoke(*place, "push", outbox / SCIENCE).exit_code == 1
    failed = imap_bulk("status", "--failed", "push").stdout
    assert failed == f"{outbox / SCIENCE}\n"
    assert imap_bulk("push", "-", stdin=failed).exit_code == 0


def test_a_changed_file_is_named_without_being_read(imap_bulk: Run, data_dir: Path, pulled: None) -> None:
    path = next(data_dir.rglob(SCIENCE))
    path.write_bytes(b"rotten or not")
    assert f"changed  imap/mag/l1a/2026/01/{SCIENCE}\n" in imap_bulk("status").stdout


def test_programs_get_all_of_it(imap_bulk: Run, archive: Any, pulled: None) -> None:
    told = json.loads(imap_bulk("status", "--json").stdout)
    (side,) = told["archives"]
    assert told["schema"] == 1
    assert (side["archive"], side["files"], side["verified_by"]) == (archive.url, 1, {"repr-digest": 1})
    assert side["last_run"]["failed"] == 1
    assert side["failures"][0]["error"]["type"] == "NotFound"


def test_nothing_known_is_said(imap_bulk: Run, data_dir: Path) -> None:
    ran = imap_bulk("status")
    assert (ran.exit_code, ran.stdout) == (0, f"Nothing is known below {data_dir}: pull or push something.\n")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "just now"), (59, "just now"), (60, "a minute ago"), (120, "2 minutes ago"), (7199, "119 minutes ago"),
        (7200, "2 hours ago"), (172_800, "2 days ago"),
    ],
)  # fmt: skip
def test_how_long_ago_is_said_in_words(seconds: float, told: str) -> None:
    assert ago(seconds) == told
