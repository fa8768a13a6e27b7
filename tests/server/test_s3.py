"""Objects in a bucket: a real S3 server keeps the bytes, the embedded archive signs URLs and asks afterwards."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import obstore
import pytest
from tests import canaries
from tests.contracts import BODY, NAME, OTHER, StorageContract, code, etag, md5
from tests.server import rclone

from imap_bulk import filenames
from imap_bulk.bucket import BucketOptions
from imap_bulk.errors import BadBucket
from imap_bulk.server.app import CATALOG_NAME, ArchiveServer, ServerOptions
from imap_bulk.server.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.server.conftest import Clock, Start, Visitor

    from imap_bulk.server.importing import Survey

KEY = f"imap/mag/l2/2026/01/{NAME}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[rclone.S3Server]:
    with rclone.serving(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(running: rclone.S3Server, tmp_path: Path) -> BucketOptions:
    """Name a prefix of the test's own."""
    return running.options(tmp_path.name)


@pytest.fixture
def start(start: Start, bucket: BucketOptions) -> Start:
    async def begin(**options: Any) -> Visitor:
        return await start(**{"bucket": bucket, **options})

    return begin


@pytest.fixture
def lying(running: rclone.S3Server, tmp_path: Path) -> Path:
    """Tell where the object of KEY lies."""
    return running.bucket / tmp_path.name / KEY


class TestStorageInABucket(StorageContract):
    @pytest.fixture
    async def late(self, start: Start) -> Visitor:
        return await start(url_lifetime_upload=0)

    async def test_a_body_is_held_to_its_content_md5_which_rclone_takes_unsigned(self, visitor: Visitor) -> None:
        url = await visitor.sign_upload(NAME)
        refused = await visitor.send("PUT", url, b"other", Content_MD5=md5(BODY))
        assert (refused.status, code(refused.text)) == (400, "BadDigest")
        assert await visitor.names("instrument=mag") == []
        assert (await visitor.send("PUT", url, BODY, Content_MD5=md5(BODY))).status == 200


# --- what is pending


def pending(root: Path) -> list[str]:
    catalog = Catalog(root / CATALOG_NAME)
    names = [expected.file.name for expected in catalog.pending()]
    catalog.close()
    return names


async def test_an_upload_is_pending_from_its_signing_on(visitor: Visitor, root: Path) -> None:
    await visitor.sign_upload(NAME)
    assert pending(root) == [NAME]


@pytest.mark.parametrize("question", ["/query?instrument=mag", f"/download/{KEY}", f"/upload/{NAME}"])
async def test_the_next_question_about_it_promotes_it(visitor: Visitor, root: Path, question: str) -> None:
    await visitor.upload(NAME, BODY)
    assert pending(root) == [NAME]
    await visitor.ask(question)
    assert pending(root) == []


async def test_a_question_about_something_else_leaves_it_pending(visitor: Visitor, root: Path) -> None:
    await visitor.upload(NAME, BODY)
    assert await visitor.query("instrument=swe") == []
    assert pending(root) == [NAME]


async def test_conditions_that_only_an_archived_object_meets_promote_it_too(visitor: Visitor) -> None:
    await visitor.upload(NAME, BODY)
    assert await visitor.names("ingestion_start_date=20250101") == [NAME]


async def test_an_object_takes_the_time_and_the_digest_that_the_bucket_tells(
    visitor: Visitor, root: Path, lying: Path
) -> None:
    await visitor.upload(NAME, BODY)
    os.utime(lying, (1768910400, 1768910400))
    await visitor.query("instrument=mag")
    catalog = Catalog(root / CATALOG_NAME)
    stored = catalog.find(KEY)
    catalog.close()
    assert stored
    assert (stored.size, f'"{stored.md5}"', stored.ingested) == (len(BODY), etag(BODY), 1768910400)


async def test_a_killed_servers_pending_uploads_are_promoted_by_its_successor(start: Start) -> None:
    first = await start()
    url = await first.sign_upload(NAME)
    await first.server.__aexit__(None, None, None)
    second = await start()
    await second.send("PUT", url, BODY)
    assert await second.names("instrument=mag") == [NAME]


async def test_an_upload_that_may_still_be_under_way_is_not_forgotten(
    visitor: Visitor, root: Path, clock: Clock
) -> None:
    await visitor.sign_upload(NAME)
    clock.now += 3_600 + 86_400
    await visitor.query("instrument=mag")
    assert pending(root) == [NAME]


