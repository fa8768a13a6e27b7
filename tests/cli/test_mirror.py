"""`imap-bulk pull --since`: a mirror that asks for what was archived since the last time."""

import calendar
import json
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from click.testing import Result
from tests.cli.conftest import Archive, serving

from imap_bulk.journal import Mirrored
from imap_bulk.server.app import ServerOptions
from imap_bulk.server.imap.routes import ImapApi

Run = Callable[..., Result]
MAG = ("pull", "--instrument", "mag", "--since", "last")


def name(day: int, version: int = 1, major: int = 1) -> str:
    return f"imap_mag_l2_norm-gse_202601{day:02}_v{major:03}.{version:04}.cdf"


class Clock:
    """The archive's clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set("20260201 12:00:00")

    def set(self, moment: str) -> None:
        self.now = float(calendar.timegm(time.strptime(moment, "%Y%m%d %H:%M:%S")))

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note each request that reaches the archive's API."""
    requests: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Any) -> web.StreamResponse:
        requests.append(request.path_qs)
        answer: web.StreamResponse = await handler(request)
        return answer

    plain = ImapApi.application
    monkeypatch.setattr(ImapApi, "application", lambda self, others: plain(self, [note, *others]))
    return requests


@pytest.fixture
def archive(tmp_path: Path, clock: Clock, asked: list[str]) -> Iterator[Archive]:
    with serving(ServerOptions(tmp_path / "archive", clock=clock, grace=0.2)) as running:
        running.add(name(1), b"one")
        running.add(name(2), b"two")
        yield running


@pytest.fixture
def mirror(imap_bulk: Run) -> Run:
    """Mirror everything a first time; return what does it again."""

    def again(*more: object) -> Result:
        return imap_bulk(*MAG, "--retries", "0", *more)

    assert again().exit_code == 0
    return again


def withdraw(tmp_path: Path, withdrawn: str) -> None:
    with closing(sqlite3.connect(tmp_path / "archive" / ".catalog.sqlite3")) as catalog, catalog:
        catalog.execute("DELETE FROM objects WHERE key LIKE ?", (f"%/{withdrawn}",))


def held(data_dir: Path, wanted: str) -> bytes | None:
    found = list(data_dir.rglob(wanted))
    return found[0].read_bytes() if found else None


def watermark(archive: Archive, data_dir: Path) -> str | None:
    filters = '{"instrument": ["mag"], "table": "science"}'
    with Mirrored(data_dir, archive.url, filters, create=False) as mirrored:
        return mirrored.watermark


def test_the_first_run_brings_everything_and_the_second_what_is_new(
    imap_bulk: Run, archive: Archive, clock: Clock, data_dir: Path, asked: list[str]
) -> None:
    ran = imap_bulk(*MAG)
    assert ran.stdout.splitlines()[0].startswith("2 files: 2 pulled")
    assert ran.stdout.splitlines()[1:] == ["Mirrored up to 2026-02-01 12:00:00."]
    clock.set("20260205 08:00:00")
    archive.add(name(3), b"three")
    asked.clear()
    ran = imap_bulk(*MAG)
    assert ran.stdout.splitlines()[0].startswith("3 files: 1 pulled, 2 already there")
    assert ran.stdout.splitlines()[1:] == [
        "mag l2 norm-gse 2026-01-03 v001.0001 new",
        "1 new. Mirrored up to 2026-02-05 08:00:00.",
    ]
    assert "ingestion_start_date=20260131" in asked[0]
    assert held(data_dir, name(3)) == b"three"


def test_status_tells_how_far_each_mirror_is(imap_bulk: Run, archive: Archive, mirror: Run) -> None:
    imap_bulk("pull", "--instrument", "mag,swe", "--data-level", "l2", "--since", "last", "--dry-run")
    imap_bulk("pull", "--table", "spice", "--type", "spin", "--since", "last")
    assert [line.strip() for line in imap_bulk("status").stdout.splitlines()[-2:]] == [
        "mirrors    --instrument mag: up to 2026-02-01 12:00:00, last run just now",
        "--table spice --type spin: not complete yet, last run just now",
    ]
    (side,) = json.loads(imap_bulk("status", "--json").stdout)["archives"]
    first, second = side["mirrors"]
    assert (first["filters"], first["watermark"]) == (
        {"instrument": ["mag"], "table": "science"}, "20260201120000",
    )  # fmt: skip
    assert second["watermark"] is None
    assert first["last_run"] <= second["last_run"]


def test_a_mirror_whose_journal_cannot_be_written_says_so(
    imap_bulk: Run, archive: Archive, data_dir: Path
) -> None:
    data_dir.mkdir(exist_ok=True)
    (data_dir / ".imap-bulk").write_text("in the way")
    ran = imap_bulk(*MAG)
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[1:] == [
        "The journal cannot be written: the next --since last asks for everything again."
    ]


