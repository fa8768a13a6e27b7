"""`imap-bulk lsst`: lists, SQL and images of an LSST archive, as a person meets them."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from click.testing import Result
from tests import canaries
from tests.archives.lsst.serving import serving
from tests.cli.conftest import answering

from imap_bulk.server.lsst.server import LsstOptions

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]
CALEXP = ("--level", "L2", "--collection", "DR1", "--kind", "calexp")
ID = "5646240694"
KEY = f"lsst/L2/DR1/calexp/{ID}.fits"


def status(url: str) -> str:
    """Ask how the first job is; nothing while there is none."""
    try:
        with urllib.request.urlopen(f"{url}/image/v0/654/status") as answer:
            return str(json.load(answer)[0]["status"])
    except urllib.error.HTTPError as error:
        error.close()
        return ""


def until(is_so: Callable[[], bool]) -> None:
    """Wait for another process, which no clock of ours can hurry."""
    latest = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < latest
        time.sleep(0.02)


@contextmanager
def answering_all(document: object) -> Iterator[str]:
    """Give a URL that answers everything with one document."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as url:
        yield url


@pytest.mark.parametrize("command", ["list", "schema", "query", "pull"])
def test_every_command_has_help(invoke: Run, command: str) -> None:
    assert invoke("lsst", command, "-h").stdout.startswith(f"Usage: cli lsst {command} ")


@pytest.mark.parametrize("arguments", [["lsst", "-h"], ["lsst", "pull", "-h"]])
def test_help_waits_for_nothing(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom imap_bulk.cli.main import cli\n"
        f"try: cli({arguments!r}, prog_name='imap-bulk')\nexcept SystemExit: pass\n"
        "print(sorted({'aiohttp', 'astropy', 'numpy', 'tqdm', 'sqlite3', 'tenacity'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [("list", "levels"), ("schema", "DR1.Object"), ("query", "--sql", "SELECT 1"), ("pull", *CALEXP)],
)
def test_without_an_address_it_is_told_how_to_start_a_server(invoke: Run, arguments: tuple[str, ...]) -> None:
    ran = invoke("lsst", *arguments)
    assert ran.exit_code == 2
    assert "LSST's own servers of this API are gone" in ran.stderr
    assert "imap-bulk serve --archives lsst" in ran.stderr


def test_the_environment_tells_the_address(invoke: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_BULK_LSST_URL", url)
    assert invoke("lsst", "list", "levels").stdout.split() == ["DC", "L1", "L2", "L3", "dev"]


def test_an_address_that_is_none_is_named(invoke: Run) -> None:
    ran = invoke("--url", "127.0.0.1:8000", "lsst", "list", "levels")
    assert ran.exit_code == 2
    assert "--url / IMAP_BULK_LSST_URL: the archive's address '127.0.0.1:8000' is no URL" in ran.stderr


def test_a_global_option_inside_the_group_is_told_where_it_belongs(invoke: Run) -> None:
    ran = invoke("lsst", "pull", *CALEXP, "--data-dir", "here")
    assert ran.exit_code == 2
    assert "--data-dir stands before the command: imap-bulk --data-dir … lsst pull …" in ran.stderr


@pytest.mark.parametrize("arguments", [(), ("some.fits",), ("--level", "L3", "x", "-j", "2")])
def test_push_is_refused_before_any_request(
    invoke: Run, deaf: tuple[str, Callable[[], bool]], arguments: tuple[str, ...]
) -> None:
    address, was_called = deaf
    ran = invoke("--url", address, "lsst", "push", *arguments)
    assert (ran.exit_code, was_called()) == (2, False)
    assert "The LSST archive is read-only: it takes no uploads." in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("databases", "--level", "L2"), ["DR1", "DC_W13_Stripe82"]),
        (("databases", "--containing", "stripe82"), ["DC_W13_Stripe82"]),
        (("databases", "--containing", "DR%"), ["DR1"]),
        (("databases", "--containing", "/^dr[0-9]$/"), ["DR1"]),
        (("tables", "--database", "DR1"), ["Science_Ccd_Exposure", "DeepCoadd", "Object"]),
        (("collections", "--level", "L2"), ["DR1", "kti/test20150202"]),
        (("kinds", "--level", "l2", "--collection", "DR1"), ["raw", "calexp", "deepCoadd"]),
        (("kinds", "--level", "L2", "--collection", "kti/test20150202"), ["calexp"]),
    ],
)
def test_what_there_is_is_listed(lsst: Run, arguments: tuple[str, ...], names: list[str]) -> None:
    ran = lsst("list", *arguments)
    assert (ran.exit_code, ran.stdout.splitlines(), ran.stderr) == (0, names, "")


