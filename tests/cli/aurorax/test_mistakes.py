"""What people do wrong with `imap-bulk aurorax`: told by the file, the line and the cure, before any request."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from tests import canaries

Run = Callable[..., Result]

EPHEMERIS = ("--kind", "ephemeris", "--source-id", "400")
PRODUCTS = ("--kind", "data-products", "--source-id", "400")
DAY = ("--start-date", "20190101", "--end-date", "20190101")
NAMES = {"program": "p", "platform": "q", "instrument_type": "r"}
WHOLE = {**NAMES, "source_type": "ground", "display_name": "Mine"}


def said(ran: Result) -> list[str]:
    """Return the lines below click's lines of usage."""
    return ran.stderr.split("Error: ")[-1].splitlines()


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"program": 5}, "`program` of a data source is empty; write a name."),
        ({"prog": "p"}, "a data source has no 'prog'; use "),
        ({**WHOLE, "identifier": "4"}, "identifier of a data source is no whole number."),
        ({**WHOLE, "owner": 4}, "owner of a data source is no e-mail address."),
        ({**WHOLE, "maintainers": "me"}, "maintainers of a data source is no list of e-mail addresses."),
        ({**WHOLE, "ephemeris_metadata_schema": [4]}, "ephemeris_metadata_schema of a data source is no list of "),
        ([], "holds no JSON object"),
    ],
)
@pytest.mark.parametrize(
    "command", [("sources", "add", "--from"), ("push", "r.jsonl", *EPHEMERIS, "--create-source")], ids=" ".join
)
def test_what_is_wrong_with_a_document_is_told_with_its_name(
    invoke: Run,
    closed_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    document: object,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.jsonl").write_text('{"epoch": "2021-06-01T00:00"}\n')
    (tmp_path / "source.json").write_text(json.dumps(document))
    ran = invoke("--url", closed_url, "aurorax", *command, "source.json")
    assert ran.exit_code == 2
    assert said(ran)[0].startswith("source.json")
    assert told.replace("`", "") in said(ran)[0]


@pytest.mark.parametrize(
    ("document", "target", "told"),
    [
        (NAMES, ("--source", "p/q/r"), "source.json: a new data source needs source_type, display_name too."),
        (WHOLE, ("--source", "p/q/other"), "source.json describes p/q/r, not p/q/other; see to --source"),
        (
            {**WHOLE, "identifier": 5},
            ("--source-id", "4"),
            "source.json describes data source 5, not 4; see to",
        ),
    ],
)
def test_a_source_that_is_not_the_one_sent_to_is_not_created(
    invoke: Run,
    closed_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    document: object,
    target: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.jsonl").write_text('{"epoch": "2021-06-01T00:00"}\n')
    (tmp_path / "source.json").write_text(json.dumps(document))
    push = ("push", "r.jsonl", "--kind", "ephemeris", *target, "--create-source", "source.json")
    ran = invoke("--url", closed_url, "aurorax", *push)
    assert ran.exit_code == 2
    assert said(ran)[0].startswith(told)


def test_a_source_is_created_with_the_identifier_that_is_sent_to(
    aurorax: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.jsonl").write_text('{"epoch": "2021-06-01T00:00"}\n')
    (tmp_path / "source.json").write_text(json.dumps({**WHOLE, "program": "new"}))
    push = ("push", "r.jsonl", "--kind", "ephemeris", "--source-id", "4711", "--create-source", "source.json")
    assert aurorax(*push, key=canaries.API_KEY).exit_code == 0
    assert json.loads(aurorax("sources", "get", "4711").stdout)["program"] == "new"


def test_standard_input_is_named_and_read_once(invoke: Run, closed_url: str) -> None:
    push = ("--url", closed_url, "aurorax", "push", *EPHEMERIS)
    empty, bad = invoke(*push, "-", stdin=""), invoke(*push, "-", stdin='{"epoch": 4}\n')
    assert said(empty)[0].startswith("standard input holds no records")
    assert said(bad)[1].startswith("  standard input line 1: epoch is missing")
    twice = invoke(*push, "-", "-", stdin='{"epoch": "2021-06-01T00:00"}\n')
    assert (twice.exit_code, said(twice)[0][:42]) == (2, "- is among the files of records twice; sta")


def test_columns_of_one_name_are_refused(invoke: Run, closed_url: str, tmp_path: Path) -> None:
    table = tmp_path / "r.csv"
    table.write_text("epoch,epoch\n2021-06-01T00:00,2021-06-01T00:01\n")
    ran = invoke("--url", closed_url, "aurorax", "push", table, *EPHEMERIS)
    assert ran.exit_code == 2
    assert said(ran)[1] == f"  {table} line 1: two columns are called 'epoch'; leave one of them out"


@pytest.mark.parametrize("url", ["", "http://files.example/a b.jpg", "caf\udce9.jpg"])
def test_what_no_product_goes_by_is_not_deleted(invoke: Run, closed_url: str, url: str) -> None:
    ran = invoke("--url", closed_url, "aurorax", "delete", *PRODUCTS, "--yes", "--url", url)
    assert ran.exit_code == 2
    assert "is no URL of a data product; write it without blanks." in said(ran)[0]


def test_lines_that_hold_more_than_a_url_are_told(invoke: Run, closed_url: str, tmp_path: Path) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_text("http://files.example/a.jpg\n\nhttp://files.example/b.jpg and more\n")
    ran = invoke("--url", closed_url, "aurorax", "delete", *PRODUCTS, "--yes", "--url-list", listed)
    assert ran.exit_code == 2
    assert said(ran)[1] == "  line 3: 'http://files.example/b.jpg and more' is no URL"


def test_a_url_that_is_not_whole_is_deleted_with_a_word_on_it(aurorax: Run) -> None:
    ran = aurorax("delete", *PRODUCTS, "--url", "test.jpg", key=canaries.API_KEY, stdin="y\n")
    assert ran.exit_code == 0
    assert ran.stderr.startswith(
        "Note: 'test.jpg' is no whole URL; a product goes by the one it was pushed with.\n"
    )
    assert "Delete the data products of test.jpg of test-program/" in ran.stderr


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://files.example/"])
def test_a_base_of_files_is_a_url(invoke: Run, closed_url: str, url: str) -> None:
    ran = invoke("--url", closed_url, "aurorax", "pull", "--program", "trex", *DAY, "--file-base-url", url)
    assert ran.exit_code == 2
    assert said(ran) == [f"--file-base-url {url!r} is no URL; write it as in https://host/files/."]


def test_half_a_character_in_a_search_is_told(invoke: Run, closed_url: str, tmp_path: Path) -> None:
    block = {"programs": ["\ud800"]}
    search = {"ground": [block], "space": [block], "start": "2020-01-01T00:00", "end": "2020-01-01T01:00"}
    path = tmp_path / "close.json"
    path.write_text(json.dumps(search))
    ran = invoke("--url", closed_url, "aurorax", "pull", "--kind", "conjunctions", "--query", path)
    assert ran.exit_code == 2
    assert said(ran) == ["the conjunction query holds half a character; leave that out."]
