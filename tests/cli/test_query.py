"""`imap-bulk query`: its forms, and what it refuses before asking."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Run = Callable[..., Result]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
SWE = "imap_swe_l0_raw_20260102_v001.pkts"
CALIBRATION = "imap_mag_l2-calibration_20260101_20260131_v001.csv"


@pytest.fixture
def keys(archive: Any) -> list[str]:
    return [archive.add(name, name.encode()) for name in (MAG, SWE, CALIBRATION, "naif0012.tls")]


def test_the_table_is_that_of_the_official_client(imap_bulk: Run, keys: list[str]) -> None:
    ran = imap_bulk("query", "--start-date", "20260101")
    lines = ran.stdout.splitlines()
    assert ran.exit_code == 0
    assert lines[0] == "Found [2] matching files in science table"
    assert lines[1] == lines[3] == lines[-1] == "|" + "-" * (len(lines[2]) - 2) + "|"
    titles = [title.strip() for title in lines[2].strip("|").split("|")]
    assert titles == [
        "Instrument",
        "Data Level",
        "Descriptor",
        "Start Date",
        "Ingestion Date",
        "Version",
        "Filename",
    ]
    assert lines[4].endswith(f"| v001.0001 | {MAG} |")
    assert len({len(line) for line in lines[1:]}) == 1


def test_a_repointing_gets_a_column_where_one_is_told(imap_bulk: Run, archive: Any) -> None:
    archive.add("imap_lo_l1b_de_20260101-repoint00112_v001.0001.cdf", b"x")
    assert "| Repointing | " in imap_bulk("query", "--repointing", "repoint00112").stdout


def test_ancillary_and_spice_have_tables_of_their_own(imap_bulk: Run, keys: list[str]) -> None:
    ancillary = imap_bulk("query", "--table", "ancillary", "--instrument", "mag").stdout
    spice = imap_bulk("query", "--table", "spice", "--type", "leapseconds").stdout
    assert "Found [1] matching files in ancillary table" in ancillary
    assert "| End Date | " in ancillary
    assert "Found [1] matching files in spice table" in spice
    assert "| Kernel Type " in spice


def test_nothing_found_is_said_with_a_hint_about_keys(imap_bulk: Run) -> None:
    ran = imap_bulk("query", "--instrument", "hit")
    assert (ran.exit_code, ran.stdout) == (0, "Found [0] matching files\n")
    assert ran.stderr.startswith("Hint: without a key ")


def test_json_is_an_array_of_the_archives_own_records(imap_bulk: Run, keys: list[str]) -> None:
    records = json.loads(imap_bulk("query", "--start-date", "20260101", "--output-format", "json").stdout)
    assert [record["file_path"] for record in records] == keys[:2]
    assert records[0]["major_version"] == 1


def test_json_of_nothing_is_an_empty_array(imap_bulk: Run) -> None:
    assert json.loads(imap_bulk("query", "--instrument", "hit", "--output-format", "json").stdout) == []


def test_json_lines_are_one_record_a_line(imap_bulk: Run, keys: list[str]) -> None:
    lines = imap_bulk("query", "--start-date", "20260101", "--output-format", "jsonl").stdout.splitlines()
    assert [json.loads(line)["file_path"] for line in lines] == keys[:2]


def test_csv_begins_with_the_file_path(imap_bulk: Run, keys: list[str]) -> None:
    lines = imap_bulk("query", "--start-date", "20260101", "--output-format", "csv").stdout.splitlines()
    assert lines[0].startswith("file_path,")
    assert [line.split(",")[0] for line in lines[1:]] == keys[:2]


@pytest.mark.parametrize("form", ["manifest", "csv", "jsonl", "json"])
def test_what_query_writes_pull_reads(imap_bulk: Run, keys: list[str], data_dir: Path, form: str) -> None:
    for table in (["--start-date", "20260101"], ["--table", "spice", "--type", "leapseconds"]):
        written = imap_bulk("query", *table, "--output-format", form).stdout_bytes
        assert imap_bulk("pull", "-", stdin=written).exit_code == 0
    assert all((data_dir / key).is_file() for key in (*keys[:2], keys[3]))


def test_values_may_be_repeated_or_take_commas(imap_bulk: Run, keys: list[str]) -> None:
    repeated = imap_bulk("query", "--instrument", "mag", "--instrument", "swe", "--output-format", "manifest")
    listed = imap_bulk("query", "--instrument", "mag,swe", "--output-format", "manifest")
    assert repeated.stdout.splitlines() == listed.stdout.splitlines() == keys[:2]


def test_a_file_name_works_alone(imap_bulk: Run, keys: list[str]) -> None:
    found = [
        imap_bulk("query", "--filename", key.rpartition("/")[2], "--output-format", "manifest").stdout
        for key in keys
    ]
    assert found == [f"{key}\n" for key in keys]


def test_today_and_days_ago_are_start_dates(imap_bulk: Run, archive: Any) -> None:
    today = datetime.now(UTC).strftime("%Y%m%d")
    key = archive.add(f"imap_mag_l1a_norm-raw_{today}_v001.0001.cdf", b"x")
    archive.add(MAG.replace("20260101", "20240101"), b"x")
    for filters in (["--today"], ["--days-ago", "1"]):
        assert imap_bulk("query", *filters, "--output-format", "manifest").stdout.splitlines() == [key]


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ([], "give at least one filter"),
        (["--instrument", "magg"], "use one of codice, glows, hi, "),
        (["--data-level", "l9"], "use one of l0, l1, l1a, "),
        (["--table", "sience"], "use one of science, ancillary, spice"),
        (["--start-date", "2026-01-01"], "write YYYYMMDD"),
        (["--end-date", "20260230"], "write YYYYMMDD"),
        (["--ingestion-start-date", "yesterday"], "write YYYYMMDD"),
        (["--ingestion-end-date", "1"], "write YYYYMMDD"),
        (["--version", "1.2", "--instrument", "mag"], "vMMM.mmmm, vNNN or latest"),
        (["--major-version", "x"], "number"),
        (["--minor-version", "x"], "number"),
        (["--repointing", "soon"], "repoint00012"),
        (["--extension", "exe"], "use one of cdf, pkts"),
        (["--table", "spice", "--type", "comet"], "use one of kernels, "),
        (["--filename", "nope.txt"], "nope.txt"),
        (["--today", "--days-ago", "3"], "not both"),
        (["--today", "--start-date", "20260101"], "leave those out"),
        (["--days-ago", "999999999"], "days ago"),
        (["--days-ago", "-1"], "-1"),
        (["--output-format", "xml"], "xml"),
    ],
)
def test_a_wrong_filter_is_named_before_any_request(
    invoke: Run, deaf: tuple[str, Callable[[], bool]], filters: list[str], said: str
) -> None:
    url, was_called = deaf
    ran = invoke("--url", url, "query", *filters)
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not was_called()


def test_an_address_that_is_no_url_is_wrong_usage(invoke: Run) -> None:
    ran = invoke("--url", "localhost:8000", "query", "--instrument", "mag")
    assert ran.exit_code == 2
    assert "--url" in ran.stderr
