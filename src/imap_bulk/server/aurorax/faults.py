"""The faults that an embedded AuroraX commits on demand, in one table; each answers in place of a handler.

A fault fits the requests for which it makes sense, and its handler is asked only where the answer is needed.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Flag, auto
from functools import partial
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from imap_bulk.server.aurorax.answers import Refused, told
from imap_bulk.server.aurorax.search_routes import FAILS
from imap_bulk.server.aurorax.spool import HEAD, TAIL
from imap_bulk.server.aurorax.streaming import TROUBLE, Pieces, Trouble

_PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"


class Kind(Flag):
    """What a request is for."""

    SEARCH = auto()
    POLL = auto()
    RESULT = auto()
    UPLOAD = auto()
    CHANGE = auto()
    SLOW = auto()
    FILE = auto()
    OTHER = auto()

    WRITE = UPLOAD | CHANGE
    BODY = RESULT | FILE
    API = SEARCH | POLL | RESULT | UPLOAD | CHANGE | SLOW | OTHER
    ANY = API | FILE


@dataclass(frozen=True, slots=True)
class Setting:
    """What faults can be told: seconds and records."""

    stall: float = 60.0
    limit: int = 100


Commit = Callable[[web.Request, Handler, Setting], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can go wrong, and what a client sees of it, in one line."""

    name: str
    kinds: Kind
    line: str
    commit: Commit


ALL: dict[str, Fault] = {}
"""The faults by name, in the order in which help shows them."""


def _fault(name: str, kinds: Kind, line: str) -> Callable[[Commit], Commit]:
    def register(commit: Commit) -> Commit:
        ALL[name] = Fault(name, kinds, line, commit)
        return commit

    return register


# --- busy or broken


@_fault("maintenance", Kind.WRITE | Kind.SLOW, "503: the service is in maintenance mode; reads go on")
async def _maintenance(*_: object) -> web.StreamResponse:
    raise Refused(503, "Unavailable", "AuroraX is currently in maintenance mode. Please try again later.")


@_fault("busy", Kind.API, "429 with Retry-After: 1")
async def _busy(*_: object) -> web.StreamResponse:
    return told(
        {"error_code": "ToManyRequests", "error_message": "Too many requests."}, 429, **{"Retry-After": "1"}
    )


@_fault("bad-gateway", Kind.API, "502 with an HTML page of the proxy")
async def _bad_gateway(*_: object) -> web.StreamResponse:
    return _page(502, "502 Bad Gateway")


@_fault("internal-error", Kind.API, "500 with an error document")
async def _internal_error(*_: object) -> web.StreamResponse:
    raise Refused(500, "ApplicationError", "An internal error occurred.")


# --- searches and their results


@_fault("failed-search", Kind.SEARCH, "the search ends with an error, and never has a result")
async def _failed_search(request: web.Request, handler: Handler, _: Setting) -> web.StreamResponse:
    request[FAILS] = True
    return await handler(request)


@_fault("relative-location", Kind.SEARCH, "202 with a relative Location")
async def _relative_location(request: web.Request, handler: Handler, _: Setting) -> web.StreamResponse:
    answer = await handler(request)
    if "Location" in answer.headers:
        answer.headers["Location"] = urlsplit(answer.headers["Location"]).path
    return answer


@_fault("expired-result", Kind.RESULT, "404: the result has expired")
async def _expired_result(request: web.Request, *_: object) -> web.StreamResponse:
    raise Refused(404, "NotFound", f"No data found for request ID {request.match_info['id']}; it has expired")


@_fault("result-error", Kind.RESULT, "200 with an error document in place of the result")
async def _result_error(*_: object) -> web.StreamResponse:
    return told({"error": Refused(500, "ApplicationError", "The result cannot be read.").document})


@_fault("bare-array", Kind.RESULT, "the result is an array, without its wrapper")
async def _bare_array(request: web.Request, handler: Handler, _: Setting) -> web.StreamResponse:
    request[TROUBLE] = Trouble(_without_wrapper, keeps_length=False)
    return await handler(request)


async def _without_wrapper(_: web.Request, pieces: Pieces) -> Pieces:
    held = b""
    head = HEAD
    async for piece in pieces:
        held += piece
        if len(held) < len(head) + len(TAIL):
            continue
        if head:
            held, head = b"[" + held.removeprefix(head), b""
        yield held[: -len(TAIL)]
        held = held[-len(TAIL) :]
    yield held.removesuffix(TAIL) + b"]"


# --- bodies on their way


@_fault("cut-body", Kind.BODY, "the connection ends in the middle of a result or a file")
async def _cut_body(request: web.Request, handler: Handler, _: Setting) -> web.StreamResponse:
    request[TROUBLE] = Trouble(_cut)
    return await handler(request)


async def _cut(request: web.Request, pieces: Pieces) -> Pieces:
    first = await anext(pieces)
    yield first[: len(first) // 2]
    if request.transport:
        request.transport.close()  # what was written goes out, the rest never does


@_fault("slow-body", Kind.BODY, "half of a result or a file, then silence for `stall` seconds, then the rest")
async def _slow_body(request: web.Request, handler: Handler, setting: Setting) -> web.StreamResponse:
    request[TROUBLE] = Trouble(partial(_slowly, setting.stall))
    return await handler(request)


async def _slowly(seconds: float, _: web.Request, pieces: Pieces) -> Pieces:
    first = await anext(pieces)
    yield first[: len(first) // 2]
    await asyncio.sleep(seconds)
    yield first[len(first) // 2 :]
    async for piece in pieces:
        yield piece


@_fault("page-for-file", Kind.FILE, "200 with an HTML page in place of a file")
async def _page_for_file(*_: object) -> web.StreamResponse:
    return _page(200, "AuroraX")


# --- uploads


@_fault("bad-record", Kind.UPLOAD, "400 with an array that names one record; nothing is stored")
async def _bad_record(request: web.Request, handler: Handler, _: Setting) -> web.StreamResponse:
    records = await _records(request)
    if not records:
        return await handler(request)
    index = len(records) // 2
    named = records[index].get("epoch") or records[index].get("url")
    return told([{"error_code": "AssertionError", "error_message": f"Record {index}: {named} is refused."}], 400)


@_fault("too-large", Kind.UPLOAD, "413 for an upload of more than `limit` records")
async def _too_large(request: web.Request, handler: Handler, setting: Setting) -> web.StreamResponse:
    if len(await _records(request)) <= setting.limit:
        return await handler(request)
    raise Refused(413, "Other", f"An upload may have {setting.limit} records at most.")


@_fault("duplicate", Kind.UPLOAD, "409: there is a duplicate record; nothing is stored")
async def _duplicate(*_: object) -> web.StreamResponse:
    raise Refused(409, "Duplicate", "There was a duplicate record found. No changes were made.")


@_fault("lost-upload", Kind.UPLOAD, "202, and nothing is stored")
async def _lost_upload(*_: object) -> web.StreamResponse:
    return web.Response(status=202)


async def _records(request: web.Request) -> list[dict[str, object]]:
    try:
        records = json.loads(await request.read())
    except ValueError:
        return []
    return records if isinstance(records, list) and all(isinstance(each, dict) for each in records) else []


def _page(status: int, title: str) -> web.Response:
    return web.Response(status=status, text=_PAGE.format(title), content_type="text/html")
