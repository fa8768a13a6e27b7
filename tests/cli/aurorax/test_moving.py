"""`imap-bulk aurorax pull`, `push` and `delete`: what people see, and what shells are told."""

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests import canaries
from tests.cli.aurorax.conftest import serving

from imap_bulk.archives.aurorax.sources import Sources
from imap_bulk.errors import Interrupted
from imap_bulk.server.aurorax.server import AuroraxOptions

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]

SWARM = ("--kind", "ephemeris", "--program", "swarm", "--platform", "swarma")
DAY = ("--start-date", "20190101", "--end-date", "20190101")
PUSH = ("--kind", "ephemeris", "--source-id", "400")


@pytest.fixture
def outgoing(tmp_path: Path) -> Callable[..., Path]:
    def write(*records: dict[str, Any], name: str = "r.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        return path

    return write


def epoch(minute: int, day: int = 1) -> dict[str, Any]:
    return {"epoch": f"2021-06-{day:02}T00:{minute:02}:00"}


def test_ephemeris_is_pulled_once_and_said_to_be_counted(aurorax: Run, data_dir: Path) -> None:
    ran = aurorax("pull", *SWARM, *DAY)
    assert ran.exit_code == 0
    assert ran.stdout.startswith("1 file: 1 pulled; ")
    assert ran.stdout.endswith("1 NOT verified: only the number of records could be compared\n")
    assert (data_dir / "aurorax/ephemeris/swarm/swarma/footprint/20190101.json").is_file()
    again = aurorax("pull", *SWARM, *DAY)
    assert again.stdout.startswith("1 file: 1 already there; ")


def test_products_are_pulled_to_where_their_source_and_month_say(aurorax: Run, data_dir: Path) -> None:
    ran = aurorax("pull", "--program", "trex", "--platform", "gillam", "--product-type", "keogram", *DAY)
    assert ran.exit_code == 0
    assert "2 NOT verified: only their form could be looked at" in ran.stdout
    assert len(list((data_dir / "aurorax/trex/gillam/RGB_ASI/keogram/2019/01").iterdir())) == 2


def test_conjunctions_are_pulled_by_a_document(aurorax: Run, data_dir: Path, tmp_path: Path) -> None:
    query = tmp_path / "close.json"
    query.write_text(
        json.dumps(
            {
                "ground": [{"programs": ["themis-asi"]}],
                "space": [{"programs": ["swarm"]}],
                "start": "2020-01-01T00:00:00",
                "end": "2020-01-01T06:00:00",
                "conjunction_types": ["nbtrace"],
            }
        )
    )
    assert aurorax("pull", "--kind", "conjunctions", "--query", query).exit_code == 0
    (path,) = (data_dir / "aurorax/conjunctions").iterdir()
    assert path.name.startswith("close-")


def test_a_dry_run_lists_the_windows(aurorax: Run, data_dir: Path) -> None:
    ran = aurorax(
        "pull", *SWARM, "--start-date", "20190101", "--end-date", "20190228", "--window", "month", "--dry-run"
    )
    assert [line.partition(" ")[0][-11:] for line in ran.stdout.splitlines()[:2]] == ["201901.json", "201902.json"]
    assert "Would pull 2 files, sizes unknown; nothing was moved." in ran.stdout
    assert not data_dir.exists()


def test_nothing_found_has_a_hint(aurorax: Run) -> None:
    ran = aurorax("pull", "--program", "nothing", *DAY)
    assert (ran.exit_code, ran.stdout.splitlines()[0]) == (0, "No file matches.")
    assert "imap-bulk aurorax sources` lists" in ran.stdout


def test_events_are_told_to_programs(aurorax: Run) -> None:
    events = [json.loads(line) for line in aurorax("pull", *SWARM, *DAY, "--json").stdout.splitlines()]
    assert [event["event"] for event in events] == ["plan", "outcome", "summary"]
    assert events[1]["verified_by"] == "record-count"


def test_what_must_be_verified_is_not_taken_on_a_count(aurorax: Run) -> None:
    ran = aurorax("pull", *SWARM, *DAY, "--require-verified")
    assert ran.exit_code == 1
    assert "storage names no digest to verify with" in ran.stderr


def test_records_are_pushed_verified_and_not_sent_again(aurorax: Run, outgoing: Callable[..., Path]) -> None:
    path = outgoing(*map(epoch, range(3)))
    ran = aurorax("push", path, *PUSH, "--verify", key=canaries.API_KEY)
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert ran.stdout.startswith("3 records: 3 accepted; ")
    assert ran.stdout.endswith("; all found by a search\n")
    again = aurorax("push", path, *PUSH, key=canaries.API_KEY)
    assert again.stdout.startswith("3 records: 3 already there; NOT verified: only a search shows")


def test_records_may_come_from_standard_input(aurorax: Run) -> None:
    ran = aurorax("push", "-", *PUSH, key=canaries.API_KEY, stdin=json.dumps([epoch(30), epoch(31)]))
    assert ran.stdout.startswith("2 records: 2 accepted; ")


def test_every_bad_line_is_told_before_anything_is_sent(
    invoke: Run, closed_url: str, outgoing: Callable[..., Path]
) -> None:
    path = outgoing(epoch(0), {"epoch": "x"}, epoch(1), {"epch": 1})
    ran = invoke("--url", closed_url, "aurorax", "push", path, *PUSH)
    assert ran.exit_code == 2
    first, *problems = ran.stderr.splitlines()
    assert first == "Error: 2 bad records; correct them and run again: nothing was sent"
    assert [problem.partition(": ")[0].strip() for problem in problems] == [f"{path} line 2", f"{path} line 4"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "answered 401: NotAuthenticated: A valid API key or access token is required; a key is needed"),
        (canaries.READ_KEY, "this needs a key that allows it: set IMAP_BULK_AURORAX_API_KEY or give --api-key"),
    ],
)
def test_without_access_nothing_is_pushed_and_the_cure_is_told(
    aurorax: Run, outgoing: Callable[..., Path], key: str | None, said: str
) -> None:
    ran = aurorax("push", outgoing(epoch(40)), *PUSH, key=key)
    assert ran.exit_code == 1
    assert ran.stdout == "1 record: 1 cancelled\n"
    assert said in ran.stderr


