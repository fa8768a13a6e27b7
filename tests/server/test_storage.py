from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest
import yarl
from tests.contracts import StorageContract

from imap_bulk.sigv4 import AccessKey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.conftest import Clock, Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
KEY = f"imap/mag/l2/2026/01/{NAME}"
BODY = b"0123456789"
LARGE = bytes(range(256)) * 13_001
ETAG = f'"{hashlib.md5(BODY).hexdigest()}"'
MISMATCH = (
    403,
    "SignatureDoesNotMatch",
    (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    ),
)


def embedded(secret: str) -> AccessKey:
    """Return what an embedded archive with this secret signs with."""
    return AccessKey("IMAPBULKEMBEDDED", secret, "us-west-2")


class TestStorageOnDisk(StorageContract):
    @pytest.fixture
    async def late(self, start: Start, clock: Clock) -> Visitor:
        hours = itertools.count(clock.now, 3_600)
        return await start(clock=hours.__next__, url_lifetime_upload=60)


@pytest.fixture
async def url(visitor: Visitor) -> str:
    """Sign a URL for an archived object."""
    await visitor.server.add(NAME, BODY)
    return await visitor.sign_download(NAME)


# --- what an object is served with


async def test_an_object_comes_with_its_digests(visitor: Visitor, url: str) -> None:
    answer = await visitor.send("GET", url)
    sha256 = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert answer.headers["ETag"] == ETAG
    assert answer.headers["Repr-Digest"] == f"sha-256=:{sha256}:"


async def test_an_object_comes_with_its_size_and_time(visitor: Visitor, url: str) -> None:
    answer = await visitor.send("GET", url)
    assert answer.headers["Content-Length"] == "10"
    assert answer.headers["Last-Modified"] == "Tue, 20 Jan 2026 12:00:00 GMT"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("asked", "part", "told"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", BODY, "bytes 0-9/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
    ],
)
async def test_a_single_range_is_served(visitor: Visitor, url: str, asked: str, part: bytes, told: str) -> None:
    answer = await visitor.send("GET", url, Range=asked)
    assert (answer.status, answer.body) == (206, part)
    assert answer.headers["Content-Range"] == told
    assert answer.headers["ETag"] == ETAG


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "bytes=4-2", "bytes=-", "items=1-2", "bytes=a-b"])
async def test_other_ranges_are_ignored(visitor: Visitor, url: str, asked: str) -> None:
    answer = await visitor.send("GET", url, Range=asked)
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=99-100", "bytes=-0"])
async def test_a_range_past_the_end_is_refused(visitor: Visitor, url: str, asked: str) -> None:
    answer = await visitor.send("GET", url, Range=asked)
    assert answer.fault == (416, "InvalidRange", "The requested range is not satisfiable")
    assert answer.headers["Content-Range"] == "bytes */10"


async def test_a_range_of_a_large_object_is_streamed(visitor: Visitor) -> None:
    await visitor.server.add(NAME, LARGE)
    answer = await visitor.download(NAME, Range="bytes=100-3000000")
    assert (answer.status, answer.body) == (206, LARGE[100:3_000_001])


async def test_a_range_counts_only_for_the_object_it_was_meant_for(visitor: Visitor, url: str) -> None:
    assert (await visitor.send("GET", url, Range="bytes=5-", If_Range=ETAG)).status == 206
    assert (await visitor.send("GET", url, Range="bytes=5-", If_Range='"other"')).body == BODY


@pytest.mark.parametrize("tags", [ETAG, "*", f'"other", {ETAG}'])
async def test_if_match_lets_the_right_object_through(visitor: Visitor, url: str, tags: str) -> None:
    assert (await visitor.send("GET", url, If_Match=tags)).status == 200


async def test_if_match_refuses_another_object(visitor: Visitor, url: str) -> None:
    answer = await visitor.send("GET", url, If_Match='"other"')
    assert answer.fault == (
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
    )


