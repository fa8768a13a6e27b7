"""The standard streams of a command: full, closed, or given names that are no UTF-8."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from imap_bulk.cli.streams import readable, shell_word

Run = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
NOT_UTF8 = os.fsdecode(b"caf\xe9")

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


@pytest.fixture
def there(archive: Any, imap_bulk: Run) -> Any:
    """Return an archive of one file, which was pulled already."""
    archive.add(MAG, b"x")
    assert imap_bulk("pull", MAG).exit_code == 0
    return archive


@needs_full
@pytest.mark.parametrize(
    "command",
    [
        ("--version",),
        ("--help",),
        ("pull", "--help"),
        ("query", "--instrument", "mag"),
        ("query", "--instrument", "mag", "--output-format", "csv"),
        ("pull", MAG),
        ("pull", MAG, "--json"),
        ("pull", MAG, "--overwrite", "--json"),
        ("verify", "--checksums"),
        ("status",),
        ("status", "--json"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_standard_output_that_cannot_be_written_to_is_blamed_by_its_name(
    start: Start, there: Any, data_dir: Path, command: tuple[str, ...]
) -> None:
    with FULL.open("w") as full:
        process = start("--url", there.url, "--data-dir", data_dir, *command, stdout=full)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 74
    assert err.splitlines()[-1] == (
        "Error: standard output could not be written to (No space left on device), so that it is not whole; "
        "make room, or send it elsewhere, and run the same command again"
    )


@needs_full
def test_a_run_whose_events_cannot_be_written_moves_its_files_all_the_same(
    start: Start, archive: Any, data_dir: Path
) -> None:
    key = archive.add(MAG, b"x")
    with FULL.open("w") as full:
        process = start("--url", archive.url, "--data-dir", data_dir, "pull", MAG, "--json", stdout=full)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 74
    assert (data_dir / key).read_bytes() == b"x"
    assert err.startswith("1 file: 1 pulled; ")


@needs_full
@pytest.mark.parametrize(
    ("command", "code"), [(("pull", "nonsense"), 2), (("bogus",), 2), (("pull", MAG, "-v"), 2), (("status",), 0)]
)
def test_nobody_to_tell_on_standard_error_changes_no_exit_code(
    start: Start, data_dir: Path, command: tuple[str, ...], code: int
) -> None:
    with FULL.open("w") as full:
        process = start("--data-dir", data_dir, *command, stderr=full)
        process.communicate(timeout=20)
    assert process.returncode == code


@pytest.mark.parametrize("command", [("pull", "-"), ("push", "-")], ids=" ".join)
def test_standard_input_that_the_shell_has_closed_lists_nothing(command: tuple[str, ...]) -> None:
    shell = ["sh", "-c", '"$@" <&-', "sh", sys.executable, "-m", "imap_bulk", *command]
    ran = subprocess.run(shell, capture_output=True, text=True, timeout=20, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "Error: standard input lists no files; write one file name a line\n"


@pytest.mark.parametrize(
    "locale",
    [{"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_a_name_that_is_no_utf_8_is_told_as_shells_write_it(
    start: Start, tmp_path: Path, locale: dict[str, str]
) -> None:
    outbox = tmp_path / f"out{NOT_UTF8}"
    outbox.mkdir()
    (outbox / f"{NOT_UTF8}.txt").write_text("x")
    for command, told in (
        (("push", outbox), "/outcaf\\xe9/caf\\xe9.txt: 'caf\\xe9.txt' holds the character '\\xe9'"),
        (("pull", f"{NOT_UTF8}.txt"), "'caf\\xe9.txt' holds the character '\\xe9'"),
        (("pull", f"imap/{NOT_UTF8}"), "'imap/caf\\xe9' is no object key; it holds the character '\\xe9'"),
        (("query", "--instrument", NOT_UTF8), "unknown instrument 'caf\\xe9'"),
        (("lsst", "query", "--sql", f"@{NOT_UTF8}"), "caf\\xe9 cannot be read: No such file or directory"),
    ):
        process = start(*command, env={**os.environ, **locale})
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (2, "")
        assert told in err
        assert "\\udc" not in err


def test_a_data_directory_whose_name_is_no_utf_8_is_as_good_as_another(
    start: Start, invoke: Run, archive: Any, outbox: Path, tmp_path: Path
) -> None:
    place = tmp_path / NOT_UTF8
    sent = outbox.rename(tmp_path / f"out{NOT_UTF8}")
    given = ("--url", archive.url, "--data-dir", place)
    for command in (
        ("push", sent),
        ("pull", MAG, "naif0012.tls"),
        ("pull", MAG, "-q", "--overwrite", "--report", tmp_path / f"{NOT_UTF8}.html"),
        ("verify",),
        ("verify", "--repair"),
        ("bag", "-q", tmp_path / f"bag{NOT_UTF8}"),
        ("lock", "--instrument", "mag", "-q", "-o", tmp_path / f"{NOT_UTF8}.lock"),
        ("pull", "--locked", tmp_path / f"{NOT_UTF8}.lock", "--cache-dir", tmp_path / f"cache{NOT_UTF8}"),
        ("status", "--json"),
    ):
        ran = invoke(*given, *command)
        assert ran.exit_code == 0, ran.output
    process = start(*given, "status", stdout=subprocess.PIPE)
    out, _ = process.communicate(timeout=20)
    assert out.startswith(f"{tmp_path}/caf\\xe9\n")
    assert "pushed to" in out
    assert "all there, with the size and time they came with" in out


def test_a_push_that_failed_tells_files_whose_directory_no_manifest_can_name(
    imap_bulk: Run, tmp_path: Path, closed_url: str, data_dir: Path, invoke: Run
) -> None:
    sent = tmp_path / NOT_UTF8 / MAG
    sent.parent.mkdir()
    sent.write_bytes(b"x")
    given = ("--url", closed_url, "--data-dir", data_dir)
    assert invoke(*given, "push", sent, "--retries", "0").exit_code == 75
    assert invoke(*given, "status").exit_code == 0
    ran = invoke(*given, "status", "--failed", "push")
    assert ran.exit_code == 2
    assert "cannot be written on a line of a manifest; rename what in it is no UTF-8" in ran.stderr


@pytest.mark.parametrize(
    ("word", "spelled"),
    [
        ("data", "data"),
        ("my data", "'my data'"),
        ("café", "'café'"),
        (NOT_UTF8, "$'caf\\xe9'"),
        (f"it's\\{NOT_UTF8}", "$'it\\'s\\\\caf\\xe9'"),
    ],
)
def test_a_word_for_a_shell_means_there_what_it_means_here(word: str, spelled: str) -> None:
    assert shell_word(word) == spelled
    told = subprocess.run(["bash", "-c", f"printf %s {spelled}"], stdout=subprocess.PIPE, check=True).stdout
    assert os.fsdecode(told) == word


def test_a_name_in_quotes_is_readable_too() -> None:
    assert readable(f"{NOT_UTF8!r} and {'é…'!r}") == "'caf\\xe9' and 'é…'"