def test_a_dry_run_of_a_push_checks_and_sends_nothing(aurorax: Run, outgoing: Callable[..., Path]) -> None:
    ran = aurorax("push", outgoing(epoch(41)), *PUSH, "--dry-run")
    assert ran.exit_code == 0
    assert ran.stdout.startswith("Would push 1 record, ")


def test_a_missing_source_is_added_from_a_document(
    aurorax: Run, outgoing: Callable[..., Path], tmp_path: Path
) -> None:
    path, target = outgoing(epoch(0)), ("--kind", "ephemeris", "--source", "made/here/camera")
    ran = aurorax("push", path, *target, key=canaries.API_KEY)
    assert (ran.exit_code, "the archive has no data source made/here/camera" in ran.stderr) == (1, True)
    draft = tmp_path / "source.json"
    names = {"program": "made", "platform": "here", "instrument_type": "camera"}
    draft.write_text(json.dumps({**names, "source_type": "ground", "display_name": "Made"}))
    ran = aurorax("push", path, *target, "--create-source", draft, key=canaries.API_KEY)
    assert ran.stdout.startswith("1 record: 1 accepted; ")


def test_ephemeris_is_deleted_after_a_question_and_can_be_pushed_again(
    aurorax: Run, outgoing: Callable[..., Path]
) -> None:
    path = outgoing(*(epoch(minute, 9) for minute in range(2)))
    aurorax("push", path, *PUSH, "--verify", key=canaries.API_KEY)
    doomed = ("delete", *PUSH, "--start-date", "20210609", "--end-date", "20210609")
    kept = aurorax(*doomed, key=canaries.API_KEY, stdin="n\n")
    assert kept.exit_code == 1
    assert "Delete the ephemeris from 2021-06-09T00:00:00 to 2021-06-09T23:59:59 of test-program/" in kept.stderr
    gone = aurorax(*doomed, "--yes", key=canaries.API_KEY)
    assert (gone.exit_code, gone.stdout[:31]) == (0, "Asked to delete the ephemeris f")
    assert aurorax("push", path, *PUSH, key=canaries.API_KEY).stdout.startswith("2 records: 2 accepted; ")