def test_when_nothing_is_new_the_archive_is_asked_once(mirror: Run, asked: list[str]) -> None:
    asked.clear()
    ran = mirror()
    assert (ran.exit_code, len(asked)) == (0, 1)
    assert asked[0].startswith("/query?")
    assert ran.stdout.splitlines()[-1] == "Mirrored up to 2026-02-01 12:00:00."


def test_a_file_that_fails_keeps_the_watermark(
    mirror: Run, archive: Archive, clock: Clock, data_dir: Path, tmp_path: Path
) -> None:
    clock.set("20260205 08:00:00")
    archive.add(name(3), b"three")
    archive.add(name(4), b"four")
    (lost,) = (tmp_path / "archive").rglob(name(4))
    lost.unlink()
    ran = mirror()
    assert ran.exit_code in (1, 75)
    assert ran.stdout.splitlines()[-2:] == [
        "mag l2 norm-gse 2026-01-03 v001.0001 new",
        "1 new. Still mirrored up to 2026-02-01 12:00:00: the next --since last asks again from there.",
    ]
    archive.add(name(4), b"four")
    assert mirror().stdout.splitlines()[-2:] == [
        "mag l2 norm-gse 2026-01-04 v001.0001 new",
        "1 new. Mirrored up to 2026-02-05 08:00:00.",
    ]
    assert held(data_dir, name(4)) == b"four"


def test_an_object_that_was_archived_again_is_fetched_again(
    mirror: Run, archive: Archive, clock: Clock, data_dir: Path
) -> None:
    clock.set("20260205 08:00:00")
    archive.add(name(2), b"TWO")
    ran = mirror()
    assert "mag l2 norm-gse 2026-01-02 v001.0001 changed, archived again 2026-02-05 08:00:00" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "1 changed. Mirrored up to 2026-02-05 08:00:00."
    assert held(data_dir, name(2)) == b"TWO"
    assert "changed" not in mirror().stdout


def test_a_change_that_could_not_be_fetched_is_not_forgotten(
    mirror: Run, archive: Archive, clock: Clock, data_dir: Path, tmp_path: Path
) -> None:
    clock.set("20260205 08:00:00")
    archive.add(name(2), b"TWO")
    (lost,) = (tmp_path / "archive").rglob(name(2))
    lost.unlink()
    assert mirror().exit_code in (1, 75)
    assert held(data_dir, name(2)) == b"two"
    lost.write_bytes(b"TWO")
    assert mirror().exit_code == 0
    assert held(data_dir, name(2)) == b"TWO"


def test_an_object_that_changed_between_a_plain_pull_and_the_first_run_is_fetched_again(
    imap_bulk: Run, archive: Archive, clock: Clock, data_dir: Path
) -> None:
    assert imap_bulk("pull", "--instrument", "mag").exit_code == 0
    clock.now = time.time() + 60
    archive.add(name(2), b"TWO")
    assert imap_bulk(*MAG).exit_code == 0
    assert held(data_dir, name(2)) == b"TWO"


def test_a_withdrawn_file_is_told_once_and_kept(mirror: Run, data_dir: Path, tmp_path: Path) -> None:
    withdraw(tmp_path, name(1))
    assert mirror().stdout.splitlines()[-2:] == [
        "mag l2 norm-gse 2026-01-01 v001.0001 withdrawn",
        "1 withdrawn; what is withdrawn stays here. Mirrored up to 2026-02-01 12:00:00.",
    ]
    assert held(data_dir, name(1)) == b"one"
    assert "withdrawn" not in mirror().stdout


def test_what_was_archived_before_the_window_is_not_taken_for_withdrawn(
    mirror: Run, archive: Archive, clock: Clock
) -> None:
    clock.set("20260205 08:00:00")
    archive.add(name(3), b"three")
    assert mirror().exit_code == 0
    assert "withdrawn" not in mirror().stdout


@pytest.mark.parametrize(("version", "major"), [(2, 1), (1, 2)])
def test_a_new_version_is_told_as_a_lock_file_tells_it(
    mirror: Run, archive: Archive, version: int, major: int
) -> None:
    archive.add(name(2, version, major), b"a better one")
    assert mirror().stdout.splitlines()[-2:] == [
        f"mag l2 norm-gse 2026-01-02 v001.0001 -> v{major:03}.{version:04}",
        "1 newer. Mirrored up to 2026-02-01 12:00:00.",
    ]


def test_versions_that_a_newer_one_hides_are_not_withdrawn(
    imap_bulk: Run, archive: Archive, data_dir: Path
) -> None:
    archive.add(name(2, 2), b"better")
    for more in ((), ("--version", "latest")):
        assert imap_bulk(*MAG, *more).exit_code == 0
    archive.add(name(2, 1, 2), b"best")
    for more in ((), ("--version", "latest")):
        told = imap_bulk(*MAG, *more).stdout.splitlines()
        assert told[1:-1] == ["mag l2 norm-gse 2026-01-02 v001.0002 -> v002.0001"]
    assert held(data_dir, name(2, 1)) == b"two"


