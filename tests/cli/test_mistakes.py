"""What people do wrong on a command line, told in a sentence before anything happens."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
Deaf = tuple[str, Callable[[], bool]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"


def said(ran: Result) -> str:
    """Return the sentence below click's lines of usage."""
    return ran.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "command",
    [("query", "--instrument", "mag"), ("push", MAG), ("aurorax", "sources"), ("lsst", "list", "levels")],
)
def test_an_empty_url_does_not_stand_for_production(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / MAG).write_bytes(b"x")
    ran = invoke("--url", "", *command)
    assert ran.exit_code == 2
    assert said(ran) == "Error: Invalid value for --url: it is empty; leave it out to ask the usual archive."


@pytest.mark.parametrize(
    "command",
    [("--data-dir", "", "status"), ("pull", MAG, "--cache-dir", ""), ("bag", ""), ("demo", "--keep", "")],
    ids=" ".join,
)
def test_an_empty_name_of_a_directory_does_not_stand_for_this_one(invoke: Run, command: tuple[str, ...]) -> None:
    ran = invoke(*command)
    assert ran.exit_code == 2
    assert said(ran).endswith("it is empty; write . for this directory.")


@pytest.mark.parametrize(
    "command",
    [
        ("pull", "--locked", ""),
        ("pull", MAG, "--report", ""),
        ("pull", MAG, "--summary-markdown", ""),
        ("lock", "--instrument", "mag", "-o", ""),
        ("lock", "--update", ""),
        ("lsst", "query", "--sql", "SELECT 1", "-o", ""),
    ],
    ids=" ".join,
)
def test_an_empty_name_of_a_file_is_refused(invoke: Run, command: tuple[str, ...]) -> None:
    ran = invoke(*command)
    assert ran.exit_code == 2
    assert said(ran).endswith("it is empty; name a file.")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("pull", "--instrument", "mag", "--since", ""), "--since '' is no day"),
        (("serve", "--root", "new", "--storage", ""), "'' names no bucket"),
        (("serve", "--root", "new", "--storage", "s3://bucket", "--s3-endpoint", ""), "--s3-endpoint is empty"),
        (("aurorax", "push", "", "--kind", "ephemeris", "--source-id", "4"), "an empty name is among the files"),
        (("lsst", "pull", "--kind", "calexp", "--cutouts", ""), "--cutouts names no file of positions"),
    ],
)
def test_an_empty_value_does_not_stand_for_something_else(
    invoke: Run, deaf: Deaf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...], told: str
) -> None:
    url, was_called = deaf
    monkeypatch.chdir(tmp_path)
    ran = invoke("--url", url, *command)
    assert ran.exit_code == 2
    assert told in said(ran)
    assert not was_called()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", ["pull", "push", "verify"])
def test_an_empty_source_does_not_stand_for_this_directory(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deaf: Deaf, command: str
) -> None:
    url, was_called = deaf
    monkeypatch.chdir(tmp_path)
    (tmp_path / MAG).write_bytes(b"x")
    ran = invoke("--url", url, command, "")
    assert ran.exit_code == 2
    assert said(ran) == "Error: an empty name is among the sources; leave it out"
    assert not was_called()


def test_a_manifest_that_is_not_there_is_no_object_key(invoke: Run, deaf: Deaf) -> None:
    url, was_called = deaf
    ran = invoke("--url", url, "pull", "lists/wanted.txt")
    assert ran.exit_code == 2
    assert said(ran) == "Error: there is no manifest file lists/wanted.txt; check the path"
    assert not was_called()


def test_an_option_of_a_group_behind_its_command_is_told_where_it_belongs(invoke: Run) -> None:
    ran = invoke("cache", "info", "--cache-dir", "here")
    assert ran.exit_code == 2
    assert said(ran) == "Error: --cache-dir stands before the command: imap-bulk cache --cache-dir … info …"


