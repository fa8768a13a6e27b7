"""Where commands work: what is said of options and variables that lead nowhere, before anybody is asked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests import canaries

Run = Callable[..., Result]
Deaf = tuple[str, Callable[[], bool]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"

UNFIT = ["{}\nx", "\r{}\r\nx", "{}\x01", "{}\x1b[31m", "{}\u200b", "a\u2013{}", "{}\udcff"]
"""A secret with what no header takes; the last is a byte that is no UTF-8."""


def said(ran: Result) -> str:
    """Return the sentence below click's lines of usage."""
    return ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("form", UNFIT)
@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("IMAP_API_KEY", ("pull", "--instrument", "mag")),
        ("IMAP_ACCESS_TOKEN", ("query", "--instrument", "mag")),
        ("IMAP_BULK_AURORAX_API_KEY", ("aurorax", "sources")),
        ("IMAP_BULK_LSST_API_KEY", ("lsst", "list", "levels")),
    ],
)
def test_a_key_that_no_request_can_hold_is_refused_by_its_variable_and_not_shown(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, deaf: Deaf, variable: str, command: tuple[str, ...], form: str
) -> None:
    url, was_called = deaf
    monkeypatch.setenv(variable, form.format(canaries.API_KEY))
    ran = invoke("--url", url, *command)
    assert ran.exit_code == 2
    cure = "there is a line end or another character in it that no key has; give the key alone."
    assert said(ran) == f"Error: Invalid value for {variable}: {cure}"
    canaries.assert_clean(ran.output)
    assert not was_called()


@pytest.mark.parametrize("form", UNFIT)
def test_a_key_that_no_request_can_hold_is_refused_by_its_option_and_not_shown(invoke: Run, form: str) -> None:
    ran = invoke("--api-key", form.format(canaries.API_KEY), "query", "--instrument", "mag")
    assert ran.exit_code == 2
    assert said(ran).startswith(
        "Error: Invalid value for --api-key: there is a line end or another character in it"
    )
    canaries.assert_clean(ran.output)


def test_a_line_end_behind_a_key_is_cut_off(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, locked_archive: Any, outbox: Path, data_dir: Path
) -> None:
    monkeypatch.setenv("IMAP_API_KEY", f"{canaries.API_KEY}\r\n")
    assert invoke("--url", locked_archive.url, "--data-dir", data_dir, "push", outbox / MAG).exit_code == 0


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "https_proxy"])
@pytest.mark.parametrize("form", ["http://me:{}@proxy:3128\n", "http://me:{}@pro\nxy", "http://me:{}@proxy\x7f"])
@pytest.mark.parametrize("command", [("query", "--instrument", "mag"), ("pull", MAG), ("lsst", "list", "levels")])
def test_a_proxy_with_a_line_end_is_refused_by_its_variable_and_not_shown(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, deaf: Deaf, variable: str, form: str, command: tuple[str, ...]
) -> None:
    url, was_called = deaf
    monkeypatch.setenv(variable, form.format(canaries.PROXY_PASSWORD))
    ran = invoke("--url", url, *command)
    assert ran.exit_code == 2
    cure = "there is a line end or another control character in it; write it as http://host:port."
    assert said(ran) == f"Error: Invalid value for {variable}: {cure}"
    canaries.assert_clean(ran.output)
    assert not was_called()


def test_verify_tells_of_a_key_before_it_reads(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    data_dir.mkdir()
    monkeypatch.setenv("IMAP_API_KEY", f"{canaries.API_KEY}\nx")
    ran = invoke("--data-dir", data_dir, "verify", "--repair")
    assert ran.exit_code == 2
    assert ran.stdout == ""
    assert invoke("--data-dir", data_dir, "verify").exit_code == 0


@pytest.mark.parametrize("address", ["nonsense", "", "tcp://host"])
def test_an_address_that_is_no_dask_cluster_is_refused_before_anybody_is_asked(
    invoke: Run, deaf: Deaf, data_dir: Path, address: str
) -> None:
    pytest.importorskip("distributed")
    url, was_called = deaf
    ran = invoke("--url", url, "--data-dir", data_dir, "pull", "--instrument", "mag", "--dask", address)
    assert ran.exit_code == 2
    assert said(ran) == f"Error: {address!r} is no Dask cluster; write tcp://HOST:PORT or local:N"
    assert not was_called()
    assert not data_dir.exists()


@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_a_credential_of_a_bucket_that_no_request_can_hold_is_refused(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    pytest.importorskip("obstore")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "IMAPBULKTESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", canaries.AWS_SECRET)
    monkeypatch.setenv(variable, f"{canaries.AWS_SECRET}\n")
    ran = invoke("pull", MAG, "--to", "s3://bucket/flux")
    assert ran.exit_code == 2
    assert said(ran) == (
        f"Error: there is a line end or another character in {variable} that no key has; give the key alone."
    )
    canaries.assert_clean(ran.output)


USES = [
    ("pull", "--instrument", "mag"),
    ("push", MAG),
    ("lock", "--instrument", "mag", "-o", "new.lock"),
    ("verify",),
    ("verify", "--checksums"),
    ("bag", "new-bag"),
    ("status",),
    ("status", "--failed", "pull"),
    ("aurorax", "pull", "--program", "trex", "--start-date", "20200101", "--end-date", "20200101"),
    (
        *("aurorax", "delete", "--kind", "ephemeris", "--source-id", "4", "--yes"),
        *("--start-date", "20200101", "--end-date", "20200101"),
    ),
    ("lsst", "pull", "--level", "L2", "--collection", "DR1", "--kind", "calexp"),
]
"""Commands that use the data directory."""


@pytest.mark.parametrize("command", USES, ids=" ".join)
def test_a_data_directory_that_is_a_file_is_refused_by_its_variable_before_anybody_is_asked(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deaf: Deaf, command: tuple[str, ...]
) -> None:
    url, was_called = deaf
    monkeypatch.chdir(tmp_path)
    (tmp_path / MAG).write_bytes(b"x")
    (tmp_path / "taken").write_text("somebody's notes")
    monkeypatch.setenv("IMAP_DATA_DIR", "taken")
    ran = invoke("--url", url, *command)
    assert ran.exit_code == 2
    assert said(ran) == "Error: taken is a file and no directory; set IMAP_DATA_DIR to a directory."
    assert not was_called()


def test_a_data_directory_that_is_a_file_is_refused_by_its_option(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("somebody's notes")
    ran = invoke("--data-dir", tmp_path / "taken", "status")
    assert ran.exit_code == 2
    assert "Invalid value for '--data-dir'" in ran.stderr


def test_a_file_of_the_name_of_the_usual_data_directory_is_in_the_way_of_those_who_use_it(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, archive: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").write_text("somebody's notes")
    ran = invoke("status")
    assert ran.exit_code == 2
    assert said(ran) == "Error: data is a file and no directory; name a directory by --data-dir or IMAP_DATA_DIR."
    assert invoke("--url", archive.url, "query", "--instrument", "mag").exit_code == 0
