"""The pytest plugin, in test runs of its own: fixtures, marks, workers, offline, and what it costs unused."""

import asyncio
import hashlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Archive, serving

from imap_bulk import lockfile, testdata
from imap_bulk.digest import Digest
from imap_bulk.environment import is_ci
from imap_bulk.lockfile import LockFile, Pin
from imap_bulk.server.app import ServerOptions
from imap_bulk.server.storage import Storage
from imap_bulk.settings import Settings

pytest_plugins = "pytester"

INI = "[pytest]\naddopts = -p imap_bulk.pytest_plugin\n"
NOWHERE = "http://127.0.0.1:9"
NAMES = [f"imap_mag_l2_norm-gse_2026010{day}_v001.0001.cdf" for day in (1, 2, 3)]
SWE = "imap_swe_l0_raw_20260102_v001.pkts"


@dataclass
class Site:
    """An archive, a lock file of what it holds in the directory of the inner tests, and what was downloaded."""

    archive: Archive
    downloads: list[str]


@pytest.fixture(autouse=True)
def without_other_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the inner runs what this environment has installed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture
def site(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("site")
    monkeypatch.setattr(testdata, "SETTINGS", Settings(retries=0, outage_max=0.0, fsync=False))
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", str(place / "cache"))
    monkeypatch.delenv("CI", raising=False)
    handle = Storage.handle
    downloads: list[str] = []

    async def counting(self: Storage, request: Any) -> Any:
        downloads.append(request.path)
        return await handle(self, request)

    monkeypatch.setattr(Storage, "handle", counting)
    with serving(ServerOptions(place / "archive", grace=0.2)) as archive:
        monkeypatch.setenv("IMAP_DATA_ACCESS_URL", archive.url)
        pins = [_pin(archive, name) for name in (*NAMES, SWE)]
        lockfile.write(pytester.path / "data.lock", LockFile(archive.url, {"instrument": ["mag"]}, tuple(pins)))
        pytester.makeini(f"{INI}imap_bulk_lock = data.lock\n")
        yield Site(archive, downloads)


def _pin(archive: Archive, name: str) -> Pin:
    content = name.encode() * 10
    key = archive.add(name, content)
    return Pin(key, len(content), Digest("sha256", hashlib.sha256(content).hexdigest()))


def test_a_pinned_file_is_brought_read_only_and_once(pytester: pytest.Pytester, site: Site) -> None:
    pytester.makepyfile(f"""
        import os, stat

        def test_one(imap_file):
            path = imap_file({NAMES[0]!r})
            assert path.name == {NAMES[0]!r}
            assert path.read_bytes() == {NAMES[0].encode() * 10!r}
            assert stat.S_IMODE(path.stat().st_mode) == 0o444

        def test_two(imap_file):
            assert imap_file({NAMES[0]!r}) == imap_file("imap/mag/l2/2026/01/" + {NAMES[0]!r})
    """)
    pytester.runpytest("-q").assert_outcomes(passed=2)
    assert len(site.downloads) == 1


def test_the_next_session_takes_it_from_the_cache(
    pytester: pytest.Pytester, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(f"def test_it(imap_file): assert imap_file({SWE!r}).is_file()")
    pytester.runpytest("-q").assert_outcomes(passed=1)
    monkeypatch.setenv("IMAP_DATA_ACCESS_URL", NOWHERE)
    for more in ([], ["--imap-offline"]):
        pytester.runpytest("-q", *more).assert_outcomes(passed=1)


def test_a_test_that_changes_the_directory_changes_no_cache(
    pytester: pytest.Pytester, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAP_BULK_CACHE_DIR", "relative")
    pytester.makepyfile(f"""
        def test_it(imap_file, monkeypatch, tmp_path):
            monkeypatch.chdir(tmp_path)
            imap_file({SWE!r})
            assert list(tmp_path.iterdir()) == []
    """)
    pytester.runpytest("-q").assert_outcomes(passed=1)
    assert (pytester.path / "relative" / "sha256").is_dir()


def test_a_mark_brings_all_that_it_names_before_the_test_begins(pytester: pytest.Pytester, site: Site) -> None:
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.imap_data("mag")
        def test_a_directory(imap_files):
            assert [path.name for path in imap_files] == {NAMES!r}

        @pytest.mark.imap_data("imap_*_20260102_*", "mag/l2/2026")
        def test_patterns(imap_files):
            assert len(imap_files) == 4

        @pytest.mark.imap_data({SWE!r})
        def test_no_fixture_is_asked_for():
            pass
    """)
    pytester.runpytest("-q", "--strict-markers").assert_outcomes(passed=3)
    assert len(site.downloads) == 4


def test_a_mark_names_another_lock_file(pytester: pytest.Pytester, site: Site) -> None:
    (pytester.path / "data.lock").rename(pytester.mkdir("sub") / "other.lock")
    pytester.makepyfile(f"""
        import pytest

        @pytest.mark.imap_data(lock="sub/other.lock")
        def test_it(imap_file):
            assert imap_file({SWE!r}).is_file()
    """)
    pytester.runpytest("-q").assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("ci", "options", "outcome"),
    [
        ("", [], "skipped"),
        ("true", [], "failed"),
        ("true", ["--imap-missing=skip"], "skipped"),
    ],
)
def test_missing_data_skip_a_test_but_fail_it_in_ci(
    pytester: pytest.Pytester,
    site: Site,
    monkeypatch: pytest.MonkeyPatch,
    ci: str,
    options: list[str],
    outcome: str,
) -> None:
    monkeypatch.setenv("CI", ci)
    pytester.makepyfile(f"def test_it(imap_file): imap_file({SWE!r})")
    ran = pytester.runpytest("-q", "-rsf", "--imap-offline", *options)
    ran.assert_outcomes(**{outcome: 1})
    ran.stdout.fnmatch_lines([f"*{SWE}: offline, and neither*"])
    ran.stdout.no_fnmatch_line("During handling*")
    assert site.downloads == []


@pytest.mark.parametrize("by_name", [True, False])
def test_an_archive_that_cannot_be_reached_is_waited_for_once(
    pytester: pytest.Pytester, site: Site, monkeypatch: pytest.MonkeyPatch, closed: str, by_name: bool
) -> None:
    monkeypatch.setenv("IMAP_DATA_ACCESS_URL", "http://archive.invalid" if by_name else closed)
    pytester.makepyfile(f"""
        def test_one(imap_file): imap_file({SWE!r})
        def test_two(imap_file): imap_file({NAMES[0]!r})
    """)
    ran = pytester.runpytest("-q", "-rs")
    ran.assert_outcomes(skipped=2)
    ran.stdout.fnmatch_lines([f"*{NAMES[0]}: the archive is not asked again, for it could not be reached (*"])


@pytest.fixture
def closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_an_object_that_has_changed_fails_the_test_whatever_is_missing(
    pytester: pytest.Pytester, site: Site
) -> None:
    path = pytester.path / "data.lock"
    lock = lockfile.read(path)
    pins = tuple(pin._replace(digest=Digest("sha256", "0" * 64)) for pin in lock.pins)
    lockfile.write(path, LockFile(lock.archive, lock.query, pins))
    pytester.makepyfile(f"def test_it(imap_file): imap_file({SWE!r})")
    ran = pytester.runpytest("-q", "--imap-missing=skip")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*the archive holds sha256:*"])


def test_a_name_may_be_a_path(pytester: pytest.Pytester, site: Site) -> None:
    pytester.makepyfile(f"""
        from pathlib import Path

        def test_it(imap_file): assert imap_file(Path({SWE!r})).name == {SWE!r}
    """)
    pytester.runpytest("-q").assert_outcomes(passed=1)


def test_an_argument_of_the_mark_that_is_none_is_told(pytester: pytest.Pytester, site: Site) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.imap_data("swe/l0", locked="other.lock")
        def test_it(): pass
    """)
    ran = pytester.runpytest("-q")
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines(["the imap_data mark takes lock=, not locked=; correct it"])


def test_a_name_that_is_not_pinned_is_told_with_the_nearest(pytester: pytest.Pytester, site: Site) -> None:
    pytester.makepyfile(f"def test_it(imap_file): imap_file({SWE.replace('v001', 'v002')!r})")
    ran = pytester.runpytest("-q", "--imap-missing=skip")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines([f"*data.lock pins no *v002.pkts; did you mean {SWE}? imap-bulk lock --update *"])


@pytest.mark.parametrize(
    ("ini", "said"),
    [
        ("", "no lock file is named: set imap_bulk_lock"),
        ("imap_bulk_lock = nowhere.lock", "there is no lock file "),
        ("imap_bulk_lock = tox.ini", "is no lock file"),
    ],
)
def test_a_lock_file_that_is_none_is_told(pytester: pytest.Pytester, site: Site, ini: str, said: str) -> None:
    pytester.makeini(f"{INI}{ini}\n")
    pytester.makepyfile(f"def test_it(imap_file): imap_file({SWE!r})")
    ran = pytester.runpytest("-q", "--imap-missing=skip")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines([f"*{said}*"])


def test_two_workers_download_a_file_once(pytester: pytest.Pytester, site: Site) -> None:
    pytester.makepyfile(f"""
        import os
        import pytest

        @pytest.mark.parametrize("number", range(4))
        def test_it(imap_file, number):
            assert imap_file({NAMES[0]!r}).read_bytes() == {NAMES[0].encode() * 10!r}
            open(os.environ["PYTEST_XDIST_WORKER"] + ".was-here", "w").close()
    """)
    ran = pytester.runpytest("-q", "-p", "xdist", "-n2", "--dist=each")
    ran.assert_outcomes(passed=8)
    assert len(list(pytester.path.glob("*.was-here"))) == 2
    assert len(site.downloads) == 1


def test_an_archive_for_the_session_takes_and_gives(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)
    (pytester.path / SWE).write_bytes(b"content")
    pytester.makepyfile(f"""
        import imap_bulk

        def test_push(imap_archive, tmp_path):
            imap_bulk.push({SWE!r}, url=imap_archive, data_dir=tmp_path).raise_for_failures()

        def test_pull(imap_archive, tmp_path):
            assert imap_bulk.pull({SWE!r}, url=imap_archive, data_dir=tmp_path).done == 1
    """)
    pytester.runpytest("-q").assert_outcomes(passed=2)


def test_an_archive_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError), testdata.serving(tmp_path / "file"):
        pass


def test_the_library_works_where_a_loop_is_running(pytester: pytest.Pytester, site: Site) -> None:
    async def in_a_test() -> Path:
        library = testdata.Library(pytester.path / "data.lock", pytester.path / "files", pytester.path / "cache")
        return library.bring(library.find([SWE]))[0]

    assert asyncio.run(in_a_test()).read_bytes() == SWE.encode() * 10


def test_whoever_has_the_package_has_the_plugin(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.runpytest("--help").stdout.fnmatch_lines(
        ["*test data from lock files (imap-bulk):*", "*--imap-offline*", "*imap_bulk_lock (string):*"]
    )
    pytester.runpytest("--markers").stdout.fnmatch_lines(["@pytest.mark.imap_data(*"])


@pytest.mark.parametrize(("told", "answer"), [("true", True), ("1", True), ("", False), ("false", False)])
def test_ci_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, told: str, answer: bool) -> None:
    monkeypatch.setenv("CI", told)
    assert is_ci() is answer


def test_unused_it_imports_nothing() -> None:
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport imap_bulk.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['imap_bulk', 'imap_bulk.pytest_plugin']"
