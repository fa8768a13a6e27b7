"""A storage that answers as it is told, one answer a request, and a signer that asks nobody."""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from aiohttp import web

from imap_bulk.digest import CRC64NVME, hasher
from imap_bulk.engine.delivery import Delivery
from imap_bulk.engine.download import Keep
from imap_bulk.engine.engine import Engine
from imap_bulk.model import Outcome, Pacing, Progress, Proof, Setback, SignedUrl, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT = bytes(range(256)) * 2000
NAME = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
KEY = f"imap/mag/l2/2026/01/{NAME}"


def etag(content: bytes = CONTENT) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def crc64nvme(content: bytes = CONTENT) -> dict[str, str]:
    """Return what S3 tells beside the ETag since December 2024."""
    hash_ = hasher(CRC64NVME)
    hash_.update(content)
    value = bytes.fromhex(hash_.hexdigest())
    return {"x-amz-checksum-crc64nvme": base64.b64encode(value).decode(), "x-amz-checksum-type": "FULL_OBJECT"}


@dataclass
class Storage:
    """Scripted answers, the last of which repeats; and what was asked."""

    answers: list[Answer] = field(default_factory=list)
    requests: list[web.Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    url: str = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@dataclass
class Signer:
    """Signs without asking anybody, and counts."""

    storage: Storage
    signed: int = 0
    refusals: list[Exception] = field(default_factory=list)

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        self.signed += 1
        return SignedUrl("GET", f"{self.storage.url}/{transfer.key}?X-Amz-Signature=secret{self.signed}")

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        if self.refusals:
            raise self.refusals.pop(0)
        self.signed += 1
        return SignedUrl("PUT", f"{self.storage.url}/{transfer.key}?X-Amz-Signature=secret{self.signed}")

    content_proves: bool = False
    proof: Proof | None = None
    """What the content turns out to prove."""

    def accept(self, transfer: Transfer, part: Path) -> Proof | None:
        return self.proof


@dataclass
class Run:
    """Runs an engine over given transfers and keeps what it reported."""

    signer: Signer
    root: Path
    settings: Settings
    events: list[Progress | Setback | Outcome | Pacing] = field(default_factory=list)
    keep: Keep | None = None
    delivery: Delivery | None = None
    """Where files go instead of the disk."""

    async def __call__(self, *transfers: Transfer) -> list[Outcome]:
        async with StorageTransport(self.settings, self.signer.storage.url) as transport:
            delivery = self.delivery
            begin = (lambda _paces: delivery) if delivery else None
            engine = Engine(self.signer, transport, self.root, self.settings, self.keep, begin_delivery=begin)
            await engine.run(transfers, self.events.append)
        return [event for event in self.events if isinstance(event, Outcome)]


def good(content: bytes = CONTENT, headers: Mapping[str, str] = MappingProxyType({})) -> Answer:
    """Answer with `content` and its ETag."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content, headers={"ETag": etag(content), **headers})

    return answer


def plain(content: bytes = CONTENT) -> Answer:
    """Answer with nothing but a length."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=content)

    return answer


def flipped() -> Answer:
    """Answer with one wrong bit and the right ETag."""

    async def answer(_: web.Request) -> web.StreamResponse:
        wrong = bytearray(CONTENT)
        wrong[len(wrong) // 2] ^= 1
        return web.Response(body=bytes(wrong), headers={"ETag": etag()})

    return answer


def cut(length: int | None = len(CONTENT)) -> Answer:
    """Announce `length` bytes, send half of the content, and close the connection."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": etag()})
        response.content_length = length
        if length is None:
            response.force_close()
        await response.prepare(request)
        await response.write(CONTENT[: len(CONTENT) // 2])
        assert request.transport
        request.transport.close()
        return response

    return answer


def refusal(status: int, body: str = "", **headers: str) -> Answer:
    """Answer with an error document."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=body, headers=headers)

    return answer


def expired() -> Answer:
    return refusal(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>")


def keeping(
    storage: Storage, *, claimed: bytes | None = None, tell: Callable[[bytes], Mapping[str, str]] = lambda _: {}
) -> Answer:
    """Take an upload, keep its body, and answer with its ETag, or that of `claimed`, and what `tell` adds."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        storage.bodies.append(body)
        stored = body if claimed is None else claimed
        return web.Response(headers={"ETag": etag(stored), **tell(stored)})

    return answer


async def silence(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer, after the body was read."""
    await request.read()
    assert request.transport
    request.transport.close()
    return web.Response()


def ranged(content: bytes = CONTENT, *, etag_of: bytes | None = None, until: int | None = None) -> Answer:
    """Answer as S3 does, ranges and conditions included; cut the connection after `until` bytes of a body."""

    async def answer(request: web.Request) -> web.StreamResponse:
        tag = etag(content if etag_of is None else etag_of)
        headers = {"ETag": tag, "Accept-Ranges": "bytes"}
        if request.headers.get("If-Match", tag) != tag:
            return web.Response(status=412)
        start, end, status = 0, len(content), 200
        if wanted := request.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(int(last or end) + 1, end), 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        if until is None or until >= end - start:
            return web.Response(status=status, body=content[start:end], headers=headers)
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = end - start
        await response.prepare(request)
        await response.write(content[start : start + until])
        assert request.transport
        request.transport.close()
        return response

    return answer


def spoiled(answer: Answer, **changes: str) -> Answer:
    """Change headers of another answer; an empty value removes one."""

    async def change(request: web.Request) -> web.StreamResponse:
        response = await answer(request)
        for name, value in changes.items():
            header = name.replace("_", "-")
            response.headers.popall(header, None)
            if value:
                response.headers[header] = value
        return response

    return change