@pytest.mark.parametrize("tags", [ETAG, "*", f"W/{ETAG}"])
async def test_an_unchanged_object_is_not_sent_again(visitor: Visitor, url: str, tags: str) -> None:
    answer = await visitor.send("GET", url, If_None_Match=tags)
    assert (answer.status, answer.body, answer.headers["ETag"]) == (304, b"", ETAG)


async def test_a_changed_object_is_sent(visitor: Visitor, url: str) -> None:
    assert (await visitor.send("GET", url, If_None_Match='"other"')).body == BODY


async def test_a_missing_object_is_told(visitor: Visitor, clock: Clock) -> None:
    server = visitor.server
    url = server.key.sign("GET", server.storage_url, KEY, 60, clock())
    assert (await visitor.send("GET", url)).fault == (404, "NoSuchKey", "The specified key does not exist.")


@pytest.mark.parametrize("size", [len(BODY), len(LARGE)])
async def test_a_head_signed_for_head_tells_all_but_the_body(visitor: Visitor, clock: Clock, size: int) -> None:
    server = visitor.server
    await server.add(NAME, LARGE[:size])
    answer = await visitor.send("HEAD", server.key.sign("HEAD", server.storage_url, KEY, 60, clock()))
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, str(size), b"")


async def test_an_object_that_lost_bytes_on_disk_is_an_internal_error(
    visitor: Visitor, url: str, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / KEY).write_bytes(b"short")
    assert (await visitor.send("GET", url)).fault[:2] == (500, "InternalError")
    assert "5 bytes on disk and 10 in the catalog" in caplog.text


async def test_a_reader_that_hangs_up_is_no_error(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    await visitor.server.add(NAME, LARGE * 8)
    url = yarl.URL(await visitor.sign_download(NAME), encoded=True)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"GET {url.raw_path_qs} HTTP/1.1\r\nHost: {url.authority}\r\n\r\n".encode())
    await reader.readexactly(100)
    writer.transport.abort()
    await visitor.download(NAME)  # the server goes on
    assert not caplog.records


# --- what a signature covers


async def test_an_url_serves_as_often_as_it_lives(visitor: Visitor, url: str) -> None:
    assert [(await visitor.send("GET", url)).status for _ in "123"] == [200, 200, 200]


async def test_an_expired_url_is_refused(visitor: Visitor, url: str, clock: Clock) -> None:
    clock.set("2026-01-21 12:00:00")
    answer = await visitor.send("GET", url)
    assert answer.fault == (403, "AccessDenied", "Request has expired")
    assert "<X-Amz-Expires>86400</X-Amz-Expires><Expires>2026-01-21T12:00:00Z</Expires>" in answer.text
    assert "<ServerTime>2026-01-21T12:00:00Z</ServerTime>" in answer.text


async def test_an_url_lives_to_its_last_second(visitor: Visitor, url: str, clock: Clock) -> None:
    clock.set("2026-01-21 11:59:59")
    assert (await visitor.send("GET", url)).status == 200


async def test_an_expired_upload_url_is_refused(visitor: Visitor, clock: Clock) -> None:
    url = await visitor.sign_upload(NAME)
    clock.set("2026-01-20 13:00:00")
    assert (await visitor.send("PUT", url, BODY)).fault[2] == "Request has expired"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-Amz-Expires=86400", "X-Amz-Expires=86401"),
        ("X-Amz-Date=20260120T120000Z", "X-Amz-Date=20260120T120001Z"),
        ("v001.0002", "v001.0003"),
        ("%2F", "/"),
        ("%2F", "%2f"),
        (".cdf", "%2Ecdf"),
        ("X-Amz-Signature=", "versionId=1&X-Amz-Signature="),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("X-Amz-Signature=", "X-Amz-Signature=%C3%A9"),
    ],
)
async def test_a_changed_url_is_refused(visitor: Visitor, url: str, old: str, new: str) -> None:
    assert old in url
    assert (await visitor.send("GET", url.replace(old, new))).fault == MISMATCH


async def test_a_requoted_url_is_refused(visitor: Visitor, url: str) -> None:
    requoted = yarl.URL(url)  # what aiohttp makes of a plain string
    assert str(requoted) != url
    assert (await visitor.send("GET", str(requoted))).fault == MISMATCH


