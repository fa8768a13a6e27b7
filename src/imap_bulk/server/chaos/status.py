"""Faults that are a whole answer of another status: busy, broken, expired, missing, elsewhere."""

import email.utils
import time
from functools import partial

from aiohttp import web

from imap_bulk.server.chaos.fault import Faults, Kind
from imap_bulk.server.wire import Exchange, Origin, refusal, unavailable

JSON_BYTES = 70 << 20

_PAGE = """<!DOCTYPE html>
<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>
"""

STATUS = Faults()


# --- busy or broken

_RETRY_AFTER = {
    "seconds": "Retry-After: 1",
    "date": "an HTTP date as Retry-After",
    "zero": "Retry-After: 0",
    "negative": "Retry-After: -1",
    "huge": "Retry-After: 1000000000",
    "nonsense": "Retry-After: soon",
    "bare": "no Retry-After",
}


async def _busy(status: int, variant: str, x: Exchange) -> web.Response:
    value = _RETRY_AFTER[variant].partition(": ")[2]
    if variant == "date":
        value = email.utils.formatdate(time.time() + 2, usegmt=True)
    headers = {"Retry-After": value} if value else {}
    if status == 503:
        return unavailable(x.origin, **headers)
    return refusal(x.origin, status, "TooManyRequests", "Too Many Requests", **headers)


def _register_busy() -> None:
    for status in (503, 429):
        for variant, told in _RETRY_AFTER.items():
            line = f"{status} with {told}"
            STATUS.add(f"{status}-{variant}", Kind.ANY, line)(partial(_busy, status, variant))


_register_busy()


@STATUS.add("500", Kind.ANY, "500")
async def _internal_error(x: Exchange) -> web.Response:
    if x.origin is Origin.API:
        return refusal(x.origin, 500, "", "Internal Server Error")
    return refusal(x.origin, 500, "InternalError", "We encountered an internal error. Please try again.")


@STATUS.add("502-page", Kind.API, "502 with an HTML page")
async def _bad_gateway(_: Exchange) -> web.Response:
    return _page(502, "502 Bad Gateway")


@STATUS.add("504", Kind.API, "504")
async def _gateway_timeout(x: Exchange) -> web.Response:
    return refusal(x.origin, 504, "", "Endpoint request timed out")


@STATUS.add("login-page", Kind.GET | Kind.API, "200 with the HTML page of a login")
async def _login_page(_: Exchange) -> web.Response:
    return _page(200, "Sign in to the network")


# --- the URL no longer holds, the file is not there


@STATUS.add("url-expired", Kind.STORAGE, "403 AccessDenied, Request has expired")
async def _url_expired(x: Exchange) -> web.Response:
    return refusal(x.origin, 403, "AccessDenied", "Request has expired")


@STATUS.add("url-expired-400", Kind.STORAGE, "400 AccessDenied, Request has expired")
async def _url_expired_400(x: Exchange) -> web.Response:
    return refusal(x.origin, 400, "AccessDenied", "Request has expired")


@STATUS.add("token-expired", Kind.STORAGE, "400 ExpiredToken: the credentials behind the URL have ended before it")
async def _token_expired(x: Exchange) -> web.Response:
    return refusal(x.origin, 400, "ExpiredToken", "The provided token has expired.")


@STATUS.add("bad-signature", Kind.STORAGE, "403 SignatureDoesNotMatch for a signature that matches")
async def _bad_signature(x: Exchange) -> web.Response:
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    return refusal(x.origin, 403, "SignatureDoesNotMatch", message)


@STATUS.add("missing", Kind.GET | Kind.DOWNLOAD, "404 for a file that exists")
async def _missing(x: Exchange) -> web.Response:
    if x.origin is Origin.STORAGE:
        return refusal(x.origin, 404, "NoSuchKey", "The specified key does not exist.")
    # What the SDC answers whenever its own look at S3 fails, throttling included.
    text = (
        "File not found, make sure you include the full path to the file in the request, "
        "e.g. /download/path/to/file/filename.pkts."
    )
    return web.Response(status=404, text=text, content_type="text/html")


# --- the API sends elsewhere, or says too much or too little


async def _redirect(location: str, x: Exchange) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


STATUS.add("redirect-file", Kind.DOWNLOAD, "302 to file:///etc/passwd")(partial(_redirect, "file:///etc/passwd"))
STATUS.add("redirect-ftp", Kind.DOWNLOAD, "302 to ftp://127.0.0.1/")(partial(_redirect, "ftp://127.0.0.1/"))


@STATUS.add("redirect-unsigned", Kind.DOWNLOAD, "302 to storage, without a signature")
async def _redirect_unsigned(x: Exchange) -> web.Response:
    return await _redirect(x.answer.headers["Location"].partition("?")[0], x)


@STATUS.add("json-giant", Kind.API, "200 with 70 MiB of JSON")
async def _json_giant(x: Exchange) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(x.request)
    filler = b'"' + b"x" * 1021 + b'",\n'
    await response.write(b"[")
    for _ in range(JSON_BYTES >> 20):
        await response.write(filler * 1024)
    await response.write(b'"x"]')
    return response


@STATUS.add("json-cut", Kind.JSON, "half of the JSON, under its own right length")
async def _json_cut(x: Exchange) -> web.Response:
    body = b"".join([piece async for piece in x.answer.pieces(x.answer.half())])
    return web.Response(status=x.answer.status, headers=x.answer.headers, body=body)


@STATUS.add("empty", Kind.API, "200 with an empty body")
async def _empty(x: Exchange) -> web.Response:
    return web.Response(status=200, headers={"Content-Type": "application/json"})


def _page(status: int, title: str) -> web.Response:
    return web.Response(status=status, text=_PAGE.format(title=title), content_type="text/html")