def test_products_are_deleted_by_their_addresses(
    aurorax: Run, outgoing: Callable[..., Path], tmp_path: Path
) -> None:
    url = "https://files.example/a.jpg"
    record = {"start": "2021-06-01T00:00", "end": "2021-06-01T23:59", "url": url, "data_product_type": "keogram"}
    target = ("--kind", "data-products", "--source-id", "400")
    aurorax("push", outgoing(record), *target, "--verify", key=canaries.API_KEY)
    listed = tmp_path / "urls.txt"
    listed.write_text(f"{url}\n")
    ran = aurorax("delete", *target, "--url-list", listed, "--yes", key=canaries.API_KEY)
    assert ran.stdout.startswith(f"Asked to delete the data products of {url} of test-program/")


def test_a_list_of_addresses_that_is_no_text_is_refused(aurorax: Run, tmp_path: Path) -> None:
    listed = tmp_path / "urls.txt"
    listed.write_bytes(b"https://files.example/\xff.jpg\n")
    ran = aurorax("delete", "--kind", "data-products", "--source-id", "400", "--url-list", listed, "--yes")
    assert ran.exit_code == 2
    assert f"{listed} is no text in UTF-8; write one URL a line." in ran.stderr


def test_what_may_have_been_deleted_is_no_longer_taken_for_accepted(
    aurorax: Run, outgoing: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = outgoing(epoch(1, 9))
    aurorax("push", path, *PUSH, key=canaries.API_KEY)

    async def deleted_unheard(*_: object) -> None:
        raise Interrupted("the answer was lost")

    monkeypatch.setattr(Sources, "delete_ephemeris", deleted_unheard)
    doomed = ("delete", *PUSH, "--start-date", "20210609", "--end-date", "20210609", "--yes")
    assert aurorax(*doomed, key=canaries.API_KEY).exit_code == 75
    assert aurorax("push", path, *PUSH, key=canaries.API_KEY).stdout.startswith("1 record: 1 accepted; ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("push", "r.jsonl", "--kind", "ephemeris"), "Say which data source"),
        (("push", "r.jsonl", "--kind", "ephemeris", "--source", "a/b"), "'a/b' is no data source"),
        (("push", "no-such-file", *PUSH), "there is no file no-such-file"),
        (("pull", *DAY, "--program", "", "--platform", "gillam"), "--program is empty; leave it out to mean all"),
        (("pull", *DAY, "--program", "trex", "--product-type", ","), "--product-type is empty; leave it out"),
        (("delete", *PUSH), "say from when to when"),
        (("delete", *PUSH, "--url", "x"), "ephemeris is deleted by dates"),
        (("delete", "--kind", "data-products", "--source-id", "4"), "Say which data products"),
        (("delete", "--kind", "data-products", "--source-id", "4", *DAY), "deleted by URL"),
    ],
)
def test_wrong_usage_is_told_before_any_request(
    invoke: Run, closed_url: str, arguments: tuple[str, ...], said: str
) -> None:
    ran = invoke("--url", closed_url, "aurorax", *arguments)
    assert ran.exit_code == 2
    assert said in ran.stderr


def test_an_interrupt_ends_a_search_with_130(start: Start, tmp_path: Path) -> None:
    options = AuroraxOptions(tmp_path / "slow", search_delay=3600, grace=0.1)
    with serving(options) as url:
        process = start(
            "--url", url, "--data-dir", tmp_path / "d", "-v", "aurorax", "pull", *SWARM, *DAY, "--json"
        )
        assert process.stdout
        assert '"event": "plan"' in process.stdout.readline()
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, out + err
    assert "Interrupted." in err


def test_an_interrupt_at_a_question_deletes_nothing_and_ends_with_130(start: Start, served: str) -> None:
    doomed = ("delete", *PUSH, "--start-date", "20210609", "--end-date", "20210609")
    process = start("--url", served, "aurorax", *doomed, stdin=subprocess.PIPE)
    assert process.stderr
    asked = ""
    while not asked.endswith("[y/N]: "):
        asked += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert "Interrupted." in err
