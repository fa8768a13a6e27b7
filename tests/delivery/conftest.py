"""A real S3 server, an archive with some files, and what a run from one to the other needs."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import obstore
import pytest
from tests import canaries
from tests.delivery import faulty
from tests.server import rclone

from imap_bulk import bulk
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.bucket import BucketOptions
from imap_bulk.bulk import Move
from imap_bulk.delivery import Destination
from imap_bulk.model import Event, Outcome, Result, Setback
from imap_bulk.server.app import ArchiveServer
from imap_bulk.settings import Settings

QUICK = Settings(retries=2, wait_base=0.0, breaker_wait_max=0.0)
COUNT = 12


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rclone.S3Server]:
    with rclone.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@dataclass
class Run:
    """Pulls from an archive to a prefix of the test's own; keeps what was reported."""

    archive: ArchiveServer
    storage: rclone.S3Server
    data_dir: Path
    prefix: str
    endpoint: str = ""
    bucket: str = rclone.BUCKET
    secret: str = canaries.AWS_SECRET
    events: list[Event] = field(default_factory=list)
    hear: Callable[[Event], None] = lambda _event: None
    """Hears each event, too."""

    @property
    def destination(self) -> Destination:
        endpoint = self.endpoint or self.storage.endpoint
        place = f"s3://{self.bucket}/{self.prefix}"
        return Destination(BucketOptions(place, endpoint, rclone.ACCESS_KEY_ID, self.secret, region="us-east-1"))

    async def __call__(
        self, settings: Settings = QUICK, *, dry_run: bool = False, move: Move | None = None
    ) -> Result:
        archive = ImapArchive(self.archive.url, settings=settings)
        wanted = archive.search(ImapQuery.of(start_date="20260101"))
        self.events.clear()

        def report(event: Event) -> None:
            self.events.append(event)
            self.hear(event)

        return await bulk.pull(
            archive, wanted, self.data_dir, settings, report, dry_run=dry_run, move=move,
            destination=self.destination,
        )  # fmt: skip

    @property
    def place(self) -> Path:
        """Where the server keeps the objects of this prefix."""
        return self.storage.bucket / self.prefix

    def delete(self, key: str) -> None:
        """Delete an object behind the back of the run."""
        obstore.delete(self.destination.bucket.open(), key)

    def overwrite(self, key: str, body: bytes) -> None:
        """Put another object in its place."""
        obstore.put(self.destination.bucket.open(), key, body)

    def stored(self) -> dict[str, bytes]:
        """Return what the bucket holds, by object key."""
        files = (path for path in self.place.rglob("*") if path.is_file())
        return {path.relative_to(self.place).as_posix(): path.read_bytes() for path in files}

    def left_on_disk(self) -> list[Path]:
        """Return what lies in the data directory beside the journal."""
        return [path for path in self.data_dir.rglob("*") if path.is_file() and "journal" not in path.name]

    def outcomes(self) -> list[Outcome]:
        return [event for event in self.events if isinstance(event, Outcome)]

    def setbacks(self) -> list[Setback]:
        return [event for event in self.events if isinstance(event, Setback)]


@pytest.fixture
async def held(server: ArchiveServer) -> dict[str, bytes]:
    """Archive some files, one of them large; return them by object key."""
    files = {f"imap_swe_l1a_d{number:04}_20260101_v001.0001.cdf": b"%d" % number * 999 for number in range(COUNT)}
    files["imap_mag_l1a_large_20260101_v001.0001.cdf"] = bytes(range(256)) * (12 << 12)
    for name, body in files.items():
        await server.add(name, body)
    return {f"imap/{name[5:8]}/l1a/2026/01/{name}": body for name, body in files.items()}


@pytest.fixture
def run(server: ArchiveServer, held: dict[str, bytes], storage: rclone.S3Server, tmp_path: Path) -> Run:
    return Run(server, storage, tmp_path / "data", tmp_path.name)


@pytest.fixture
async def proxy(run: Run, storage: rclone.S3Server) -> AsyncIterator[faulty.Proxy]:
    """Stand between the run and the storage."""
    async with faulty.before(storage.endpoint) as proxy:
        run.endpoint = proxy.url
        yield proxy