def test_images_are_listed_over_all_pages(lsst: Run, url: str) -> None:
    listed = lsst("list", "images", *CALEXP).stdout.splitlines()
    assert len(listed) == 8
    assert listed[0] == f"{url}/image/v0/L2/DR1/calexp/{ID}"


def test_nothing_to_list_is_said(lsst: Run) -> None:
    ran = lsst("list", "collections", "--level", "dev")
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "There are no such collections.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("tables",), "To list tables, give --database."),
        (("images", "--level", "L2"), "To list images, give --collection and --kind."),
        (("databases", "--containing", "/(/"), "is no regular expression"),
    ],
)
def test_what_a_list_needs_is_said(lsst: Run, arguments: tuple[str, ...], told: str) -> None:
    ran = lsst("list", *arguments)
    assert ran.exit_code == 2
    assert told in ran.stderr


def test_a_schema_is_printed(lsst: Run) -> None:
    assert lsst("schema", "DR1.Object").stdout.startswith("CREATE TABLE `Object` (\n  `id` bigint(20) NOT NULL")


@pytest.mark.parametrize(("table", "code"), [("DR1.Nope", 1), ("Nope.Object", 1), ("DR1", 2)])
def test_a_schema_that_is_not_there_is_an_error(lsst: Run, table: str, code: int) -> None:
    ran = lsst("schema", table)
    assert ran.exit_code == code
    assert ran.stderr.splitlines()[-1].startswith("Error: ")


def test_an_answer_is_printed_as_csv(lsst: Run) -> None:
    ran = lsst("query", "--sql", "SELECT id, note FROM DR1.Object ORDER BY id LIMIT 2;")
    assert ran.stdout == "id,note\n9007199254740993,star\n9007199254740995,star\n"


def test_a_statement_is_read_from_a_file(lsst: Run, tmp_path: Path) -> None:
    (tmp_path / "all.sql").write_text("SELECT COUNT(*) AS n\nFROM DC_W13_Stripe82.Object;\n")
    assert lsst("query", "--sql", f"@{tmp_path / 'all.sql'}").stdout == "n\n2000\n"


def test_an_answer_can_be_waited_for(lsst: Run) -> None:
    ran = lsst("query", "--sql", "SELECT COUNT(*) AS n FROM DC_W13_Stripe82.Object", "--async")
    assert (ran.exit_code, ran.stdout) == (0, "n\n2000\n")


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_parts_are_written_as_one_answer(lsst: Run, tmp_path: Path, form: str) -> None:
    sql = ("--sql", "SELECT id, ra, note FROM DC_W13_Stripe82.Object ORDER BY id", "--output-format", form)
    whole = lsst("query", *sql).stdout
    parts = ("--partition", "id:9007199254740993:9007199254745000:16")
    ran = lsst("query", *sql, *parts, "--verify", "-o", tmp_path / "out")
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"2000 rows in 16 parts to {tmp_path / 'out'}, as many as the archive counts; ")
    assert (tmp_path / "out").read_text() == whole


@pytest.mark.parametrize(
    ("name", "begin"),
    [("x.json", b"[\n{"), ("x.jsonl", b"{"), ("x.vot", b"<?xml"), ("x.fits", b"SIMPLE"), ("x.txt", b"id\n")],
)
def test_a_file_is_written_in_the_form_that_its_name_ends_in(
    lsst: Run, tmp_path: Path, name: str, begin: bytes
) -> None:
    lsst("query", "--sql", "SELECT id FROM DR1.Object", "-o", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begin)


