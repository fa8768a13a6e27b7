"""Faults of a part: not the one that was asked for, not of the object that was asked for."""

import hashlib

from aiohttp import web

from imap_bulk.server.chaos.fault import Faults, Kind
from imap_bulk.server.wire import Exchange, refusal

_INVERTED = bytes(255 - byte for byte in range(256))

RANGE = Faults()


@RANGE.add("range-ignored", Kind.PART, "200 with the whole object for a Range")
async def _range_ignored(x: Exchange) -> web.Response:
    await x.head(200, _without(x, "Content-Range"), x.answer.size)
    await x.body(range(x.answer.size))
    return x.close()


@RANGE.add(
    "range-elsewhere", Kind.PART, "206 with a part that starts one byte beside the one asked for, and says so"
)
async def _range_elsewhere(x: Exchange) -> web.Response:
    part, size = x.answer.part, x.answer.size
    beside = range(part.start - 1, part.stop - 1) if part.start else range(1, max(part.stop, 2))
    headers = x.answer.headers | {"Content-Range": f"bytes {beside.start}-{beside.stop - 1}/{size}"}
    sent = beside if size > 1 else part  # one byte has nothing beside it: there the header alone is wrong
    await x.head(206, headers, len(sent))
    await x.body(sent)
    return x.close()


@RANGE.add("range-total", Kind.PART, "206 whose Content-Range tells another size of the object")
async def _range_total(x: Exchange) -> web.Response:
    told = x.answer.headers["Content-Range"].partition("/")[0]
    headers = x.answer.headers | {"Content-Range": f"{told}/{x.answer.size + 1}"}
    await x.head(206, headers, len(x.answer.part))
    await x.body()
    return x.close()


@RANGE.add("range-as-whole", Kind.PART, "200 with a Content-Range and only the part")
async def _range_as_whole(x: Exchange) -> web.Response:
    await x.head(200, x.answer.headers, len(x.answer.part))
    await x.body()
    return x.close()


@RANGE.add("range-refused", Kind.PART, "416 for a part that exists")
async def _range_refused(x: Exchange) -> web.Response:
    told = {"Content-Range": f"bytes */{x.answer.size}"}
    return refusal(x.origin, 416, "InvalidRange", "The requested range is not satisfiable", **told)


@RANGE.add("range-multipart", Kind.PART, "206 with the part wrapped in multipart/byteranges")
async def _range_multipart(x: Exchange) -> web.Response:
    told = x.answer.headers["Content-Range"]
    top = f"--part\r\nContent-Type: binary/octet-stream\r\nContent-Range: {told}\r\n\r\n".encode()
    bottom = b"\r\n--part--\r\n"
    headers = _without(x, "Content-Range") | {"Content-Type": "multipart/byteranges; boundary=part"}
    await x.head(206, headers, len(top) + len(x.answer.part) + len(bottom))
    await x.write(top)
    await x.body()
    await x.write(bottom)
    return x.close()


@RANGE.add("range-no-etag", Kind.PART, "206 without an ETag")
async def _range_no_etag(x: Exchange) -> web.Response:
    await x.head(206, _without(x, "ETag"), len(x.answer.part))
    await x.body()
    return x.close()


@RANGE.add(
    "replaced", Kind.PART, "206 with the part of another object: same size, another ETag; If-Match is ignored"
)
async def _replaced(x: Exchange) -> web.Response:
    await x.head(206, _without(x, "Repr-Digest") | {"ETag": _other_etag(x)}, len(x.answer.part))
    async for piece in x.answer.pieces(x.answer.part):
        await x.write(piece.translate(_INVERTED))
    return x.close()


@RANGE.add("replaced-412", Kind.PART, "as `replaced`, but If-Match is honoured: 412")
async def _replaced_412(x: Exchange) -> web.StreamResponse:
    if "If-Match" not in x.request.headers:
        return await _replaced(x)
    message = "At least one of the pre-conditions you specified did not hold"
    return refusal(x.origin, 412, "PreconditionFailed", message)


def _other_etag(x: Exchange) -> str:
    return f'"{hashlib.md5(x.answer.headers["ETag"].encode(), usedforsecurity=False).hexdigest()}"'


def _without(x: Exchange, header: str) -> dict[str, str]:
    return {name: value for name, value in x.answer.headers.items() if name != header}
