"""A storage that fails: a proxy before a real S3 server, which lets each request meet the fault that is next.

It sends requests on as they came, `Host` included, so that the server behind it holds them to their signatures. It
refuses unsigned headers that AWS would refuse, which is more than that server does.
"""

import asyncio
import io
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from tests import canaries
from tests.engine.scripted import crc64nvme
from tests.server import rclone
from yarl import URL

from imap_bulk.sigv4 import AccessKey

Forward = Callable[[web.Request, bytes], Awaitable[web.Response]]
Fault = Callable[[web.Request, bytes, Forward], Awaitable[web.StreamResponse]]


@dataclass
class Proxy:
    """Faults, the first of which the next PUT meets, or the next GET; and what was asked."""

    url: str = ""
    puts: list[Fault | None] = field(default_factory=list)
    gets: list[Fault | None] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    """Requests by method."""
    heads: list[str] = field(default_factory=list)
    """Heads of requests, signatures and all."""

    async def handle(self, request: web.Request, forward: Forward) -> web.StreamResponse:
        self.asked[request.method] += 1
        self.heads.append(f"{request.raw_path} {dict(request.headers)}")
        faults = {"PUT": self.puts, "GET": self.gets}.get(request.method, [])
        fault = faults.pop(0) if faults else None
        if unsigned := _unsigned(request):
            return await refusing(403, f"AccessDenied: not signed: {', '.join(unsigned)}")(request, b"", forward)
        if fault is deaf:
            return await deaf(request, b"", forward)
        body = await request.read()
        return await fault(request, body, forward) if fault else await forward(request, body)


def _unsigned(request: web.Request) -> list[str]:
    """Return the headers that AWS wants to see signed and are not; rclone lets them pass."""
    signed = request.query.get("X-Amz-SignedHeaders")
    if signed is None:
        return []
    names = [name.lower() for name in request.headers]
    return [name for name in names if name.startswith(("x-amz-", "content-md5")) and name not in signed.split(";")]


@asynccontextmanager
async def before(target: str) -> AsyncIterator[Proxy]:
    """Stand before the server at `target`."""
    proxy = Proxy()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def forward(request: web.Request, body: bytes) -> web.Response:
            url = URL(f"{target}{request.raw_path}", encoded=True)
            headers = {name: value for name, value in request.headers.items() if name != "Transfer-Encoding"}
            async with session.request(request.method, url, headers=headers, data=io.BytesIO(body)) as answer:
                kept = {
                    name: value
                    for name, value in answer.headers.items()
                    if name not in ("Content-Length", "Transfer-Encoding", "Connection", "Date")
                }
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

        async def handle(request: web.Request) -> web.StreamResponse:
            return await proxy.handle(request, forward)

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield proxy
        finally:
            await runner.cleanup()


def refusing(status: int, code: str) -> Fault:
    """Answer with an error document of S3's."""

    async def answer(_request: web.Request, _body: bytes, _forward: Forward) -> web.StreamResponse:
        return web.Response(
            status=status, text=f"<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>"
        )

    return answer


async def deaf(_request: web.Request, _body: bytes, _forward: Forward) -> web.StreamResponse:
    """Neither read what comes nor answer."""
    await asyncio.Event().wait()
    return web.Response()


async def silent(_request: web.Request, _body: bytes, _forward: Forward) -> web.StreamResponse:
    """Read all, and do not answer."""
    await asyncio.Event().wait()
    return web.Response()


async def breaking(request: web.Request, _body: bytes, _forward: Forward) -> web.StreamResponse:
    """Break the connection before anything is stored."""
    assert request.transport
    request.transport.close()
    return web.Response()


async def losing(request: web.Request, body: bytes, forward: Forward) -> web.StreamResponse:
    """Store, and break the connection before the answer."""
    await forward(request, body)
    return await breaking(request, body, forward)


async def damaging(request: web.Request, body: bytes, forward: Forward) -> web.StreamResponse:
    """Change one bit on the way there."""
    return await forward(request, bytes([body[0] ^ 1]) + body[1:])


async def damaging_unseen(request: web.Request, body: bytes, forward: Forward) -> web.StreamResponse:
    """Change one bit on the way to a storage that does not heed Content-MD5: this one is not told of any."""
    headers = request.headers.copy()
    headers.popall("Content-MD5")
    headers.popall("x-amz-meta-sha256")
    region = request.query["X-Amz-Credential"].split("/")[2]
    key = AccessKey(rclone.ACCESS_KEY_ID, canaries.AWS_SECRET, region)
    url = URL(key.sign("PUT", f"http://{request.host}", request.path[1:], 60, time.time()), encoded=True)
    untold = request.clone(headers=headers, rel_url=url.relative())
    return await forward(untold, bytes([body[0] ^ 1]) + body[1:])


async def encrypting(request: web.Request, body: bytes, forward: Forward) -> web.StreamResponse:
    """Answer with an ETag that is no MD5, as where a bucket encrypts with keys of its own."""
    answer = await forward(request, body)
    answer.headers["ETag"] = f'"{"0" * 32}"'
    return answer


async def encrypting_as_aws(request: web.Request, body: bytes, forward: Forward) -> web.StreamResponse:
    """Answer as AWS does where a bucket encrypts with keys of its own."""
    answer = await forward(request, body)
    answer.headers.update({"ETag": f'"{"0" * 32}"', "x-amz-server-side-encryption": "aws:kms", **crc64nvme(body)})
    return answer