def test_rows_that_the_archive_does_not_count_are_an_error(invoke: Run, tmp_path: Path) -> None:
    table = {"metadata": {"elements": [{"name": "n", "datatype": "long"}]}, "data": [[7]]}
    with answering_all({"result": {"table": table}}) as url:
        ran = invoke("--url", url, "lsst", "query", "--sql", "SELECT n FROM t", "--verify", "-o", tmp_path / "out")
    assert ran.exit_code == 1
    assert "1 rows came, but the archive counts 7" in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--sql", "SELECT x FROM DR1.Nope"), 1, "Table 'DR1.Nope' doesn't exist"),
        (
            ("--sql", "SELECT id FROM DR1.Object LIMIT 3", "--partition", "id:0:9:3"),
            2,
            "LIMIT cannot be asked in parts",
        ),
        (("--sql", "SELECT id FROM DR1.Object LIMIT 3", "--verify"), 2, "for its number of rows"),
        (("--sql", "SELECT 1", "--partition", "id"), 2, "write COLUMN:LO:HI:N"),
        (("--sql", "@nowhere.sql"), 2, "nowhere.sql cannot be read"),
        (("--sql", " "), 2, "there is no statement in it"),
    ],
)
def test_what_cannot_be_asked_is_said(lsst: Run, arguments: tuple[str, ...], code: int, told: str) -> None:
    ran = lsst("query", *arguments)
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert told in ran.stderr


def test_an_answer_is_on_the_disk_before_it_has_its_name(
    lsst: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "stars.csv"
    named: list[bool] = []

    def note(descriptor: int) -> None:
        named.append(target.exists())
        assert os.fstat(descriptor).st_size

    monkeypatch.setattr(os, "fsync", note)
    assert lsst("query", "--sql", "SELECT id FROM DR1.Object", "-o", target).exit_code == 0
    assert named == [False]
    assert target.exists()


def test_no_rows_are_said(lsst: Run) -> None:
    ran = lsst("query", "--sql", "SELECT id FROM DR1.Object WHERE ra > 500", "--output-format", "json")
    assert (ran.exit_code, ran.stdout) == (0, "[]\n")
    assert "no rows" in ran.stderr


def test_images_are_pulled_once(lsst: Run, data_dir: Path) -> None:
    wanted = ("pull", *CALEXP, "--start-date", "20150514", "--end-date", "20150515", "-q")
    assert lsst(*wanted).exit_code == 0
    assert lsst(*wanted[:-1]).stdout.startswith("2 files: 2 already there; all verified")
    assert (data_dir / KEY).read_bytes().startswith(b"SIMPLE")


@pytest.mark.parametrize("ids", ["", ","])
def test_an_id_that_names_nothing_does_not_mean_everything(lsst: Run, ids: str) -> None:
    ran = lsst("pull", *CALEXP, "--id", ids, "--dry-run")
    assert ran.exit_code == 2
    assert "--id names no image; leave it out to bring all of them." in ran.stderr


def test_the_last_day_of_all_ends_every_range(lsst: Run) -> None:
    assert lsst("pull", *CALEXP, "--end-date", "99991231", "--dry-run").exit_code == 0


def test_a_dry_run_moves_nothing(lsst: Run, data_dir: Path) -> None:
    ran = lsst("pull", *CALEXP, "--id", f"{ID},7", "--plane", "mask", "--dry-run")
    assert "Would pull 2 files" in ran.stdout
    assert f"{ID}_mask.fits" in ran.stdout
    assert not (data_dir / "lsst").exists()


def test_a_missing_image_is_named(lsst: Run) -> None:
    ran = lsst("pull", *CALEXP, "--id", "99")
    assert ran.exit_code == 1
    assert "99.fits: the archive answered 404: OSError: Image Not Found" in ran.stderr


def test_events_are_told_as_json_lines(lsst: Run) -> None:
    ran = lsst("pull", *CALEXP, "--id", ID, "--json")
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert any(event.get("key") == KEY for event in events)


@pytest.mark.parametrize("by_stdin", [False, True])
def test_cutouts_are_pulled_at_positions(lsst: Run, tmp_path: Path, data_dir: Path, by_stdin: bool) -> None:
    text = f"\ufeffid,ra,decl,name\n{ID},37.6292,0.1042,middle\n{ID},37.6250,0.1075,\n"
    (tmp_path / "stars.csv").write_text(text, encoding="utf-8")
    source = "-" if by_stdin else tmp_path / "stars.csv"
    stdin = text.encode() if by_stdin else None
    ran = lsst("pull", *CALEXP, "--cutouts", source, "--size", "30arcsec", stdin=stdin)
    assert ran.stdout.startswith("2 files: 2 pulled; ")
    names = sorted(path.name for path in (data_dir / "lsst/L2/DR1/calexp").iterdir())
    assert [name[:17] for name in names] == [f"{ID}_cutout"] * 2
    assert [name.endswith("_middle.fits") for name in names].count(True) == 1


def test_rows_of_a_query_are_positions(lsst: Run) -> None:
    sql = f"SELECT '{ID}' AS id, ra, decl FROM DR1.Object WHERE ra BETWEEN 37.62 AND 37.63 ORDER BY id LIMIT 2"
    rows = lsst("query", "--sql", sql).stdout
    assert len(list(csv.DictReader(io.StringIO(rows)))) == 2
    ran = lsst("pull", *CALEXP, "--cutouts", "-", "--size", "9pix", stdin=rows)
    assert ran.stdout.startswith("2 files: 2 pulled; ")


def test_bad_positions_are_named_before_any_request(
    invoke: Run, deaf: tuple[str, Callable[[], bool]], tmp_path: Path
) -> None:
    address, was_called = deaf
    (tmp_path / "stars.csv").write_text(f"id,ra,dec\n{ID},x,1\n{ID},1,2\n{ID},1,200\n")
    ran = invoke("--url", address, "lsst", "pull", *CALEXP, "--cutouts", tmp_path / "stars.csv", "--size", "9pix")
    assert (ran.exit_code, was_called()) == (2, False)
    assert "has 2 problems" in ran.stderr
    assert "  line 2: the ra 'x' is no number" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--cutouts", "nowhere.csv", "--size", "9pix"), "the positions nowhere.csv cannot be read"),
        (("--size", "9pix"), "say where, by --cutouts"),
        (("--cutouts", "x", "--size", "9miles"), "no size of a cutout"),
        (("--start-date", "tomorrow"), "write a day as YYYYMMDD"),
        (("--deployed-form",), "lists no images"),
        (("--id", "7", "--owner", "tom"), "leave them out"),
    ],
)
def test_what_cannot_be_pulled_is_said(lsst: Run, arguments: tuple[str, ...], told: str) -> None:
    ran = lsst("pull", *CALEXP, *arguments)
    assert ran.exit_code == 2
    assert told in " ".join(ran.stderr.split())


