"""`imap-bulk aurorax sources`, `availability` and `query`: what they print, and what they refuse."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result
from tests import canaries

from imap_bulk.cli.aurorax import forms

Run = Callable[..., Result]

DAY = ("--start-date", "20190101", "--end-date", "20190101")
MINUTES = ("--start-date", "2019-01-01T06:00", "--end-date", "2019-01-01T06:02")
CLOSE = ("--kind", "conjunctions")
NO_TEXT = "caf\udce9"
SWARM = ("--kind", "ephemeris", "--program", "swarm", "--platform", "swarma")


def rows(ran: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(ran.stdout)))


def test_sources_are_a_table(aurorax: Run) -> None:
    ran = aurorax("sources", "--program", "trex,rego")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Found [3] data sources\n|---")
    assert "| 103        | trex    | gillam     | RGB ASI         | ground      |" in ran.stdout


def test_sources_have_counts_if_they_are_wished_for(aurorax: Run) -> None:
    assert "Ephemeris" not in aurorax("sources", "--program", "swarm").stdout
    assert "| Ephemeris | Products |" in aurorax("sources", "--program", "swarm", "--stats").stdout


READ: dict[str, Callable[[str], list[dict[str, Any]]]] = {
    "json": json.loads,
    "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    "csv": lambda text: list(csv.DictReader(io.StringIO(text))),
}


@pytest.mark.parametrize("form", READ)
def test_sources_come_in_other_forms(aurorax: Run, form: str) -> None:
    told = aurorax("sources", "--platform", "gillam", "--output-format", form).stdout
    assert [str(record["identifier"]) for record in READ[form](told)] == ["46", "78", "103"]


def test_a_source_is_printed_whole(aurorax: Run) -> None:
    record = json.loads(aurorax("sources", "get", 103).stdout)
    assert (record["platform"], record["stats"]["ephemeris_count"] > 0) == ("gillam", True)
    ran = aurorax("sources", "get", 9999)
    assert ran.exit_code == 1
    assert "No Data Source record found in AuroraX for identifier 9999" in ran.stderr


def test_a_source_is_added_changed_and_deleted(aurorax: Run) -> None:
    names = ("--program", "p", "--platform", "q", "--instrument-type", "r", "--source-type", "ground")
    refused = aurorax("sources", "add", *names, "--display-name", "x", key=canaries.READ_KEY)
    assert (refused.exit_code, "needs a key that allows it" in refused.stderr) == (1, True)
    added = json.loads(aurorax("sources", "add", *names, "--display-name", "x", key=canaries.API_KEY).stdout)
    number = added["identifier"]
    changed = aurorax("sources", "update", number, "--display-name", "y", key=canaries.API_KEY)
    assert json.loads(changed.stdout)["display_name"] == "y"
    kept = aurorax("sources", "delete", number, key=canaries.API_KEY, stdin="n\n")
    assert (kept.exit_code, "Nothing was deleted" in kept.stderr) == (1, True)
    gone = aurorax("sources", "delete", number, "--yes", key=canaries.API_KEY)
    assert gone.stdout == f"Deleted the data source {number}, p/q/r.\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "--program", "p"), "needs --platform, --instrument-type, --source-type, --display-name too"),
        (("add", "--platform", "x" * 51), "platform has 51 characters; AuroraX takes 50"),
        (("update", "3"), "Say what to change"),
    ],
)
def test_what_is_no_source_is_refused_before_any_request(
    invoke: Run, arguments: tuple[str, ...], said: str, closed_url: str
) -> None:
    ran = invoke("--url", closed_url, "aurorax", "sources", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_availability_counts_by_day(aurorax: Run) -> None:
    ran = aurorax(
        "availability", *SWARM, "--start-date", "20190101", "--end-date", "20190102", "--output-format", "csv"
    )
    assert rows(ran) == [
        {"source": "swarm/swarma/footprint", "day": day, "records": "1440"} for day in ("2019-01-01", "2019-01-02")
    ]


def test_missing_days_are_listed_also_of_a_source_that_has_nothing(aurorax: Run) -> None:
    arguments = ("--program", "test-program", *DAY, "--missing", "--output-format", "jsonl")
    ran = aurorax("availability", *arguments)
    assert json.loads(ran.stdout) == {
        "source": "test-program/test-platform/test-instrument-type", "day": "2019-01-01",
    }  # fmt: skip


def test_a_search_is_printed_as_a_table(aurorax: Run) -> None:
    ran = aurorax("query", *SWARM, *MINUTES)
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Found [3] ephemeris records\n")
    assert "| swarm/swarma/footprint | 2019-01-01T06:01:00 |" in ran.stdout


@pytest.mark.parametrize("how", [(), ("--synchronous",)])
def test_a_search_is_printed_in_forms_that_can_be_pushed(aurorax: Run, how: tuple[str, ...]) -> None:
    (first, *_) = rows(aurorax("query", *SWARM, *MINUTES, *how, "--output-format", "csv"))
    assert (first["epoch"], first["data_source.platform"]) == ("2019-01-01T06:00:00", "swarma")
    assert json.loads(first["metadata"])["state"] == "definitive"
    records = json.loads(aurorax("query", *SWARM, *MINUTES, *how, "--output-format", "json").stdout)
    assert [record["epoch"][-8:] for record in records] == ["06:00:00", "06:01:00", "06:02:00"]


def test_products_are_printed_with_their_addresses(aurorax: Run) -> None:
    found = rows(
        aurorax("query", "--program", "auroramax", *DAY, "--product-type", "movie", "--output-format", "csv")
    )
    assert [record["url"].rpartition(".")[2] for record in found] == ["mp4"]


def test_conjunctions_are_searched_for_by_blocks(aurorax: Run) -> None:
    ran = aurorax("query", "--kind", "conjunctions", "--ground", "themis-asi", "--space", "swarm/swarma", *DAY)
    assert ran.exit_code == 0
    assert " conjunctions" in ran.stdout.splitlines()[0]


def test_nothing_found_is_said(aurorax: Run) -> None:
    arguments = ("query", "--program", "nothing", *DAY)
    assert aurorax(*arguments).stdout == "Found [0] data products\n"
    assert aurorax(*arguments, "--output-format", "json").stdout == "[]\n"


def test_a_search_is_told_in_words(aurorax: Run) -> None:
    ran = aurorax("query", "--program", "auroramax", *DAY, "--describe")
    assert "auroramax" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("query", "--program", "x"), "say from when to when"),
        (("query", *DAY), "say which products"),
        (("query", "--kind", "ephemeris", *DAY), "say which sources"),
        (("query", *SWARM, "--start-date", "2019", "--end-date", "20190101"), "'2019' is no day or time"),
        (("query", *SWARM, *DAY, "--product-type", "movie"), "--product-type is for --kind data-products"),
        (("query", *SWARM, *DAY, "--ground", "x"), "--ground is for --kind conjunctions"),
        (("query", *SWARM, *DAY, "--where", "nonsense"), "'nonsense' is no condition"),
        (("query", *CLOSE, "--ground", "x", *DAY), "has 1 blocks; give 2 to 10"),
        (("query", *CLOSE, "--ground", "x", "--space", "y", *DAY, "--synchronous"), "no synchronous search"),
        (("availability", "--start-date", "20190102", "--end-date", "20190101"), "swap them"),
        (("availability", *SWARM[:2], "--product-type", "movie", *DAY), "--product-type is for"),
        (("availability", "--program", "", *DAY), "--program is empty; leave it out to mean all of them."),
        (("availability", "--product-type", "film", *DAY), "unknown product type 'film'; use one of keogram"),
        (("availability", "--source-type", "sea", *DAY), "unknown source type 'sea'; use one of ground"),
        (("availability", "--program", NO_TEXT, *DAY), "--program 'caf\\xe9' is no text in UTF-8"),
        (("query", "--program", NO_TEXT, *DAY), "--program 'caf\\xe9' is no text in UTF-8"),
        (("query", "--program", "x", "--start-date", "", "--end-date", "20190101"), "say from when to when"),
        (("sources", "--platform", ","), "--platform is empty; leave it out to mean all of them."),
        (("sources", "--owner", ""), "--owner is empty; leave it out to mean all of them."),
        (("sources", "--owner", NO_TEXT), "--owner 'caf\\xe9' is no text in UTF-8"),
        (("sources", "--source-type", "sea"), "unknown source type 'sea'; use one of ground"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_refused_before_any_request(
    invoke: Run, closed_url: str, arguments: tuple[str, ...], said: str
) -> None:
    ran = invoke("--url", closed_url, "aurorax", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pull", "--url", "x"), "imap-bulk --url … aurorax pull …"),
        (("--data-dir", "x", "pull"), "imap-bulk --data-dir … aurorax …"),
    ],
)
def test_a_global_option_behind_the_group_is_told_where_it_belongs(
    invoke: Run, arguments: tuple[str, ...], told: str
) -> None:
    ran = invoke("aurorax", *arguments)
    assert ran.exit_code == 2
    assert f"stands before the command: {told}" in ran.stderr


def test_the_environment_tells_where_the_archive_is(
    invoke: Run, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_BULK_AURORAX_URL", served)
    monkeypatch.setenv("IMAP_BULK_AURORAX_API_KEY", canaries.API_KEY)
    assert invoke("aurorax", "sources", "--program", "swarm").stdout.startswith("Found [3]")


def test_an_address_that_is_no_url_is_wrong_usage(invoke: Run) -> None:
    ran = invoke("--url", "nonsense", "aurorax", "sources")
    assert ran.exit_code == 2
    assert "IMAP_BULK_AURORAX_URL" in ran.stderr


@pytest.mark.parametrize(
    "command", ["sources", "availability", "query", "pull", "push", "delete", "sources add", "sources update"]
)
def test_every_command_has_help(invoke: Run, command: str) -> None:
    shown = invoke("aurorax", *command.split(), "-h")
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"Usage: cli aurorax {command} ")


def test_what_is_no_number_is_printed_as_it_is() -> None:
    told = {"location_geo": {"lat": "51.05 N", "lon": -114.0714}, "min_distance": "near"}
    assert forms.COLUMNS["ephemeris"]["Geographic"](told) == "51.05 N, -114.07"
    assert forms.COLUMNS["conjunctions"]["Closest km"](told) == "near"
