from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING

import pytest
import yarl

from imap_bulk.digest import CRC64NVME, Digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.server.conftest import Clock, Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
KEY = f"imap/mag/l2/2026/01/{NAME}"
LARGE = bytes(range(256)) * 13_001


def leftovers(root: Path) -> list[Path]:
    return list((root / ".incoming").iterdir())


def md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body).digest()).decode()


async def test_a_name_is_answered_with_a_signed_url_as_a_json_string(visitor: Visitor) -> None:
    answer = await visitor.ask(f"/upload/{NAME}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.json.startswith(f"{visitor.server.storage_url}/{KEY}?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert "&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=" in answer.json


@pytest.mark.parametrize("directory", ["science/", "x/y/", "imap/wrong/"])
async def test_only_the_last_part_of_the_path_counts(visitor: Visitor, directory: str) -> None:
    answer = await visitor.ask(f"/upload/{directory}{NAME}")
    assert f"/{KEY}?" in answer.json


@pytest.mark.parametrize("body", [b"", b"field", LARGE], ids=["empty", "small", "large"])
async def test_what_was_uploaded_lies_under_its_key(visitor: Visitor, root: Path, body: bytes) -> None:
    answer = await visitor.upload(NAME, body)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert Digest.from_base64(CRC64NVME, answer.headers["x-amz-checksum-crc64nvme"]) == Digest.of(
        root / KEY, CRC64NVME
    )
    assert (root / KEY).read_bytes() == body
    assert not leftovers(root)


async def test_an_upload_can_be_queried_at_once(visitor: Visitor) -> None:
    await visitor.upload(NAME, b"field")
    assert await visitor.names("instrument=mag") == [NAME]


@pytest.mark.parametrize(
    "name",
    [
        "imap_swe_l0_raw_20240105_v001.pkts",
        "imap_mag_l2-calibration_20250101_20250201_v001.cdf",
        "imap_mag_l1d_plot_20260115_v001.png",
        "imap_mag_l1d_deps_20260115_v001.json",
        "imap_mag_data-release-001_20260115_v001.txt",
        "imap_2025_274_2025_276_001.ah.bc",
        "naif0012.tls",
    ],
)
async def test_every_class_of_names_is_taken(visitor: Visitor, name: str) -> None:
    assert (await visitor.upload(name, name.encode())).status == 200
    assert (await visitor.download(name)).body == name.encode()


@pytest.mark.parametrize("name", ["nope.txt", "imap_swe_l0_sci_20240105_20240105_v00-01.pkts", "x/"])
async def test_a_name_outside_the_conventions_is_refused(visitor: Visitor, name: str) -> None:
    answer = await visitor.ask(f"/upload/{name}")
    shown = name.rpartition("/")[2]
    assert answer.status == 400
    assert answer.json == (
        f"error: {shown} does not match ancillary, science, cadence, or SPICE file naming convention."
    )


async def test_first_generation_names_are_taken_on_request(start: Start) -> None:
    visitor = await start(legacy_names=True)
    name = "imap_swe_l0_sci_20240105_20240105_v00-01.pkts"
    assert (await visitor.upload(name, b"packets")).status == 200
    assert await visitor.names("instrument=swe") == [name]


@pytest.mark.parametrize("path", ["", "/"])
async def test_a_missing_name_is_told(visitor: Visitor, path: str) -> None:
    answer = await visitor.ask(f"/upload{path}")
    assert answer.status == 400
    assert answer.json.startswith("No filename given for the upload.")


async def test_an_archived_name_is_a_conflict(visitor: Visitor) -> None:
    await visitor.upload(NAME, b"field")
    answer = await visitor.ask(f"/upload/{NAME}")
    assert answer.status == 409
    assert answer.json == {
        "error": "FileAlreadyExists",
        "message": f"The file '{KEY}' already exists. "
        "Rename it or remove the existing file before uploading again.",
    }


async def test_conflicts_are_decided_at_signing_and_the_last_writer_wins(visitor: Visitor) -> None:
    first, second = [await visitor.sign_upload(NAME) for _ in "12"]
    assert (await visitor.send("PUT", first, b"first")).status == 200
    assert (await visitor.send("PUT", second, b"second")).status == 200
    answer = await visitor.download(NAME)
    assert (answer.body, answer.headers["ETag"]) == (b"second", f'"{hashlib.md5(b"second").hexdigest()}"')
    assert len(await visitor.query("instrument=mag")) == 1


async def test_concurrent_uploads_of_one_name_never_mix(visitor: Visitor, root: Path) -> None:
    bodies = [bytes([number]) * 3_000_001 for number in range(8)]
    url = await visitor.sign_upload(NAME)
    answers = await asyncio.gather(*(visitor.send("PUT", url, body) for body in bodies))
    assert {answer.status for answer in answers} == {200}
    stored = await visitor.download(NAME)
    assert stored.body in bodies
    assert stored.headers["ETag"] == f'"{hashlib.md5(stored.body).hexdigest()}"'
    assert not leftovers(root)


async def test_readers_of_an_object_under_replacement_see_one_or_the_other(visitor: Visitor) -> None:
    bodies = [bytes([number]) * 300_001 for number in range(6)]
    url = await visitor.sign_upload(NAME)
    await visitor.send("PUT", url, bodies[0])
    seen = await asyncio.gather(
        *(visitor.send("PUT", url, body) for body in bodies), *(visitor.download(NAME) for _ in range(24))
    )
    for answer in seen[len(bodies) :]:
        assert answer.headers["ETag"] == f'"{hashlib.md5(answer.body).hexdigest()}"'


async def test_many_uploads_at_once_are_all_catalogued(visitor: Visitor) -> None:
    names = [f"imap_swe_l1a_d{number:03}_20260101_v001.0001.cdf" for number in range(60)]
    await asyncio.gather(*(visitor.upload(name, name.encode()) for name in names))
    assert await visitor.names("instrument=swe") == names


async def test_chunked_bodies_are_refused(visitor: Visitor, root: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"field"

    answer = await visitor.send("PUT", await visitor.sign_upload(NAME), chunks())
    assert answer.fault == (411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    assert not leftovers(root)


def signed_for(visitor: Visitor, clock: Clock, content_md5: str) -> str:
    """Sign an upload as its archive does not: together with an MD5."""
    server, headers = visitor.server, {"Content-MD5": content_md5}
    return server.key.sign("PUT", server.storage_url, KEY, 60, clock(), headers)


async def test_an_md5_that_is_not_signed_is_refused(visitor: Visitor, root: Path) -> None:
    answer = await visitor.send("PUT", await visitor.sign_upload(NAME), b"field", Content_MD5=md5(b"field"))
    assert answer.fault == (
        403,
        "AccessDenied",
        "There were headers present in the request which were not signed",
    )
    assert "<HeadersNotSigned>content-md5</HeadersNotSigned>" in answer.text
    assert not leftovers(root)


async def test_a_body_is_held_to_its_content_md5(visitor: Visitor, clock: Clock) -> None:
    url = signed_for(visitor, clock, md5(b"field"))
    answer = await visitor.send("PUT", url, b"field", Content_MD5=md5(b"field"))
    assert answer.status == 200


@pytest.mark.parametrize("body", [b"other", LARGE], ids=["small", "large"])
async def test_a_body_of_another_md5_leaves_nothing(
    visitor: Visitor, clock: Clock, root: Path, body: bytes
) -> None:
    url = signed_for(visitor, clock, md5(b"field"))
    answer = await visitor.send("PUT", url, body, Content_MD5=md5(b"field"))
    assert answer.fault == (400, "BadDigest", "The Content-MD5 you specified did not match what we received.")
    assert not leftovers(root)
    assert (await visitor.ask(f"/download/{KEY}")).status == 404


@pytest.mark.parametrize("value", ["nonsense", "AAAA", hashlib.md5(b"field").hexdigest()])
async def test_a_malformed_content_md5_is_refused(visitor: Visitor, clock: Clock, value: str) -> None:
    answer = await visitor.send("PUT", signed_for(visitor, clock, value), b"field", Content_MD5=value)
    assert answer.fault == (400, "InvalidDigest", "The Content-MD5 you specified was invalid.")


async def test_a_conditional_upload_does_not_replace(visitor: Visitor) -> None:
    url = await visitor.sign_upload(NAME)
    assert (await visitor.send("PUT", url, b"first", If_None_Match="*")).status == 200
    answer = await visitor.send("PUT", url, b"second", If_None_Match="*")
    assert answer.fault[:2] == (412, "PreconditionFailed")
    assert (await visitor.download(NAME)).body == b"first"


async def test_of_concurrent_conditional_uploads_one_wins(visitor: Visitor, root: Path) -> None:
    url = await visitor.sign_upload(NAME)
    answers = await asyncio.gather(
        *(visitor.send("PUT", url, bytes([number]) * 400_000, If_None_Match="*") for number in range(5))
    )
    assert sorted(answer.status for answer in answers) == [200, 412, 412, 412, 412]
    assert not leftovers(root)


async def test_a_body_in_an_encoding_is_kept_as_it_came(visitor: Visitor) -> None:
    answer = await visitor.send("PUT", await visitor.sign_upload(NAME), b"no gzip", Content_Encoding="gzip")
    assert answer.status == 200
    assert (await visitor.download(NAME)).body == b"no gzip"


async def test_a_waiting_client_is_invited_to_send_its_body(visitor: Visitor) -> None:
    answer = await visitor.send("PUT", await visitor.sign_upload(NAME), b"field", Expect="100-continue")
    assert answer.status == 200


async def test_a_refused_client_is_not_invited_to_send_its_body(visitor: Visitor) -> None:
    url = yarl.URL(await visitor.sign_upload(NAME), encoded=True)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"PUT {url.raw_path} HTTP/1.1\r\nHost: {url.authority}\r\nContent-Length: 9999999999\r\n"
        "Expect: 100-continue\r\n\r\n".encode()
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 403")
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_hangs_up_leaves_nothing(
    start: Start, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = await start()
    url = yarl.URL(await visitor.sign_upload(NAME), encoded=True)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"PUT {url.raw_path_qs} HTTP/1.1\r\nHost: {url.authority}\r\nContent-Length: {len(LARGE)}\r\n\r\n".encode()
    )
    writer.write(LARGE[:2_000_000])
    await writer.drain()
    while not leftovers(root):  # noqa: ASYNC110 - the server's progress shows on disk alone
        await asyncio.sleep(0)
    writer.close()
    await writer.wait_closed()
    while leftovers(root):  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert (await visitor.ask(f"/download/{KEY}")).status == 404
    assert not caplog.records


async def test_what_a_killed_server_had_received_in_part_is_dropped(start: Start, root: Path) -> None:
    (root / ".incoming").mkdir(parents=True)
    (root / ".incoming" / ".half").write_bytes(b"half")
    await start()
    assert not leftovers(root)


async def test_a_server_that_stops_ends_the_uploads_under_way(start: Start, root: Path) -> None:
    visitor = await start(grace=0.05)
    url = yarl.URL(await visitor.sign_upload(NAME), encoded=True)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(
        f"PUT {url.raw_path_qs} HTTP/1.1\r\nHost: {url.authority}\r\nContent-Length: 10\r\n\r\nhalf".encode()
    )
    await writer.drain()
    while not leftovers(root):  # noqa: ASYNC110
        await asyncio.sleep(0)
    await visitor.server.__aexit__(None, None, None)
    assert not leftovers(root)
    writer.close()


async def test_an_upload_takes_the_time_of_its_end(visitor: Visitor, clock: Clock) -> None:
    url = await visitor.sign_upload(NAME)
    clock.set("2026-01-20 12:30:00")
    await visitor.send("PUT", url, b"field")
    (record,) = await visitor.query("instrument=mag")
    assert record["ingestion_date"] == "20260120 12:30:00"