def test_kernels_are_mirrored_as_well(imap_bulk: Run, archive: Archive, clock: Clock) -> None:
    archive.add("naif0012.tls", b"KPL/LSK")
    kernels = ("pull", "--table", "spice", "--type", "leapseconds", "--since", "last")
    assert imap_bulk(*kernels).stdout.splitlines()[-1] == "Mirrored up to 2026-02-01 12:00:00."
    clock.set("20260205 08:00:00")
    archive.add("naif0013.tls", b"KPL/LSK 13")
    assert imap_bulk(*kernels).stdout.splitlines()[1:] == [
        "naif0012.tls -> naif0013.tls",
        "1 newer. Mirrored up to 2026-02-05 08:00:00.",
    ]


def test_a_first_run_that_is_incomplete_is_made_good(imap_bulk: Run, archive: Archive, tmp_path: Path) -> None:
    (lost,) = (tmp_path / "archive").rglob(name(2))
    lost.unlink()
    ran = imap_bulk(*MAG, "--retries", "0")
    assert ran.stdout.splitlines()[-1] == "Not mirrored yet: the next --since last asks for everything again."
    lost.write_bytes(b"two")
    assert imap_bulk(*MAG).stdout.splitlines()[-1] == "1 new. Mirrored up to 2026-02-01 12:00:00."


def test_many_changes_are_told_in_short(mirror: Run, archive: Archive) -> None:
    for day in range(3, 28):
        archive.add(name(day), b"content")
    assert mirror().stdout.splitlines()[-2:] == [
        "… and 5 more (--json names every one)",
        "25 new. Mirrored up to 2026-02-01 12:00:00.",
    ]


def test_programs_are_told_of_every_change(mirror: Run, archive: Archive) -> None:
    archive.add(name(3), b"three")
    *_, change, end = map(json.loads, mirror("--json").stdout.splitlines())
    assert (change["event"], change["kind"], change["old"]) == ("change", "new", None)
    assert change["new"].endswith(name(3))
    assert (end["event"], end["asked_from"], end["watermark"]) == ("mirrored", "20260131", "20260201120000")


def test_a_dry_run_tells_and_leaves_everything_as_it_is(
    mirror: Run, archive: Archive, clock: Clock, data_dir: Path
) -> None:
    clock.set("20260205 08:00:00")
    archive.add(name(2), b"TWO")
    assert "changed" in mirror("--dry-run").stdout
    assert watermark(archive, data_dir) == "20260201120000"
    assert "changed" in mirror().stdout
    assert held(data_dir, name(2)) == b"TWO"


def test_a_mirror_may_begin_at_a_day(imap_bulk: Run, archive: Archive, clock: Clock, data_dir: Path) -> None:
    clock.set("20260205 08:00:00")
    archive.add(name(3), b"three")
    assert imap_bulk(*MAG[:-1], "20260202").exit_code == 0
    assert (held(data_dir, name(1)), held(data_dir, name(3))) == (None, b"three")
    assert watermark(archive, data_dir) == "20260205080000"


def test_a_day_after_the_watermark_does_not_move_it(
    mirror: Run, archive: Archive, imap_bulk: Run, clock: Clock, data_dir: Path
) -> None:
    clock.set("20260210 08:00:00")
    archive.add(name(4), b"four")
    ran = imap_bulk(*MAG[:-1], "20260209")
    assert "Still mirrored up to 2026-02-01 12:00:00: what was archived between" in ran.stdout
    assert watermark(archive, data_dir) == "20260201120000"


def test_other_filters_are_another_mirror(mirror: Run, imap_bulk: Run, asked: list[str]) -> None:
    asked.clear()
    assert imap_bulk(*MAG, "--data-level", "l2").exit_code == 0
    assert "ingestion_start_date" not in asked[0]


def test_an_interrupted_run_keeps_the_watermark(
    mirror: Run, archive: Archive, clock: Clock, data_dir: Path, start: Callable[..., subprocess.Popen[str]]
) -> None:
    clock.set("20260205 08:00:00")
    archive.add(name(3), b"three" * 100_000)
    process = start(
        "--url", archive.url, "--data-dir", data_dir, *MAG, "--limit-rate", "1k", "--json",
    )  # fmt: skip
    assert process.stdout
    while '"event": "plan"' not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert watermark(archive, data_dir) == "20260201120000"
    assert "2026-01-03 v001.0001 new" in mirror().stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "last"), "--since goes with filters alone"),
        (("--since", "last", name(1)), "--since goes with filters alone"),
        (("--since", "last", "--locked", "data.lock", "--instrument", "mag"), "--since goes with filters alone"),
        (("--since", "last", "--instrument", "mag", "--days-ago", "0"), "leave --days-ago out"),
        (("--since", "last", "--filename", name(1)), "leave --filename out"),
        (("--since", "last", "--ingestion-end-date", "20260101"), "leave --ingestion-end-date out"),
        (("--since", "yesterday", "--instrument", "mag"), "--since 'yesterday' is no day"),
    ],
)
def test_wrong_usage_is_told(invoke: Run, data_dir: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = invoke("--url", "http://127.0.0.1:1", "--data-dir", data_dir, "pull", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert not data_dir.exists()
