"""Faults of an upload; those that come before its body are among the others."""

import base64
import hashlib

from aiohttp import web

from imap_bulk.server.chaos.fault import Faults, Kind
from imap_bulk.server.wire import Exchange, refusal

PUT = Faults()


@PUT.add("put-403", Kind.PUT, "403 AccessDenied after half of the upload; nothing is stored")
async def _put_403(x: Exchange) -> web.Response:
    await x.swallow(_half(x))
    return refusal(x.origin, 403, "AccessDenied", "Access Denied")


@PUT.add("put-reset", Kind.PUT, "a TCP reset after half of the upload; nothing is stored", network=True)
async def _put_reset(x: Exchange) -> web.Response:
    await x.swallow(_half(x))
    return x.reset()


@PUT.add("put-lost", Kind.PUT, "the upload is stored, the connection ends without an answer", network=True)
async def _put_lost(x: Exchange) -> web.Response:
    assert x.take
    await x.take()
    return x.close()


@PUT.add("put-etag", Kind.PUT, "the upload is stored, ETag and CRC of the answer are those of other bytes")
async def _put_etag(x: Exchange) -> web.Response:
    assert x.take
    answer = await x.take()
    other = hashlib.md5(answer.headers["ETag"].encode(), usedforsecurity=False)
    answer.headers["ETag"] = f'"{other.hexdigest()}"'
    answer.headers["x-amz-checksum-crc64nvme"] = base64.b64encode(other.digest()[:8]).decode()
    return answer


def _half(x: Exchange) -> int:
    return int(x.request.headers["Content-Length"]) // 2
