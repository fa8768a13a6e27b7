"""`imap-bulk doctor`: what stands in the way, fit to be pasted into a bug report."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from tests.canaries import ACCESS_TOKEN, PASSWORD, PROXY_PASSWORD, READ_KEY, UNKNOWN_KEY, assert_clean

from imap_bulk.transport.proxies import proxy_for

Run = Callable[..., Result]
CHECKS = [
    "versions", "libraries", "proxy", "certificates", "name", "archive", "clock", "key", "space", "inodes",
    "commit", "locks",
]  # fmt: skip


def test_all_is_well(imap_bulk: Run) -> None:
    ran = imap_bulk("doctor")
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert [line.split()[1] for line in lines[:-1]] == CHECKS
    assert lines[-1] == "Nothing stands in the way."


def test_a_refused_key_is_a_problem_and_is_not_shown(invoke: Run, locked_archive: Any) -> None:
    ran = invoke("--url", locked_archive.url, "--api-key", UNKNOWN_KEY, "doctor")
    assert ran.exit_code == 1
    assert "problem  key           the API key is refused (403); " in ran.stdout
    assert ran.stdout.endswith("1 problem.\n")
    assert_clean(ran.output)


def test_programs_get_each_finding(imap_bulk: Run) -> None:
    told = [json.loads(line) for line in imap_bulk("doctor", "--json").stdout.splitlines()]
    assert [finding["check"] for finding in told] == CHECKS
    assert {finding["state"] for finding in told} == {"ok"}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_no_secret_of_any_slot_is_told(
    invoke: Run, closed_url: str, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    monkeypatch.setenv("IMAP_API_KEY", READ_KEY)
    monkeypatch.setenv("IMAP_ACCESS_TOKEN", ACCESS_TOKEN)
    monkeypatch.setenv("http_proxy", closed_url.replace("://", f"://user:{PROXY_PASSWORD}@"))
    monkeypatch.delenv("no_proxy", raising=False)
    proxy_for.cache_clear()
    try:
        ran = invoke("--url", f"http://user:{PASSWORD}@archive.example", "doctor", *form)
    finally:
        proxy_for.cache_clear()
    assert ran.exit_code == 1
    assert "archive.example" in ran.stdout
    assert_clean(ran.output)
