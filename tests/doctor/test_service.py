"""The archive's answer, its clock, and whether it takes the key."""

from email.utils import formatdate
from pathlib import Path

import pytest
from tests.canaries import API_KEY, UNKNOWN_KEY

from imap_bulk.archives.imap import ImapArchive
from imap_bulk.doctor import Finding
from imap_bulk.doctor.service import check, check_answer, check_clock
from imap_bulk.http import Reply
from imap_bulk.server.app import ArchiveServer, Scope, ServerOptions
from imap_bulk.server.imap.generations import STRICT, Generation
from imap_bulk.settings import Settings

NOW = 1_800_000_000.0


async def findings(archive: ImapArchive) -> dict[str, Finding]:
    return {finding.check: finding async for finding in check(archive)}


@pytest.mark.parametrize(("key", "state"), [(None, "ok"), (API_KEY, "ok"), (UNKNOWN_KEY, "problem")])
async def test_a_key_is_taken_or_refused(tmp_path: Path, key: str | None, state: str) -> None:
    options = ServerOptions(tmp_path / "archive", keys={API_KEY: Scope.WRITE}, grace=0.0)
    async with ArchiveServer(options) as server:
        found = await findings(ImapArchive(server.url, key))
    assert {check: finding.state for check, finding in found.items()} == {
        "archive": "ok", "clock": "ok", "key": state,
    }  # fmt: skip
    assert not any(key and key in str(finding) for finding in found.values())


@pytest.mark.parametrize("generation", STRICT.values(), ids=STRICT)
async def test_an_archive_of_any_generation_answers(tmp_path: Path, generation: Generation) -> None:
    options = ServerOptions(tmp_path / "archive", generation=generation, grace=0.0)
    async with ArchiveServer(options) as server:
        assert (await findings(ImapArchive(server.url)))["archive"].state == "ok"


async def test_nobody_there_is_a_problem_and_the_end() -> None:
    found = await findings(ImapArchive("http://127.0.0.1:9", settings=Settings(connect_timeout=0.5)))
    assert [finding.state for finding in found.values()] == ["problem"]


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, b"[]", "ok"),
        (200, b'{"statusCode": 200, "body": "[]"}', "ok"),
        (401, b"", "ok"),
        (403, b'{"message":"Forbidden"}', "ok"),
        (200, b"<!DOCTYPE html><html><title>Sign in</title>", "problem"),
        (404, b"Not Found", "problem"),
        (429, b"", "warning"),
        (503, b"", "warning"),
    ],
)
def test_an_answer_is_judged(status: int, body: bytes, state: str) -> None:
    assert check_answer("archive", Reply(status, {}, body), 0.1).state == state


def test_a_slow_answer_is_worth_a_warning() -> None:
    assert check_answer("archive", Reply(200, {}, b"[]"), 6.0).state == "warning"


@pytest.mark.parametrize(
    ("skew", "state"), [(0, "ok"), (29, "ok"), (-29, "ok"), (45, "warning"), (-45, "warning"), (301, "problem")]
)
def test_the_clock_is_held_to_the_archives(skew: float, state: str) -> None:
    assert check_clock(formatdate(NOW, usegmt=True), NOW + skew).state == state


def test_a_fast_clock_is_ahead_and_a_slow_one_behind() -> None:
    date = formatdate(NOW, usegmt=True)
    assert check_clock(date, NOW + 60).said == "60 s ahead of the archive"
    assert check_clock(date, NOW - 60).said == "60 s behind the archive"


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_an_archive_without_a_date_is_worth_a_warning(date: str | None) -> None:
    assert check_clock(date, NOW).state == "warning"


@pytest.mark.parametrize("date", [None, "soon", "Mon, 27 Nov 99999999999999999999 00:00:00 GMT"])
def test_a_date_that_is_none_is_worth_a_warning(date: str | None) -> None:
    assert check_clock(date, NOW).said == "the archive does not say what time it is"
