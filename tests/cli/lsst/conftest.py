"""The commands of LSST, run in this process against an embedded archive."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result
from tests.archives.lsst.serving import serving

from imap_bulk.server.lsst.server import LsstOptions

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(LsstOptions(rows=2000, page_size=5, grace=0.1)) as url:
        yield url


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "API_KEY"):
        monkeypatch.delenv(f"IMAP_BULK_LSST_{name}", raising=False)


@pytest.fixture
def lsst(invoke: Run, url: str, data_dir: Path) -> Run:
    """Run `imap-bulk lsst` against the archive."""

    def run(*arguments: object, stdin: bytes | str | None = None) -> Result:
        return invoke("--url", url, "--data-dir", data_dir, "lsst", *arguments, stdin=stdin)

    return run