async def test_an_url_is_signed_for_one_method(visitor: Visitor, url: str) -> None:
    assert (await visitor.send("PUT", url, BODY)).fault == MISMATCH
    assert (await visitor.send("GET", await visitor.sign_upload("naif0012.tls"))).fault == MISMATCH
    head = await visitor.send("HEAD", url)
    assert (head.status, head.body) == (403, b"")


async def test_an_url_is_signed_for_one_host(visitor: Visitor, url: str) -> None:
    assert (await visitor.send("GET", url.replace("127.0.0.1", "localhost"))).fault == MISMATCH


async def test_an_url_of_another_server_is_refused(visitor: Visitor, url: str, clock: Clock) -> None:
    other = embedded("another secret").sign("GET", visitor.server.storage_url, KEY, 60, clock())
    assert (await visitor.send("GET", other)).fault == MISMATCH


async def test_no_signature_is_refused(visitor: Visitor, url: str) -> None:
    answer = await visitor.send("GET", url.partition("?")[0])
    assert answer.fault == (403, "AccessDenied", "Access Denied")


async def test_half_a_signature_is_told(visitor: Visitor, url: str) -> None:
    answer = await visitor.send("GET", url.replace("X-Amz-Date=", "X-Amz-Data="))
    assert answer.fault[:2] == (400, "AuthorizationQueryParametersError")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("=AWS4-HMAC-SHA256", "=AWS4-HMAC-MD5", "AuthorizationQueryParametersError"),
        ("us-west-2", "us-east-1", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=604801", "AuthorizationQueryParametersError"),
        ("X-Amz-Expires=86400", "X-Amz-Expires=soon", "AuthorizationQueryParametersError"),
        ("IMAPBULKEMBEDDED", "SOMEBODY", "InvalidAccessKeyId"),
    ],
)
async def test_what_the_parameters_cannot_mean_is_told(
    visitor: Visitor, url: str, old: str, new: str, code: str
) -> None:
    assert (await visitor.send("GET", url.replace(old, new))).fault[1] == code


@pytest.mark.parametrize("header", ["x_amz_meta_a", "X_Amz_Checksum_Sha256", "x_amz_content_sha256"])
async def test_unsigned_amazon_headers_are_refused(visitor: Visitor, url: str, header: str) -> None:
    assert (await visitor.send("GET", url, **{header: "1"})).fault == (
        403,
        "AccessDenied",
        "There were headers present in the request which were not signed",
    )


async def test_a_second_mechanism_is_refused_and_not_repeated(visitor: Visitor, url: str) -> None:
    answer = await visitor.send("GET", url, Authorization="Bearer secret")
    assert answer.fault[:2] == (400, "InvalidArgument")
    assert answer.fault[2].startswith("Only one auth mechanism allowed")
    assert "secret" not in answer.text


async def test_other_headers_are_harmless(visitor: Visitor, url: str) -> None:
    assert (await visitor.send("GET", url, x_api_key="secret", Content_Type="")).status == 200


@pytest.mark.parametrize("key", ["../escape.cdf", ".catalog.sqlite3", f"wrong/{NAME}"])
async def test_only_keys_of_the_conventions_can_be_written(
    start: Start, clock: Clock, key: str, root: Path
) -> None:
    visitor = await start(secret="known")  # even by who knows the secret
    url = embedded("known").sign("PUT", visitor.server.storage_url, key, 60, clock())
    assert (await visitor.send("PUT", url, BODY)).fault[:2] == (403, "AccessDenied")


async def test_another_method_is_not_allowed(visitor: Visitor, clock: Clock) -> None:
    url = visitor.server.key.sign("DELETE", visitor.server.storage_url, KEY, 60, clock())
    assert (await visitor.send("DELETE", url)).fault[:2] == (405, "MethodNotAllowed")


async def test_the_secret_is_new_at_each_start(start: Start, root: Path) -> None:
    first, second = await start(), await start(root=root / "other")
    assert first.server.key.secret != second.server.key.secret
