"""What every archive's adapter has to keep to; and every storage of an embedded one, be it somebody else's S3."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import pickle
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from tests import canaries
from tests.server.raw import connect

from imap_bulk import bulk
from imap_bulk.errors import Garbled, NotFound, ReadOnly, Vanished
from imap_bulk.model import Direction, RemoteFile, Transfer
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tests.server.conftest import Start, Visitor

    from imap_bulk.archives.base import Archive

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
OTHER = "imap_swe_l1a_sci_20260115_v001.0001.cdf"
MALFORMED = (
    "https://a..b",
    f"https://{'a' * 64}.org",
    "http://h:0",
    "http://h:0/",
    "http://bücher.example",
    "http://h/?x=1",
    "http://h/#x",
)
"""Addresses that look like an archive's, and that no request can be sent to."""
BODY = b"0123456789"
LARGE = bytes(range(256)) * 13_001


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def code(text: str) -> str:
    """Read the code of an error in S3's XML."""
    return text.partition("<Code>")[2].partition("</Code>")[0]


@dataclass(frozen=True)
class Archived:
    """An archive with something in it, not open, made with `canaries.API_KEY`."""

    archive: Archive
    query: Any
    holds: Callable[[RemoteFile, bytes], bool]
    """Whether these bytes are what the archive has of a file."""
    count: int
    """Files that `query` finds."""
    missing: RemoteFile
    """What no such archive has."""
    heads: Iterable[Mapping[str, str]]
    """The header fields of all requests that have come to where the bytes are."""


class ArchiveContract:
    """A subclass brings the fixture `archived`."""

    async def found(self, archived: Archived) -> list[RemoteFile]:
        async with archived.archive as archive:
            return [file async for file in archive.search(archived.query)]

    async def test_a_search_yields_each_file_once(self, archived: Archived) -> None:
        files = await self.found(archived)
        assert len({file.key for file in files}) == len(files) == archived.count
        assert await self.found(archived) == files

    async def test_what_is_found_is_pulled_and_then_is_there(self, archived: Archived, tmp_path: Path) -> None:
        for done, skipped in ((archived.count, 0), (0, archived.count)):
            files = archived.archive.search(archived.query)
            result = await bulk.pull(archived.archive, files, tmp_path / "pulled", Settings(wait_base=0))
            assert (result.done, result.skipped, result.failures) == (done, skipped, ())
        for file in await self.found(archived):
            assert archived.holds(file, (tmp_path / "pulled" / file.key).read_bytes())

    async def test_the_key_stays_with_the_archive(self, archived: Archived, tmp_path: Path) -> None:
        files = archived.archive.search(archived.query)
        await bulk.pull(archived.archive, files, tmp_path / "pulled", Settings(wait_base=0))
        heads = list(archived.heads)
        assert heads
        assert not any(canaries.API_KEY in value for head in heads for value in head.values())
        assert canaries.API_KEY not in repr(archived.archive) + archived.archive.name

    async def test_it_can_be_pickled_before_and_after(self, archived: Archived) -> None:
        before = pickle.dumps(archived.archive)
        files = await self.found(archived)
        for pickled in (before, pickle.dumps(archived.archive)):
            again = pickle.loads(pickled)
            assert again == archived.archive
            assert await self.found(replace(archived, archive=again)) == files

    async def test_what_is_missing_is_said_to_be_and_leaves_nothing(
        self, archived: Archived, tmp_path: Path
    ) -> None:
        async def wanted() -> Any:
            yield archived.missing

        result = await bulk.pull(archived.archive, wanted(), tmp_path / "pulled", Settings(wait_base=0, retries=0))
        (outcome,) = result.failures
        assert isinstance(outcome.error, NotFound | Vanished | Garbled)
        assert not (tmp_path / "pulled" / archived.missing.key).exists()

    async def test_an_archive_that_is_not_open_signs_nothing(self, archived: Archived, tmp_path: Path) -> None:
        transfer = Transfer(Direction.PUSH, archived.missing.key, tmp_path / "none")
        with pytest.raises((ReadOnly, RuntimeError)):
            await archived.archive.sign_upload(transfer)


