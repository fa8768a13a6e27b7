"""What every storage of an embedded archive has to keep to, whether a disk or a bucket of somebody else's S3."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING

import pytest
from tests.server.raw import connect

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
OTHER = "imap_swe_l1a_sci_20260115_v001.0001.cdf"
BODY = b"0123456789"
LARGE = bytes(range(256)) * 13_001


def etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest()}"'


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def code(text: str) -> str:
    """Read the code of an error in S3's XML."""
    return text.partition("<Code>")[2].partition("</Code>")[0]


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

    async def test_a_body_is_held_to_its_content_md5(self, visitor: Visitor) -> None:
        url = await visitor.sign_upload(NAME)
        refused = await visitor.send("PUT", url, b"other", Content_MD5=md5(BODY))
        assert (refused.status, code(refused.text)) == (400, "BadDigest")
        assert await visitor.names("instrument=mag") == []
        assert (await visitor.send("PUT", url, BODY, Content_MD5=md5(BODY))).status == 200

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
