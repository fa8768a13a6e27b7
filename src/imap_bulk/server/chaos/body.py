"""Faults of a body on its way: cut off, silent, of a wrong length, changed, strangely wrapped.

Digest headers stay truthful in all of them: they tell what the object is, so that a client which looks is
able to notice.
"""

import zlib
from functools import cache

from aiohttp import web

from imap_bulk.server.chaos.fault import Faults, Kind
from imap_bulk.server.wire import Exchange

HEADER_BYTES = 1 << 20
HEADERS = 10_000
INTERIM_ANSWERS = 10_000
BOMB_BYTES = 1 << 30

_BOMB_CRC = 0x5B64C2B0  # of 2**30 zeros; computing it takes a second

BODY = Faults()


# --- the body ends early


@BODY.add(
    "truncate-length", Kind.BODY | Kind.JSON, "Content-Length is right, half of the body comes", network=True
)
async def _truncate_length(x: Exchange) -> web.Response:
    await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
    await x.body(x.answer.half())
    return x.close()


@BODY.add(
    "truncate-chunked", Kind.BODY | Kind.JSON, "chunked, half of the body comes, no last chunk", network=True
)
async def _truncate_chunked(x: Exchange) -> web.Response:
    await x.head(x.answer.status, x.answer.headers | {"Transfer-Encoding": "chunked"})
    async for piece in x.answer.pieces(x.answer.half()):
        await x.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    return x.close()


@BODY.add("truncate-close", Kind.BODY | Kind.JSON, "no length, half of the body, a proper close", network=True)
async def _truncate_close(x: Exchange) -> web.Response:
    await x.head(x.answer.status, x.answer.headers)
    await x.body(x.answer.half())
    return x.close()


@BODY.add("reset-head", Kind.ANY, "a TCP reset instead of an answer", network=True)
async def _reset_head(x: Exchange) -> web.Response:
    return x.reset()


@BODY.add("reset-body", Kind.BODY | Kind.JSON, "a TCP reset after half of the body", network=True)
async def _reset_body(x: Exchange) -> web.Response:
    await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
    await x.body(x.answer.half())
    return x.reset()


# --- the body does not come


@BODY.add("stall-head", Kind.ANY, "silence instead of an answer", network=True)
async def _stall_head(x: Exchange) -> web.Response:
    await x.silence(x.stall)
    return x.close()


@BODY.add("stall-body", Kind.BODY | Kind.JSON, "half of the body, then silence", network=True)
async def _stall_body(x: Exchange) -> web.Response:
    await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
    await x.body(x.answer.half())
    await x.silence(x.stall)
    return x.close()


@BODY.add("drip", Kind.BODY | Kind.JSON, "the body comes at one byte a second", network=True)
async def _drip(x: Exchange) -> web.Response:
    await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
    whole_seconds, rest = divmod(x.stall, 1)
    async for piece in x.answer.pieces(x.answer.part[: int(whole_seconds) + 1]):
        for byte in piece:
            await x.write(bytes([byte]))
            if not await x.silence(1 if whole_seconds else rest):
                return x.close()
            whole_seconds -= 1
    return x.close()


# --- the length is wrong


@BODY.add("length-short", Kind.BODY | Kind.JSON, "Content-Length is half of what comes; the connection stays open")
async def _length_short(x: Exchange) -> web.Response:
    return await _overflowing(x, len(x.answer.half()))


@BODY.add("length-zero", Kind.BODY | Kind.JSON, "Content-Length is 0, the body comes; the connection stays open")
async def _length_zero(x: Exchange) -> web.Response:
    return await _overflowing(x, 0)


async def _overflowing(x: Exchange, length: int) -> web.Response:
    # Open for a while: a client that keeps the connection may take the rest for its next answer.
    await x.head(x.answer.status, x.answer.headers, length, closes=False)
    await x.body()
    await x.silence(min(x.stall, 0.5))
    return x.close()


@BODY.add("length-more", Kind.BODY | Kind.JSON, "Content-Length is one more than what comes")
async def _length_more(x: Exchange) -> web.Response:
    return await _falling_short(x, len(x.answer.part) + 1)


@BODY.add("length-double", Kind.BODY | Kind.JSON, "Content-Length is twice what comes")
async def _length_double(x: Exchange) -> web.Response:
    return await _falling_short(x, len(x.answer.part) * 2)


@BODY.add("length-absent", Kind.BODY | Kind.JSON, "the whole body without a length, ended by a proper close")
async def _length_absent(x: Exchange) -> web.Response:
    return await _falling_short(x, None)


async def _falling_short(x: Exchange, length: int | None) -> web.Response:
    await x.head(x.answer.status, x.answer.headers, length)
    await x.body()
    return x.close()


# --- the bytes are wrong


@BODY.add("flip", Kind.BODY, "one bit of the body is wrong, the ETag is right")
async def _flip(x: Exchange) -> web.Response:
    await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
    wrong, bit = divmod(x.draw % (len(x.answer.part) * 8), 8)
    sent = 0
    async for piece in x.answer.pieces(x.answer.part):
        changed = bytearray(piece)
        if sent <= wrong < sent + len(piece):
            changed[wrong - sent] ^= 1 << bit
        await x.write(bytes(changed))
        sent += len(piece)
    return x.close()


# --- the answer is wrapped to hurt


@BODY.add("huge-header", Kind.GET | Kind.API, "a header of 1 MiB")
async def _huge_header(x: Exchange) -> web.Response:
    return await _under(x, {"X-Filler": "x" * HEADER_BYTES})


@BODY.add("many-headers", Kind.GET | Kind.API, "10,000 headers")
async def _many_headers(x: Exchange) -> web.Response:
    return await _under(x, {f"X-Filler-{number}": "x" for number in range(HEADERS)})


@BODY.add(
    "interim-answers", Kind.GET | Kind.API, "10,000 informational answers (103), then the end of the connection"
)
async def _interim_answers(x: Exchange) -> web.Response:
    batch = 100
    for _ in range(INTERIM_ANSWERS // batch):
        await x.write(b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" * batch)
    return x.close()


@BODY.add("gzip-label", Kind.BODY | Kind.JSON, "Content-Encoding: gzip on bytes that are not compressed")
async def _gzip_label(x: Exchange) -> web.Response:
    return await _under(x, {"Content-Encoding": "gzip"})


@BODY.add(
    "gzip-bomb", Kind.BODY | Kind.JSON, "1 MiB of gzip that decompresses to 1 GiB, under the ETag of the object"
)
async def _gzip_bomb(x: Exchange) -> web.Response:
    bomb = _bomb()
    headers = {name: value for name, value in x.answer.headers.items() if name != "Content-Range"}
    await x.head(200, headers | {"Content-Encoding": "gzip"}, len(bomb))
    await x.write(bomb)
    return x.close()


async def _under(x: Exchange, headers: dict[str, str]) -> web.Response:
    """Answer as planned, under further headers."""
    await x.head(x.answer.status, x.answer.headers | headers, len(x.answer.part))
    await x.body()
    return x.close()


@cache
def _bomb() -> bytes:
    # A full flush forgets what came before, so one compressed block can be repeated instead of made anew.
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    tail = packer.flush() + _BOMB_CRC.to_bytes(4, "little") + BOMB_BYTES.to_bytes(4, "little")
    return head + block * (BOMB_BYTES >> 20) + tail