async def test_an_upload_that_never_came_is_forgotten_a_day_after_its_url_expired(
    visitor: Visitor, root: Path, clock: Clock
) -> None:
    await visitor.sign_upload(NAME)
    clock.now += 3_600 + 86_400 + 1
    await visitor.query("instrument=mag")
    assert pending(root) == []


async def test_a_bucket_that_does_not_answer_makes_no_incomplete_answer(
    start: Start, tmp_path: Path, root: Path
) -> None:
    with rclone.serving(tmp_path / "other") as other:
        visitor = await start(bucket=other.options())
        await visitor.upload(NAME, BODY)
    assert (await visitor.ask("/query?instrument=mag")).status == 500
    assert (await visitor.ask("/query?instrument=swe")).json == []
    assert pending(root) == [NAME]


# --- what is there before the server


async def test_a_rescan_catalogues_what_the_bucket_holds(start: Start, root: Path) -> None:
    first = await start()
    await first.upload(NAME, BODY)
    second = await start(root=root.parent / "second")
    assert await second.names("instrument=mag") == []
    third = await start(root=root.parent / "third", rescan=True)
    assert await third.names("instrument=mag") == [NAME]
    assert (await third.download(NAME)).body == BODY


async def test_a_rescan_drops_what_the_bucket_has_lost(start: Start, bucket: BucketOptions) -> None:
    first = await start()
    await first.upload(NAME, BODY)
    await first.upload(OTHER, BODY)
    assert len(await first.query("start_date=20260101")) == 2
    await first.server.__aexit__(None, None, None)
    obstore.delete(bucket.open(), KEY)
    assert await (await start(rescan=True)).names("start_date=20260101") == [OTHER]


async def test_a_rescan_tells_what_is_not_data(start: Start, bucket: BucketOptions) -> None:
    obstore.put(bucket.open(), "notes/holiday.jpg", b"beach")
    surveys: list[Survey] = []
    await start(rescan=True, report=surveys.append)
    assert surveys[-1].reasons == ["notes/holiday.jpg is not the key of a data file"]


# --- how it is named and opened


@pytest.mark.parametrize("place", ["", "bucket", "s3://", "s3://UPPER", "s3://a", "http://bucket", "s3:///key"])
def test_a_place_that_names_no_bucket_is_refused(place: str) -> None:
    with pytest.raises(BadBucket, match="write s3://BUCKET or s3://BUCKET/PREFIX"):
        BucketOptions(place, None, "id", "secret")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://host", "http://", "nonsense", "http://me@host"])
