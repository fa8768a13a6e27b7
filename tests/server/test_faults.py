"""What each fault does on the wire: every one of them is committed once, and then the answer is right."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import time
import zlib
from typing import TYPE_CHECKING

import pytest
from tests.server.raw import RawAnswer, ask, connect

from imap_bulk.digest import CRC64NVME, Digest
from imap_bulk.http import unix_time
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.chaos import FAULTS
from imap_bulk.server.chaos.fault import Kind
from imap_bulk.server.chaos.faults import ALL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.server.conftest import Start, Visitor

NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
OTHER = "imap_mag_l2_norm-gse_20260116_v001.0002.cdf"
CONTENT = bytes(range(251)) * 1200
HALF = CONTENT[: len(CONTENT) // 2]
ETAG = f'"{hashlib.md5(CONTENT).hexdigest()}"'
CRC = Digest.parse("crc64nvme:508fd06f661cea6f")
FIRST, LAST = 1000, 200_999
PART = CONTENT[FIRST : LAST + 1]
RANGE = {"Range": f"bytes={FIRST}-{LAST}", "If-Match": ETAG}
RETRY_AFTER = {
    "seconds": "1",
    "zero": "0",
    "negative": "-1",
    "huge": "1000000000",
    "nonsense": "soon",
    "bare": None,
}

TESTED: set[str] = set()


def commits(*names: str) -> pytest.MarkDecorator:
    """Run a test for each of these faults."""
    TESTED.update(names)
    return pytest.mark.parametrize("fault", names)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archive the file once: a hundred archives would wait for the disk a thousand times."""
    root = tmp_path_factory.mktemp("filled") / "archive"

    async def fill() -> None:
        async with ArchiveServer(ServerOptions(root)) as server:
            await server.add(NAME, CONTENT)

    asyncio.run(fill())
    return root


@pytest.fixture
def root(tmp_path: Path, filled: Path) -> Path:
    """Give each test a copy of the archive that holds the file."""
    return shutil.copytree(filled, tmp_path / "archive")


class Faulty:
    """An archive of one file that commits one fault a path."""

    def __init__(self, visitor: Visitor, fault: str) -> None:
        self.visitor = visitor
        self.fault = fault

    @classmethod
    async def begin(cls, start: Start, spec: str) -> Faulty:
        visitor = await start(chaos=f"{spec},stall=0.3", seed=7)
        return cls(visitor, spec.partition("*")[0].partition(":")[2])

    @property
    def log(self) -> list[str]:
        assert self.visitor.server.chaos
        return [entry.fault for entry in self.visitor.server.chaos.log]

    async def download(self, headers: dict[str, str] | None = None) -> RawAnswer:
        """Return the faulty answer, having seen that the one after it is right."""
        url = await self.visitor.sign_download(NAME)
        answer = await ask(url, headers=headers)
        again = await ask(url, headers=headers)
        assert again.body == (PART if headers else CONTENT)
        assert self.log == [self.fault]
        return answer

    async def part(self) -> RawAnswer:
        return await self.download(RANGE)

    async def upload(self, body: bytes = CONTENT) -> RawAnswer:
        url = await self.visitor.sign_upload(OTHER)
        answer = await ask(url, "PUT", body)
        assert self.log == [self.fault]
        return answer

    async def stored(self) -> bytes | None:
        answer = await self.visitor.ask(f"/download/{self.visitor.key(OTHER)}")
        if answer.status == 404:
            return None
        return (await ask(str(answer.headers["Location"]))).body

    async def ask(self, path: str) -> RawAnswer:
        """Return the faulty answer of the API, having seen that the one after it is right."""
        url = self.visitor.server.url + path
        answer = await ask(url)
        again = await ask(url)
        assert again.status in (200, 302)
        json.loads(again.body)
        assert self.log == [self.fault]
        return answer

    async def query(self) -> RawAnswer:
        return await self.ask("/query?instrument=mag")

    async def find(self) -> RawAnswer:
        return await self.ask(f"/download/{self.visitor.key(NAME)}")


