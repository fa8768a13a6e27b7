"""Test data as fixtures: files that a lock file pins, and an archive for the test session.

    @pytest.mark.imap_data(lock="tests/data.lock")
    def test_a_day_is_read(imap_file):
        assert read(imap_file("imap_mag_l2_norm-gse_20260101_v001.0002.cdf"))

Pytest imports this in every run of everybody who has installed imap-bulk, so it imports nothing until it is used.
"""

from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from imap_bulk.testdata import Library

_MARK = "imap_data"
_HELP = (
    "imap_data(*wanted, lock=None): data that the test needs, of those that the lock file pins: file names, "
    "archive paths, directories such as mag/l2, or patterns; all of them are there before the test begins"
)
_LIBRARIES = pytest.StashKey["dict[Path, Library]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting of this plugin."""
    group = parser.getgroup("imap-bulk", "test data from lock files (imap-bulk)")
    group.addoption(
        "--imap-offline", action="store_true", help="take test data from the cache alone, without any request"
    )
    group.addoption(
        "--imap-missing",
        choices=("skip", "fail"),
        help="what happens to a test whose data cannot be had now; default: fail where CI is set, else skip",
    )
    parser.addini("imap_bulk_lock", "lock file of the test data, relative to the root directory", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line("markers", _HELP)
    config.stash[_LIBRARIES] = {}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let a test that names its data by the mark have them before it begins."""
    if isinstance(item, pytest.Function) and _wanted(item) and "imap_files" not in item.fixturenames:
        item.fixturenames.insert(0, "imap_files")


@pytest.fixture(scope="session")
def imap_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an empty archive on this machine for the test session; the value is its URL. Anybody may push to it."""
    from imap_bulk.testdata import serving

    with serving(tmp_path_factory.mktemp("imap-archive")) as url:
        yield url


@pytest.fixture
def imap_file(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> "Callable[[str | PathLike[str]], Path]":
    """Return a function that brings a pinned file, by its name or archive path, and returns its read-only path."""

    def bring(name: str | PathLike[str]) -> Path:
        (path,) = _bring(request, tmp_path_factory, [str(name)], exactly=True)
        return path

    return bring


@pytest.fixture
def imap_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the read-only paths of all that the test's `imap_data` mark names, in the order of their keys."""
    return _bring(request, tmp_path_factory, _wanted(request.node))


def _wanted(item: pytest.Item) -> list[str]:
    return [str(wanted) for mark in item.iter_markers(_MARK) for wanted in mark.args]


def _bring(
    request: pytest.FixtureRequest, places: pytest.TempPathFactory, wanted: list[str], *, exactly: bool = False
) -> list[Path]:
    """Have files brought; skip or fail the test whose files cannot be had."""
    from imap_bulk import testdata

    try:
        library = _library(request, places)
        return library.bring(library.find(wanted, exactly=exactly))
    except testdata.BulkError as error:
        reason, is_missing = str(error), isinstance(error, testdata.Missing)
    # Out of the except block, behind which pytest would show the error twice.
    if is_missing and _skips(request.config):
        pytest.skip(reason)
    pytest.fail(reason, pytrace=False)


def _library(request: pytest.FixtureRequest, places: pytest.TempPathFactory) -> "Library":
    """Return the files of the lock file that the nearest mark, or else the setting, names. Raises BulkError."""
    from imap_bulk.environment import read_cache_dir, usual_cache_dir
    from imap_bulk.testdata import BadManifest, Library

    config = request.config
    if strange := {name for mark in request.node.iter_markers(_MARK) for name in mark.kwargs} - {"lock"}:
        raise BadManifest(f"the imap_data mark takes lock=, not {strange.pop()}=; correct it")
    marked = (mark.kwargs["lock"] for mark in request.node.iter_markers(_MARK) if mark.kwargs.get("lock"))
    told = next(marked, None) or config.getini("imap_bulk_lock")
    if not told:
        raise BadManifest("no lock file is named: set imap_bulk_lock, or give the imap_data mark a lock=")
    path = config.rootpath / told
    libraries = config.stash[_LIBRARIES]
    if path not in libraries:
        base = places.getbasetemp()
        shared = base.parent if hasattr(config, "workerinput") else base  # of all workers of pytest-xdist
        # A test may have changed the directory since.
        cache_dir = config.invocation_params.dir / (read_cache_dir() or usual_cache_dir())
        libraries[path] = Library(path, shared / "imap-data", cache_dir, offline=config.getoption("imap_offline"))
    return libraries[path]


def _skips(config: pytest.Config) -> bool:
    from imap_bulk.environment import is_ci

    chosen = config.getoption("imap_missing")
    return chosen == "skip" if chosen else not is_ci()