def test_what_failed_is_told_as_a_manifest_or_as_json(invoke: Run) -> None:
    ran = invoke("status", "--failed", "pull", "--json")
    assert ran.exit_code == 2
    assert "give one of them" in said(ran)


def test_a_bag_of_nothing_is_not_made(invoke: Run, data_dir: Path, tmp_path: Path) -> None:
    ran = invoke("--data-dir", data_dir, "bag", tmp_path / "bag")
    assert ran.exit_code == 1
    assert said(ran) == f"Nothing is recorded below {data_dir}, so there is no bag: pull something."
    assert not (tmp_path / "bag").exists()


def test_a_device_is_neither_a_file_nor_a_directory_to_push(invoke: Run) -> None:
    ran = invoke("push", "/dev/null")
    assert ran.exit_code == 2
    assert said(ran) == "Error: /dev/null is neither a regular file nor a directory; name one of these"


def test_verify_offers_to_repair_only_what_can_be_repaired(invoke: Run, data_dir: Path) -> None:
    ran = invoke("--data-dir", data_dir, "verify", MAG)
    assert ran.exit_code == 1
    assert "no digest is known" in ran.stderr
    assert "--repair" not in ran.output


def test_days_of_lsst_in_the_wrong_order_are_refused(invoke: Run) -> None:
    days = ("--start-date", "20150201", "--end-date", "20150131")
    ran = invoke("lsst", "pull", "--kind", "calexp", *days)
    assert ran.exit_code == 2
    assert said(ran) == "Error: the start 2015-02-01 comes after the end 2015-01-31; swap them."


@pytest.mark.parametrize("command", ["pull", "push", "verify"])
def test_a_name_that_is_too_long_for_a_file_is_a_bad_name(invoke: Run, command: str) -> None:
    ran = invoke(command, "a" * 300)
    assert ran.exit_code == 2
    assert said(ran) == f"Error: {'a' * 300} cannot be read: File name too long"


@pytest.mark.parametrize("variable", ["IMAP_DATA_DIR", "IMAP_BULK_CACHE_DIR"])
def test_a_link_that_leads_nowhere_is_no_directory(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deaf: Deaf, variable: str
) -> None:
    url, was_called = deaf
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    monkeypatch.setenv(variable, str(link))
    ran = invoke("--url", url, "pull", MAG)
    assert ran.exit_code == 2
    assert said(ran) == f"Error: {link} is a link that leads nowhere; set {variable} to a directory."
    assert not was_called()


@pytest.mark.parametrize("number", ["nan", "inf"])
@pytest.mark.parametrize("option", ["--distance", "--search-timeout"])
def test_what_cannot_be_counted_with_is_no_number(invoke: Run, option: str, number: str) -> None:
    ran = invoke("aurorax", "query", "--kind", "conjunctions", option, number)
    assert ran.exit_code == 2
    assert said(ran).endswith(f"{number!r} is no number to count with.")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("query", "--start-date", "2026"), "--start-date '2026' is no day; write YYYYMMDD, as in 20260115."),
        (("query", "--major-version", "x"), "--major-version 'x' is no such number; "),
        (("query", "--table", "spice", "--data-level", "l1a"), "the spice table has no --data-level; its"),
        (("query", "--instrument", ","), "--instrument is empty; leave it out to mean all of them."),
        (("aurorax", "sources", "add"), "a new data source needs --program, --platform, --instrument-type, "),
        (("lsst", "pull", "--kind", "raw"), "say where the images are: --level and --collection"),
        (("lsst", "pull", "--kind", "raw", "--deployed-form"), "lists no images: say which, by --id or --cutouts"),
    ],
)
def test_conditions_are_named_as_the_options_that_they_are(
    invoke: Run, deaf: Deaf, command: tuple[str, ...], told: str
) -> None:
    ran = invoke("--url", deaf[0], *command)
    assert ran.exit_code == 2
    assert told in said(ran)