def test_binary_positions_are_refused(lsst: Run, tmp_path: Path) -> None:
    (tmp_path / "x.fits").write_bytes(b"id,ra,dec\n\xff\xfe\n")
    ran = lsst("pull", *CALEXP, "--cutouts", tmp_path / "x.fits", "--size", "9pix")
    assert ran.exit_code == 2
    assert "looks like a binary file" in ran.stderr


def test_dates_are_of_creation_and_include_the_last_day(lsst: Run) -> None:
    ran = lsst("pull", *CALEXP, "--start-date", "20150515", "--end-date", "2015-05-16", "--dry-run")
    assert "Would pull 2 files" in ran.stdout
    assert ran.stderr == "Notice: the dates are those on which images were created, not those of observation.\n"


def test_an_image_is_pulled_in_the_deployed_form(lsst: Run, data_dir: Path) -> None:
    assert lsst("pull", "--kind", "calexp", "--id", ID, "--deployed-form").exit_code == 0
    assert (data_dir / "lsst/deployed/calexp" / f"{ID}.fits").is_file()


def test_the_token_is_shown_nowhere(invoke: Run, url: str, data_dir: Path) -> None:
    ran = invoke(
        "--url", url, "--api-key", canaries.API_KEY, "--data-dir", data_dir, "--debug", "lsst", "pull", *CALEXP
    )
    assert ran.exit_code == 0
    canaries.assert_clean(ran.output)


def test_ctrl_c_cancels_what_the_archive_is_at(start: Start, data_dir: Path) -> None:
    with serving(LsstOptions(rows=40, faults="job-hangs*9", grace=0.1)) as url:
        process = start("--url", url, "--data-dir", data_dir, "lsst", "pull", *CALEXP, "--id", ID, "--async")
        until(lambda: status(url) == "running")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 130
        assert "Interrupted." in said
        assert status(url) == "cancelled"
