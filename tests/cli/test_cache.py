"""`imap-bulk cache`, and the options that choose one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from imap_bulk.digest import Digest

Run = Callable[..., Result]
MAG = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
SWE = "imap_swe_l0_raw_20260102_v001.pkts"


@pytest.fixture
def cached(imap_bulk: Run, archive: Any, tmp_path: Path) -> Path:
    """Pull two files through a cache; return where it is."""
    for name in (MAG, SWE):
        archive.add(name, name.encode() * 50)
    assert imap_bulk("pull", MAG, SWE, "--cache-dir", tmp_path / "cache").exit_code == 0
    return tmp_path / "cache"


def test_info_tells_where_it_is_and_how_much_it_holds(invoke: Run, cached: Path) -> None:
    ran = invoke("cache", "--cache-dir", cached, "info")
    assert ran.stdout.startswith(f"{cached}: 2 files, 3.9 kB; the oldest was last used ")


def test_the_environment_chooses_the_cache(
    invoke: Run, cached: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", str(cached))
    assert invoke("cache", "info").stdout.startswith(f"{cached}: 2 files")
    monkeypatch.delenv("IMAP_BULK_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert invoke("cache", "info").stdout == f"{tmp_path / 'xdg' / 'imap-bulk'}: empty\n"


@pytest.mark.parametrize("command", [("cache", "info"), ("pull", MAG)])
def test_a_cache_that_is_a_file_is_refused_by_its_variable_also_where_nothing_is_to_be_fetched(
    imap_bulk: Run, cached: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "taken"
    file.write_text("somebody's notes")
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", str(file))
    ran = imap_bulk(*command)
    assert ran.exit_code == 2
    assert f"Error: {file} is a file and no directory; set IMAP_BULK_CACHE_DIR to a directory.\n" in ran.stderr
    assert imap_bulk("pull", MAG, "--no-cache").exit_code == 0


def test_a_file_in_place_of_the_users_cache_is_refused_with_the_ways_to_name_another(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "imap-bulk").write_text("somebody's notes")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    ran = invoke("cache", "info")
    assert ran.exit_code == 2
    assert "name a directory by --cache-dir or IMAP_BULK_CACHE_DIR.\n" in ran.stderr


def test_prune_says_what_went_and_what_is_left(invoke: Run, cached: Path) -> None:
    ran = invoke("cache", "--cache-dir", cached, "prune", "--max-size", "3k")
    assert ran.stdout.splitlines()[0].startswith("Removed 1 file, ")
    assert ": 1 file, " in ran.stdout.splitlines()[1]
    ran = invoke("cache", "--cache-dir", cached, "prune", "--max-size", "0")
    assert ran.stdout.splitlines()[1] == f"{cached}: empty"


@pytest.mark.parametrize("size", ["", "much", "-1", "10X", "1e3"])
def test_a_size_that_is_none_is_wrong_usage(invoke: Run, cached: Path, size: str) -> None:
    ran = invoke("cache", "--cache-dir", cached, "prune", "--max-size", size)
    assert ran.exit_code == 2
    assert "as in 500M, 10G or 0" in ran.stderr


def test_a_pull_says_what_came_from_the_cache(
    imap_bulk: Run, invoke: Run, cached: Path, tmp_path: Path, closed_url: str
) -> None:
    sums = tmp_path / "sums.txt"
    listed = (path for path in (tmp_path / "data").rglob("imap_*"))
    sums.write_text("".join(f"{Digest.of(path).value}  {path.name}\n" for path in listed))
    ran = invoke("--url", closed_url, "--data-dir", tmp_path / "other", "pull", sums, "--cache-dir", cached)
    assert ran.stdout == "2 files: 2 from the cache; all verified (2 by manifest)\n"


def test_no_cache_is_used_that_was_not_asked_for(
    imap_bulk: Run, archive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    archive.add(MAG, b"content")
    imap_bulk("pull", MAG)
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", str(tmp_path / "told"))
    imap_bulk("pull", MAG, "--overwrite", "--no-cache")
    assert not (tmp_path / "xdg").exists()
    assert not (tmp_path / "told").exists()


def test_a_cache_and_none_is_wrong_usage(imap_bulk: Run, tmp_path: Path) -> None:
    ran = imap_bulk("pull", MAG, "--no-cache", "--cache-dir", tmp_path)
    assert ran.exit_code == 2
    assert "not both" in ran.stderr


def test_a_cache_that_takes_no_files_is_told_and_fails_nothing(
    imap_bulk: Run, archive: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    archive.add(MAG, b"content")
    ran = imap_bulk("pull", MAG, "--cache-dir", tmp_path / "file" / "cache")
    assert ran.exit_code == 0
    assert f"The cache {tmp_path / 'file' / 'cache'} took no more files (Not a directory)" in ran.stdout
