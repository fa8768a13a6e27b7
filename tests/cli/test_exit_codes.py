"""What the shell is told, and that errors are one sentence."""

import errno
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from tests import canaries

from imap_bulk import bulk
from imap_bulk.cli.ending import ExitCode, code_of
from imap_bulk.cli.logs import Discreet
from imap_bulk.model import Result as RunResult

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
SWE = "imap_swe_l0_raw_20260102_v001.pkts"


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (RunResult(), ExitCode.DONE),
        (RunResult(wanted=2, done=1, skipped=1), ExitCode.DONE),
        (RunResult(wanted=2, done=1, failed=1), ExitCode.FAILED),
        (RunResult(wanted=2, failed=2, passing=1), ExitCode.FAILED),
        (RunResult(wanted=2, done=1, failed=1, passing=1), ExitCode.AGAIN),
    ],
)
def test_a_result_has_its_exit_code(result: RunResult, code: ExitCode) -> None:
    assert code_of(result) is code


def test_only_passing_failures_are_75(invoke: Run, closed_url: str, data_dir: Path) -> None:
    ran = invoke("--url", closed_url, "--data-dir", data_dir, "pull", MAG, "--retries", "0")
    assert ran.exit_code == 75
    assert "no connection to 127.0.0.1" in ran.stderr
    assert "Another try may help: run the same command again" in ran.stdout


def test_a_search_that_fails_in_passing_is_75(invoke: Run, closed_url: str, data_dir: Path) -> None:
    ran = invoke("--url", closed_url, "--data-dir", data_dir, "pull", "--instrument", "mag", "--retries", "0")
    assert ran.exit_code == 75
    assert ran.stderr.startswith("Error: ")
    assert ran.stderr.endswith("run the same command again\n")


def test_a_login_page_in_place_of_an_answer_is_75(invoke: Run, login_page: str, data_dir: Path) -> None:
    ran = invoke("--url", login_page, "--data-dir", data_dir, "query", "--instrument", "mag")
    assert ran.exit_code == 75
    assert "a web page titled 'Sign in'" in ran.stderr


def test_a_data_directory_that_cannot_be_is_74(invoke: Run, archive: Any, tmp_path: Path) -> None:
    archive.add(MAG, b"x")
    (tmp_path / "file").write_text("no directory")
    data_dir = tmp_path / "file" / "data"
    ran = invoke("--url", archive.url, "--data-dir", data_dir, "pull", MAG)
    assert ran.exit_code == 74
    assert str(tmp_path / "file") in ran.stderr
    assert "finished files are kept" in ran.stderr
    assert "run the same command again" in ran.stderr


def test_a_file_too_large_for_this_machine_is_74(start: Start, archive: Any, data_dir: Path) -> None:
    archive.add(MAG, b"small")
    archive.add(SWE, bytes(4 << 20))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))

    arguments = ("--url", archive.url, "--data-dir", data_dir, "pull", MAG, SWE, "-j", "1")
    process = start(*arguments, preexec_fn=limit)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 74
    assert "File too large; finished files are kept" in err
    assert "Traceback" not in err
    assert out.startswith("2 files: 1 pulled, 1 cancelled; ")


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    async def pull(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(bulk, "pull", pull)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 74, "no space is left for {data_dir}; finished files"),
        (OSError(errno.ENOSPC, "No space left", "/x/y"), 74, "no space is left for /x/y; finished files are kept"),
        (PermissionError(errno.EACCES, "Permission denied", "/x/y"), 74, "may not use /x/y (Permission denied)"),
        (ExceptionGroup("", [OSError(errno.EIO, "I/O error", "/x/y")]), 74, "/x/y: I/O error; finished files"),
        (KeyError("surprise"), 70, "a bug in imap-bulk: KeyError: 'surprise'; please report it"),
        (KeyboardInterrupt(), 130, "Interrupted. What is done stays done: the same command goes on from here."),
    ],
)
def test_an_error_is_one_sentence_and_a_code(
    imap_bulk: Run, monkeypatch: pytest.MonkeyPatch, data_dir: Path, error: BaseException, code: int, said: str
) -> None:
    failing(monkeypatch, error)
    ran = imap_bulk("pull", MAG)
    assert ran.exit_code == code
    assert said.format(data_dir=data_dir) in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_debug_shows_the_traceback(imap_bulk: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, KeyError("surprise"))
    ran = imap_bulk("--debug", "pull", MAG)
    assert ran.exit_code == 70
    assert "Traceback (most recent call last)" in ran.stderr


def test_no_log_line_holds_a_key_or_a_signature(
    start: Start, locked_archive: Any, data_dir: Path, outbox: Path
) -> None:
    given = ("--url", locked_archive.url, "--data-dir", data_dir, "--api-key", canaries.API_KEY, "--debug")
    for command in (("push", outbox), ("pull", MAG, "--overwrite"), ("query", "--instrument", "mag")):
        process = start(*given, *command, env={"PYTHONASYNCIODEBUG": "1"})
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0, err
        assert canaries.API_KEY not in out + err
        assert "x-amz-" not in (out + err).lower()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET http://h/k?X-Amz-Expires=60&X-Amz-Signature=abc'", "GET http://h/k?…'"),
        ("http://h/query?instrument=mag", "http://h/query?instrument=mag"),
        ("x-api-key: hush", "x-api-key: …"),
    ],
)
def test_secrets_are_cut_out_of_a_text(text: str, shown: str) -> None:
    assert Discreet(["hush"]).cut(text) == shown


def test_a_reader_that_goes_away_ends_a_query_quietly(start: Start, archive: Any) -> None:
    for day in range(1, 29):
        archive.add(MAG.replace("20260101", f"202601{day:02}"), b"x")
    process = start("--url", archive.url, "query", "--instrument", "mag")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""


def test_a_reader_that_goes_away_does_not_end_a_pull(start: Start, archive: Any, data_dir: Path) -> None:
    key = archive.add(MAG, b"x")
    process = start("--url", archive.url, "--data-dir", data_dir, "pull", MAG, "--json")
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()
    assert (data_dir / key).is_file()


def test_a_standard_output_that_the_shell_has_closed_is_nobody_to_tell(archive: Any, data_dir: Path) -> None:
    archive.add(MAG, b"x")
    imap_bulk = [sys.executable, "-m", "imap_bulk", "--url", archive.url, "--data-dir", str(data_dir)]
    for command in (["pull", MAG], ["status"]):
        shell = ["sh", "-c", '"$@" >&-', "sh", *imap_bulk, *command]
        ran = subprocess.run(shell, stderr=subprocess.PIPE, timeout=20, check=False)
        assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_proxy_that_has_no_possible_name_is_refused_in_a_sentence(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, data_dir: Path
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy..example")
    ran = invoke("--url", "http://archive.invalid", "--data-dir", data_dir, "query", "--instrument", "mag")
    assert ran.exit_code == 1
    assert "only a proxy of the form http://host:port can be used; check HTTP_PROXY" in ran.stderr