async def storage(start: Start, fault: str) -> Faulty:
    return await Faulty.begin(start, f"storage:{fault}*1")


async def api(start: Start, fault: str) -> Faulty:
    return await Faulty.begin(start, f"api:{fault}*1")


# --- the body ends early


@commits("truncate-length", "stall-body")
async def test_half_of_a_body_comes_under_the_right_length(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert (answer.status, answer.length, answer.body) == (200, len(CONTENT), HALF)
    assert answer.headers["etag"] == ETAG
    assert not answer.is_reset


@commits("truncate-length")
async def test_half_of_a_part_comes_under_the_right_length(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert (answer.status, answer.length, answer.body) == (206, len(PART), PART[: len(PART) // 2])
    assert answer.headers["content-range"] == f"bytes {FIRST}-{LAST}/{len(CONTENT)}"


@commits("truncate-chunked")
async def test_the_last_chunk_is_missing(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in answer.headers
    size, _, rest = answer.body.partition(b"\r\n")
    assert rest[: int(size, 16)] == HALF
    assert not answer.body.endswith(b"0\r\n\r\n")


@commits("truncate-close")
async def test_half_of_a_body_comes_without_a_length(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.body == HALF
    assert answer.headers["connection"] == "close"
    assert not answer.headers.keys() & {"content-length", "transfer-encoding"}


@commits("reset-body")
async def test_the_connection_is_reset_in_the_body(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.is_reset
    assert CONTENT.startswith(answer.body)
    assert len(answer.body) <= len(HALF)


@commits("reset-head")
@pytest.mark.parametrize("origin", [storage, api])
async def test_the_connection_is_reset_at_once(
    start: Start, fault: str, origin: Callable[[Start, str], object]
) -> None:
    faulty = await (storage if origin is storage else api)(start, fault)
    answer = await (faulty.download() if origin is storage else faulty.find())
    assert (answer.raw, answer.is_reset) == (b"", True)


# --- the body does not come


@commits("stall-head", "stall-body")
async def test_silence_lasts_as_long_as_was_asked_for(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert 0.25 < answer.seconds < 5
    assert (not answer.raw) is (fault == "stall-head")


@commits("stall-head")
async def test_the_api_is_silent_too(start: Start, fault: str) -> None:
    answer = await (await api(start, fault)).query()
    assert (answer.raw, answer.is_reset) == (b"", False)
    assert answer.seconds > 0.25


@commits("stall-head")
async def test_an_upload_meets_silence(start: Start, fault: str) -> None:
    faulty = await storage(start, fault)
    assert not (await faulty.upload()).raw
    assert await faulty.stored() is None


@commits("drip")
async def test_a_body_drips(start: Start, fault: str) -> None:
    visitor = await start(chaos=f"storage:{fault}*1,stall=1.2")
    answer = await ask(await visitor.sign_download(NAME))
    assert answer.length == len(CONTENT)
    assert answer.body == CONTENT[:2]
    assert answer.seconds > 1


# --- the length is wrong


@commits("length-short", "length-zero")
async def test_more_comes_than_is_announced(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.length == (0 if fault == "length-zero" else len(HALF))
    assert answer.body == CONTENT
    assert "connection" not in answer.headers


@commits("length-more", "length-double")
async def test_less_comes_than_is_announced(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.length == (len(CONTENT) + 1 if fault == "length-more" else len(CONTENT) * 2)
    assert answer.body == CONTENT


@commits("length-absent")
async def test_the_length_is_absent(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.body == CONTENT
    assert answer.headers["etag"] == ETAG
    assert not answer.headers.keys() & {"content-length", "transfer-encoding"}


# --- the bytes are wrong


@commits("flip")
async def test_one_bit_is_wrong(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    wrong = [a ^ b for a, b in zip(answer.body, CONTENT, strict=True) if a != b]
    assert len(wrong) == 1
    assert wrong[0].bit_count() == 1
    assert answer.headers["etag"] == ETAG
    assert answer.headers["repr-digest"].startswith("sha-256=:")


@commits("flip")
async def test_one_bit_of_a_part_is_wrong(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert sum((a ^ b).bit_count() for a, b in zip(answer.body, PART, strict=True)) == 1


@commits("login-page")
async def test_a_login_page_stands_in_for_an_object(start: Start, fault: str) -> None:
    _is_login_page(await (await storage(start, fault)).download())


@commits("login-page")
async def test_a_login_page_stands_in_for_records(start: Start, fault: str) -> None:
    _is_login_page(await (await api(start, fault)).query())


def _is_login_page(answer: RawAnswer) -> None:
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert b"Sign in" in answer.body
    assert answer.length == len(answer.body)


@commits("gzip-label")
async def test_plain_bytes_are_called_gzip(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.body == CONTENT


@commits("gzip-bomb")
async def test_a_small_body_is_a_bomb(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == ETAG
    assert answer.length == len(answer.body) < 2 << 20
    unpacker, size, rest = zlib.decompressobj(31), 0, answer.body
    while rest:
        size += len(unpacker.decompress(rest, 16 << 20))
        rest = unpacker.unconsumed_tail
    assert unpacker.eof, "its CRC is right"
    assert size == 1 << 30


@commits("huge-header")
async def test_a_header_is_huge(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert len(answer.headers["x-filler"]) == 1 << 20
    assert answer.body == CONTENT


@commits("many-headers")
async def test_headers_are_many(start: Start, fault: str) -> None:
    answer = await (await api(start, fault)).query()
    assert len(answer.headers) > 10_000
    assert answer.status == 200


@commits("interim-answers")
async def test_informational_answers_do_not_end(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    answers = answer.raw.split(b"\r\n\r\n")
    assert len(answers) == 10_001
    assert set(answers) == {b"HTTP/1.1 103 Early Hints\r\nLink: </>", b""}


# --- a range goes wrong


@commits("range-ignored")
async def test_a_range_gets_the_whole(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert (answer.status, answer.length, answer.body) == (200, len(CONTENT), CONTENT)
    assert "content-range" not in answer.headers


@commits("range-elsewhere")
async def test_a_part_starts_elsewhere(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert (answer.status, answer.length) == (206, len(PART))
    assert answer.headers["content-range"] == f"bytes {FIRST - 1}-{LAST - 1}/{len(CONTENT)}"
    assert answer.body == CONTENT[FIRST - 1 : LAST]


@pytest.mark.parametrize(
    ("content", "asked", "told", "body"),
    [(b"0123", "0-", "1-3/4", b"123"), (b"0123", "0-0", "1-1/4", b"1"), (b"0", "0-0", "1-1/1", b"0")],
)
async def test_a_part_from_the_start_starts_elsewhere(
    start: Start, content: bytes, asked: str, told: str, body: bytes
) -> None:
    visitor = await start(chaos="range-elsewhere*1")
    await visitor.server.add(NAME, content)
    answer = await ask(await visitor.sign_download(NAME), headers={"Range": f"bytes={asked}"})
    assert (answer.headers["content-range"], answer.body, answer.length) == (f"bytes {told}", body, len(body))


@commits("range-total")
async def test_a_part_tells_another_size(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert answer.headers["content-range"] == f"bytes {FIRST}-{LAST}/{len(CONTENT) + 1}"
    assert (answer.status, answer.body) == (206, PART)


@commits("range-as-whole")
async def test_a_part_calls_itself_the_whole(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert (answer.status, answer.length, answer.body) == (200, len(PART), PART)
    assert answer.headers["content-range"] == f"bytes {FIRST}-{LAST}/{len(CONTENT)}"


@commits("range-refused")
async def test_a_part_that_exists_is_refused(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"
    assert b"<Code>InvalidRange</Code>" in answer.body


@commits("range-multipart")
async def test_a_part_comes_wrapped(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert answer.status == 206
    assert answer.headers["content-type"] == "multipart/byteranges; boundary=part"
    assert answer.length == len(answer.body)
    head, _, rest = answer.body.partition(b"\r\n\r\n")
    assert f"Content-Range: bytes {FIRST}-{LAST}/{len(CONTENT)}".encode() in head
    assert rest == PART + b"\r\n--part--\r\n"


@commits("range-no-etag")
async def test_a_part_has_no_etag(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert (answer.status, answer.body) == (206, PART)
    assert "etag" not in answer.headers


@commits("replaced")
async def test_a_part_is_of_another_object(start: Start, fault: str) -> None:
    _is_of_another_object(await (await storage(start, fault)).part())


@commits("replaced-412")
async def test_a_replaced_object_fails_if_match(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).part()
    assert answer.status == 412
    assert b"<Code>PreconditionFailed</Code>" in answer.body


@commits("replaced-412")
async def test_a_replaced_object_is_served_without_if_match(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download({"Range": RANGE["Range"]})
    _is_of_another_object(answer)


def _is_of_another_object(answer: RawAnswer) -> None:
    assert (answer.status, answer.length) == (206, len(PART))
    assert all(a != b for a, b in zip(answer.body, PART, strict=True))
    assert answer.headers["etag"] not in ("", ETAG)
    assert "repr-digest" not in answer.headers


# --- busy, broken


@commits(*(f"{status}-{variant}" for status in (503, 429) for variant in RETRY_AFTER))
@pytest.mark.parametrize("origin", ["storage", "api"])
async def test_the_server_is_busy(start: Start, fault: str, origin: str) -> None:
    faulty = await Faulty.begin(start, f"{origin}:{fault}*1")
    answer = await (faulty.download() if origin == "storage" else faulty.find())
    status, _, variant = fault.partition("-")
    assert answer.status == int(status)
    assert answer.headers.get("retry-after") == RETRY_AFTER[variant]
    assert answer.headers["content-type"].startswith(
        "application/xml" if origin == "storage" else "application/json"
    )


@commits("503-date", "429-date")
async def test_the_server_is_busy_until_a_date(start: Start, fault: str) -> None:
    answer = await (await storage(start, fault)).download()
    assert answer.status == int(fault[:3])
    until = unix_time(answer.headers["retry-after"])
    assert until
    assert -1 < until - time.time() < 3


@commits("503-bare")
async def test_an_upload_is_refused_before_its_body(start: Start, fault: str) -> None:
    faulty = await storage(start, fault)
    url = await faulty.visitor.sign_upload(OTHER)
    reader, writer = await connect(url, "PUT", {"Content-Length": "1000", "Expect": "100-continue"})
    assert (await reader.readline()).startswith(b"HTTP/1.1 503 "), "and no 100 before it"
    writer.close()
    assert await faulty.stored() is None


@commits("500")
async def test_something_is_broken(start: Start, fault: str) -> None:
    assert b"<Code>InternalError</Code>" in (await (await storage(start, fault)).download()).body


@commits("500", "502-page", "504", "missing")
async def test_the_api_is_broken(start: Start, fault: str) -> None:
    answer = await (await api(start, fault)).find()
    assert answer.status == {"missing": 404}.get(fault) or int(fault[:3])
    page = fault in ("502-page", "missing")
    assert answer.headers["content-type"].startswith("text/html" if page else "application/json")


# --- URLs and files


@commits("url-expired", "url-expired-400", "token-expired", "bad-signature", "missing")
@pytest.mark.parametrize("ranged", [False, True])
async def test_storage_refuses(start: Start, fault: str, ranged: bool) -> None:
    faulty = await storage(start, fault)
    answer = await (faulty.part() if ranged else faulty.download())
    status, words = {
        "url-expired": (403, "<Code>AccessDenied</Code><Message>Request has expired<"),
        "url-expired-400": (400, "<Code>AccessDenied</Code><Message>Request has expired<"),
        "token-expired": (400, "<Code>ExpiredToken</Code>"),
        "bad-signature": (403, "<Code>SignatureDoesNotMatch</Code>"),
        "missing": (404, "<Code>NoSuchKey</Code>"),
    }[fault]
    assert answer.status == status
    assert words in answer.body.decode()


@commits("redirect-file", "redirect-ftp", "redirect-unsigned")
async def test_the_api_sends_elsewhere(start: Start, fault: str) -> None:
    faulty = await api(start, fault)
    unsigned = f"{faulty.visitor.server.storage_url}/{faulty.visitor.key(NAME)}"
    expected = {"redirect-file": "file:///etc/passwd", "redirect-ftp": "ftp://127.0.0.1/"}.get(fault, unsigned)
    answer = await faulty.find()
    assert (answer.status, answer.headers["location"]) == (302, expected)


# --- JSON


@commits("json-giant")
async def test_json_is_giant(start: Start, fault: str) -> None:
    answer = await (await api(start, fault)).query()
    assert answer.headers["content-type"] == "application/json"
    assert 70 << 20 < len(answer.body) < 72 << 20
    assert answer.body.endswith(b'"x"]\r\n0\r\n\r\n')


@commits("json-cut")
async def test_json_is_cut(start: Start, fault: str) -> None:
    answer = await (await api(start, fault)).query()
    assert (answer.status, answer.length) == (200, len(answer.body))
    assert answer.body.startswith(b'[{"extension": "cdf"')
    with pytest.raises(ValueError, match="line 1"):
        json.loads(answer.body)


@commits("empty")
async def test_an_answer_is_empty(start: Start, fault: str) -> None:
    answer = await (await api(start, fault)).query()
    assert (answer.status, answer.length, answer.body) == (200, 0, b"")


@commits("truncate-length", "reset-body", "length-double")
async def test_records_suffer_on_the_wire_as_objects_do(start: Start, fault: str) -> None:
    answer = await (await api(start, fault)).query()
    assert answer.status == 200
    assert answer.length > len(answer.body) > 0


# --- uploads


@commits("put-403")
async def test_an_upload_is_refused_half_way(start: Start, fault: str) -> None:
    faulty = await storage(start, fault)
    answer = await faulty.upload()
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code>" in answer.body
    assert await faulty.stored() is None


@commits("put-403")
async def test_a_body_is_invited_before_it_is_refused(start: Start, fault: str) -> None:
    faulty = await storage(start, fault)
    answer = await ask(await faulty.visitor.sign_upload(OTHER), "PUT", CONTENT, {"Expect": "100-continue"})
    assert answer.raw.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 ")


@commits("put-reset")
async def test_an_upload_is_reset_half_way(start: Start, fault: str) -> None:
    faulty = await storage(start, fault)
    answer = await faulty.upload()
    assert (answer.raw, answer.is_reset) == (b"", True)
    assert await faulty.stored() is None


@commits("put-lost")
async def test_the_answer_to_an_upload_is_lost(start: Start, fault: str) -> None:
    faulty = await storage(start, fault)
    answer = await faulty.upload()
    assert (answer.raw, answer.is_reset) == (b"", False)
    assert await faulty.stored() == CONTENT


@commits("put-etag")
async def test_an_upload_is_answered_with_another_etag(start: Start, fault: str) -> None:
    faulty = await storage(start, fault)
    answer = await faulty.upload()
    assert answer.status == 200
    assert answer.headers["etag"].strip('"').isalnum()
    assert answer.headers["etag"] != ETAG
    assert Digest.from_base64(CRC64NVME, answer.headers["x-amz-checksum-crc64nvme"]) not in (None, CRC)
    assert await faulty.stored() == CONTENT


# --- all of them


def test_every_fault_has_a_test() -> None:
    assert not set(FAULTS) ^ TESTED


@pytest.mark.parametrize(("content", "kind"), [(b"", Kind.EMPTY), (b"x", Kind.WHOLE)])
async def test_the_smallest_objects_meet_every_fault_that_fits(start: Start, content: bytes, kind: Kind) -> None:
    fitting = [name for name, fault in ALL.items() if kind in fault.kinds]
    visitor = await start(chaos=",".join(f"storage:{fault}*1" for fault in fitting) + ",stall=0.1")
    await visitor.server.add(NAME, content)
    url = await visitor.sign_download(NAME)
    for _ in fitting:
        await ask(url)
    assert (await ask(url)).body == content
    assert visitor.server.chaos
    assert [entry.fault for entry in visitor.server.chaos.log] == fitting