def test_an_endpoint_that_is_no_url_is_refused(endpoint: str) -> None:
    with pytest.raises(BadBucket, match="is no URL of a storage; write AWS_ENDPOINT_URL or --s3-endpoint"):
        BucketOptions("s3://bucket", endpoint, "id", "secret")


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        (None, "https://s3.us-west-2.amazonaws.com"),
        ("https://s3.example.org:443/", "https://s3.example.org"),
        ("http://s3.example.org:80/store", "http://s3.example.org/store"),
        ("https://s3.example.org:80", "https://s3.example.org:80"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_the_usual_port_is_not_signed_since_some_clients_leave_it_out_of_host(
    endpoint: str | None, origin: str
) -> None:
    assert BucketOptions("s3://bucket", endpoint, "id", "secret").origin == origin


def test_credentials_are_needed_and_not_shown() -> None:
    with pytest.raises(BadBucket, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        BucketOptions("s3://bucket")
    shown = repr(BucketOptions("s3://b-1", None, "id", canaries.AWS_SECRET, session_token=canaries.AWS_SECRET))
    canaries.assert_clean(shown)


async def test_a_bucket_that_cannot_be_listed_is_told_at_the_start(running: rclone.S3Server, root: Path) -> None:
    wrong = running.options(secret_access_key="wrong")
    with pytest.raises(BadBucket, match=r"cannot be listed .* check bucket, endpoint and credentials"):
        await ArchiveServer(ServerOptions(root, bucket=wrong)).__aenter__()


# --- the whole flow


@dataclass
class Relay:
    """Passes bytes on, and counts them: by connection, those in both directions, with what it began with."""

    url: str = ""
    connections: list[Carried] = field(default_factory=list)

    def carried(self, mark: bytes = b"") -> int:
        """Return how many bytes went over connections that began with a request in which `mark` stands."""
        return sum(each.size for each in self.connections if mark in each.beginning)


@dataclass
class Carried:
    beginning: bytes = b""
    size: int = 0


@asynccontextmanager
async def relaying(target: str) -> AsyncIterator[Relay]:
    relay = Relay()
    host, _, port = target.rpartition("/")[2].partition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, carried: Carried) -> None:
        while piece := await reader.read(1 << 16):
            carried.size += len(piece)
            if len(carried.beginning) < 4096:
                carried.beginning += piece[:4096]
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        carried = Carried()
        relay.connections.append(carried)
        await asyncio.gather(
            pump(reader, there_writer, carried), pump(there_reader, writer, carried), return_exceptions=True
        )

    async with await asyncio.start_server(relayed, "127.0.0.1", 0) as server:
        relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield relay


async def imap_bulk(*arguments: object, **environment: str) -> tuple[int | None, str]:
    command = [sys.executable, "-m", "imap_bulk", *map(str, arguments)]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode()


@asynccontextmanager
async def archive(running: rclone.S3Server, root: Path, endpoint: str) -> AsyncIterator[str]:
    """Run `imap-bulk serve` on the bucket; give the API's URL."""
    command = [sys.executable, "-m", "imap_bulk", "serve", "--root", str(root), "--port", "0"]
    place = ["--storage", f"s3://{rclone.BUCKET}/{root.parent.name}", "--s3-endpoint", endpoint]
    process = await asyncio.create_subprocess_exec(
        *command, *place, stdout=asyncio.subprocess.PIPE, env=running.environment
    )
    assert process.stdout
    try:
        line = (await process.stdout.readline()).decode()
        assert f"(storage at {endpoint};" in line
        yield line.split()[3]
    finally:
        process.terminate()
        await process.wait()


async def test_pushed_queried_and_pulled_bytes_move_between_client_and_bucket_alone(
    running: rclone.S3Server, root: Path, tmp_path: Path
) -> None:
    names = [f"imap_mag_l2_norm-gse_202601{day:02}_v001.0002.cdf" for day in range(1, 9)]
    outbox, inbox = tmp_path / "out", tmp_path / "in"
    outbox.mkdir()
    for name in names:
        (outbox / name).write_bytes(os.urandom(1 << 20))
    moved = len(names) << 20

    async with (
        relaying(running.endpoint) as storage,
        archive(running, root, storage.url) as url,
        relaying(url) as api,
    ):
        assert (await imap_bulk("--url", api.url, "--data-dir", inbox, "push", outbox))[0] == 0
        code, listed = await imap_bulk("--url", api.url, "query", "--instrument", "mag")
        assert code == 0
        assert all(name in listed for name in names)
        assert (await imap_bulk("--url", api.url, "--data-dir", inbox, "pull", "--instrument", "mag"))[0] == 0

    for name in names:
        pulled = inbox / filenames.parse(name).key
        assert (
            hashlib.sha256(pulled.read_bytes()).digest() == hashlib.sha256((outbox / name).read_bytes()).digest()
        )
    by_the_client, by_the_server = storage.carried(b"X-Amz-Signature="), storage.carried(b"authorization: AWS4")
    assert by_the_client > 2 * moved
    assert 0 < by_the_server < 64 << 10
    assert 0 < api.carried() < 64 << 10
    assert storage.carried() == by_the_client + by_the_server


async def test_the_options_of_a_bucket_are_checked_before_anything_starts(tmp_path: Path) -> None:
    environment = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": canaries.AWS_SECRET}
    serve = ("serve", "--root", tmp_path / "archive")
    for wrong, words in [
        (("--storage", "bucket"), "write s3://BUCKET"),
        (("--storage", "s3://bucket", "--s3-endpoint", "host:1"), "the endpoint 'host:1' of the bucket is no URL"),
        (("--storage", "s3://bucket", "--import", tmp_path), "--import is for files on disk"),
        (("--s3-endpoint", "http://127.0.0.1:1"), "name that by --storage"),
    ]:
        code, told = await imap_bulk(*serve, *wrong, **environment)
        assert (code, words in told) == (2, True), told
    assert not (tmp_path / "archive").exists()
