"""What many tests share: an embedded archive on free ports, and files with names it takes."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests.canaries import Net

from imap_bulk.server.app import ArchiveServer, ServerOptions

# How fast this machine is today is not what property tests are about.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


NET = Net()


@pytest.fixture(scope="session", autouse=True)
def no_credential_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Look at all that the whole suite says, sends to storage, and leaves: journals, reports, manifests."""
    with NET.cast():
        yield
    NET.look_at_files(tmp_path_factory.getbasetemp())
    assert not NET.caught, "\n".join(NET.caught)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Look at what a test has printed in this process."""
    NET.look("printed", *(text for name, text in report.sections if name.startswith("Captured std")))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ArchiveServer]:
    """Serve an embedded archive that anybody may read and write."""
    async with ArchiveServer(ServerOptions(tmp_path / "archive")) as server:
        yield server


@pytest.fixture
def outgoing(tmp_path: Path) -> dict[str, Path]:
    """Make a few files to push, by object key, with a sha256 manifest beside them."""
    directory = tmp_path / "outgoing"
    directory.mkdir()
    names = {
        "imap/mag/l2/2026/01": [f"imap_mag_l2_norm-gse_202601{day:02}_v001.0002.cdf" for day in range(1, 9)],
        "imap/ancillary/mag": ["imap_mag_l2-calibration_20250101_20250201_v001.cdf"],
        "imap/spice/lsk": ["naif0012.tls"],
    }
    files: dict[str, Path] = {}
    for place, several in names.items():
        for name in several:
            path = directory / name
            path.write_bytes(name.encode() * len(files) * 5000)
            files[f"{place}/{name}"] = path
    lines = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files.values())
    (directory / "manifest.txt").write_text("".join(lines))
    return files


@pytest.fixture(params=["lean", "aiohttp"])
def lane(request: pytest.FixtureRequest) -> str:
    """Run a test once in each lane that requests can take."""
    return str(request.param)