class StorageContract:
    """A subclass brings the fixtures: `start`, `visitor`, and `late`, a visitor whose URLs have always expired."""

    @pytest.mark.parametrize("body", [b"", BODY, LARGE], ids=["empty", "small", "large"])
    async def test_what_was_uploaded_is_listed_and_downloaded(self, visitor: Visitor, body: bytes) -> None:
        answer = await visitor.upload(NAME, body)
        assert (answer.status, answer.headers["ETag"]) == (200, etag(body))
        assert await visitor.names("instrument=mag") == [NAME]
        assert (await visitor.download(NAME)).body == body

    async def test_an_object_comes_with_its_size_and_etag(self, visitor: Visitor) -> None:
        await visitor.upload(NAME, BODY)
        answer = await visitor.download(NAME)
        assert (answer.headers["Content-Length"], answer.headers["ETag"]) == ("10", etag(BODY))

    async def test_what_was_only_signed_is_not_archived(self, visitor: Visitor) -> None:
        await visitor.sign_upload(NAME)
        assert await visitor.names("instrument=mag") == []
        assert (await visitor.ask(f"/download/{visitor.key(NAME)}")).status == 404

    async def test_what_was_only_signed_may_be_signed_again(self, visitor: Visitor) -> None:
        await visitor.sign_upload(NAME)
        assert (await visitor.upload(NAME, BODY)).status == 200

    async def test_a_download_of_what_was_just_uploaded_needs_no_query(self, visitor: Visitor) -> None:
        await visitor.upload(NAME, BODY)
        assert (await visitor.download(NAME)).body == BODY

    async def test_what_was_just_uploaded_is_a_conflict(self, visitor: Visitor) -> None:
        await visitor.upload(NAME, BODY)
        assert (await visitor.ask(f"/upload/{NAME}")).status == 409

    async def test_many_uploads_at_once_are_all_listed(self, visitor: Visitor) -> None:
        names = [f"imap_swe_l1a_d{number:03}_20260101_v001.0001.cdf" for number in range(60)]
        await asyncio.gather(*(visitor.upload(name, name.encode()) for name in names))
        assert await visitor.names("instrument=swe") == names

    async def test_a_successor_lists_what_was_uploaded_before(self, start: Start) -> None:
        first = await start()
        await first.upload(NAME, BODY)
        await first.upload(OTHER, LARGE)
        await first.server.__aexit__(None, None, None)
        second = await start()
        assert await second.names("start_date=20260101") == [NAME, OTHER]
        assert (await second.download(OTHER)).body == LARGE

    async def test_what_the_server_itself_archives_is_served(self, visitor: Visitor) -> None:
        stored = await visitor.server.add(NAME, BODY)
        assert (stored.size, f'"{stored.md5}"') == (len(BODY), etag(BODY))
        assert (await visitor.download(NAME)).body == BODY

    @pytest.mark.parametrize(
        ("asked", "part", "told"),
        [
            ("bytes=2-4", b"234", "bytes 2-4/10"),
            ("bytes=4-", b"456789", "bytes 4-9/10"),
            ("bytes=-3", b"789", "bytes 7-9/10"),
        ],
    )
    async def test_a_part_comes_with_its_place(self, visitor: Visitor, asked: str, part: bytes, told: str) -> None:
        await visitor.upload(NAME, BODY)
        answer = await visitor.download(NAME, Range=asked)
        assert answer.status in {200, 206}  # rclone 1.75 sends a part with status 200
        assert (answer.body, answer.headers["Content-Range"]) == (part, told)

    async def test_a_part_past_the_end_is_refused(self, visitor: Visitor) -> None:
        await visitor.upload(NAME, BODY)
        answer = await visitor.download(NAME, Range="bytes=10-")
        assert (answer.status, code(answer.text)) == (416, "InvalidRange")

    async def test_a_body_that_ends_short_leaves_nothing(self, visitor: Visitor) -> None:
        url = await visitor.sign_upload(NAME)
        reader, writer = await connect(url, "PUT", {"Content-Length": str(len(LARGE))})
        writer.write(LARGE[:1_000_000])
        writer.write_eof()
        await reader.read()
        writer.close()
        assert await visitor.names("instrument=mag") == []
        assert (await visitor.upload(NAME, BODY)).status == 200
        assert (await visitor.download(NAME)).body == BODY

    async def test_a_chunked_body_is_refused(self, visitor: Visitor) -> None:
        reader, writer = await connect(
            await visitor.sign_upload(NAME), "PUT", {"Transfer-Encoding": "chunked", "Connection": "close"}
        )
        writer.write(b"5\r\nfield\r\n0\r\n\r\n")
        assert b"411" in await reader.readline()
        writer.close()

    async def test_an_expired_url_is_refused(self, late: Visitor) -> None:
        answer = await late.send("PUT", await late.sign_upload(NAME), BODY)
        assert answer.status in {400, 403}  # rclone: 400
        assert code(answer.text) == "AccessDenied"

    @pytest.mark.parametrize(
        ("old", "new"), [("v001.0002", "v001.0003"), ("X-Amz-Signature=", "X-Amz-Signature=0")]
    )
    async def test_a_changed_url_is_refused(self, visitor: Visitor, old: str, new: str) -> None:
        url = await visitor.sign_upload(NAME)
        answer = await visitor.send("PUT", url.replace(old, new), BODY)
        assert (answer.status, code(answer.text)) == (403, "SignatureDoesNotMatch")

    async def test_an_url_is_signed_for_one_method(self, visitor: Visitor) -> None:
        await visitor.upload(NAME, BODY)
        answer = await visitor.send("PUT", await visitor.sign_download(NAME), b"other")
        assert (answer.status, code(answer.text)) == (403, "SignatureDoesNotMatch")
        assert (await visitor.download(NAME)).body == BODY

    async def test_unsigned_amazon_headers_are_refused(self, visitor: Visitor) -> None:
        answer = await visitor.send("PUT", await visitor.sign_upload(NAME), BODY, x_amz_meta_a="1")
        assert (answer.status, code(answer.text)) == (403, "AccessDenied")

    async def test_no_signature_is_refused(self, visitor: Visitor) -> None:
        await visitor.upload(NAME, BODY)
        bare = (await visitor.sign_download(NAME)).partition("?")[0]
        assert (await visitor.send("GET", bare)).status in {400, 403}
