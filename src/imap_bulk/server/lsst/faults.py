"""Faults of the LSST services, on demand: by an option of the server, or by a header of a request.

The option is a list such as `500-document*2,job-fails*1`: the first COUNT requests of every path that the fault
fits meet it. The header `x-demo-fault: NAME` asks for one at this request. Beside those below, whatever the
embedded IMAP archive does to an answer on its way (`chaos.faults`) can be asked for by its name.
"""

import asyncio
import re
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imap_bulk.server.chaos.fault import Kind
from imap_bulk.server.chaos.faults import ALL
from imap_bulk.server.chaos.spec import Spec
from imap_bulk.server.lsst import replies
from imap_bulk.server.wire import Exchange, Origin, Planned

HEADER = "x-demo-fault"

_COMMITTED = web.RequestKey("fault", str)
_IMAGE = re.compile(
    r"/image/v0/([0-9]+/results/.+|.*/(id|ids|cutout|cutoutPixel|[0-9]+)|(raw|calexp|deepCoadd))", re.IGNORECASE
)
_TONIGHT = re.compile(r"(/meta/v0/image|/image/v0)/L1/[^/]+/[^/]+", re.IGNORECASE)
_JOB = re.compile(r"/image/v0/[0-9]+(/(status|explain|results))?")


class Trouble(NamedTuple):
    """A fault: what a client sees of it, and the requests (path without prefix, method) that it fits."""

    line: str
    fits: Callable[[str, str], bool]


def _any(path: str, method: str) -> bool:
    return True


def _query(path: str, method: str) -> bool:
    return path.startswith("/db/v0/tap/sync")


def _image(path: str, method: str) -> bool:
    return method == "GET" and _IMAGE.fullmatch(path) is not None and _JOB.fullmatch(path) is None


def _job(path: str, method: str) -> bool:
    return method == "POST" and path.startswith(("/image/v0/", "/db/v0/tap/sync"))


def _list_of_tonight(path: str, method: str) -> bool:
    return method == "GET" and _TONIGHT.fullmatch(path) is not None


TROUBLES = {
    "500-document": Trouble("500 with an error document in JSON", _any),
    "500-html": Trouble("500 with an HTML page", _any),
    "fits-truncated": Trouble("half of a FITS file, its length told as if that were all", _image),
    "fits-datasum": Trouble(
        "a FITS file with one wrong bit in its data, so that DATASUM and CHECKSUM disagree", _image
    ),
    "invalid-input": Trouble("200 with the text INVALID_INPUT instead of an image", _image),
    "info": Trouble('200 with {"Info": ...} instead of a result', _query),
    "page-form": Trouble("a result with its metadata beside the table, as the page has it", _query),
    "empty-elements": Trouble("a result that names no columns", _query),
    "job-fails": Trouble("a job that ends with an error", _job),
    "job-hangs": Trouble("a job that never ends", _job),
    "unstable": Trouble("a list of level 1 that has one more entry in front afterwards", _list_of_tonight),
}
"""The faults of this archive alone."""

_ON_THE_WAY = {
    name: fault for name, fault in ALL.items() if Kind.QUERY in fault.kinds or Kind.WHOLE in fault.kinds
}

FAULTS = {name: trouble.line for name, trouble in TROUBLES.items()} | {
    name: fault.line for name, fault in _ON_THE_WAY.items()
}
"""Every fault, and what a client sees of it, in one line."""


def committed(request: web.Request) -> str:
    """Return the fault that this request meets; "" for none."""
    return str(request.get(_COMMITTED, ""))


def read_faults(spec: str) -> dict[str, int]:
    """Read `NAME*COUNT,...`. Raises ValueError."""
    counts: dict[str, int] = {}
    for entry in filter(None, (part.strip() for part in spec.split(","))):
        match = re.fullmatch(r"([a-z0-9-]+)\*([0-9]{1,9})", entry, re.ASCII)
        if not match or match[1] not in FAULTS or match[1] in counts:
            raise ValueError(
                f"faults: {entry!r} is no NAME*COUNT of its own; known faults are {', '.join(FAULTS)}"
            )
        counts[match[1]] = int(match[2])
    return counts


class Faults:
    """Decides which request meets which fault, and commits those that befall a whole answer.

    Raises ValueError for a bad list.
    """

    def __init__(self, spec: str, prefix: str) -> None:
        self._counts = read_faults(spec)
        self._prefix = prefix
        self._left: dict[tuple[str, str, str], int] = {}
        self._closing = asyncio.Event()
        self._stall = Spec().stall

    def close(self) -> None:
        """End every silence at once."""
        self._closing.set()

    def decide(self, method: str, path: str) -> str:
        """Return the fault that the next request of a path meets, and count it; "" for none."""
        for name, count in self._counts.items():
            if not _fits(name, method, path.removeprefix(self._prefix)):
                continue
            left = self._left.setdefault((name, method, path), count)
            if left:
                self._left[name, method, path] = left - 1
                return name
        return ""

    @property
    def middleware(self) -> Middleware:
        """The front of the server."""

        @web.middleware
        async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
            name = request.headers.get(HEADER) or self.decide(request.method, request.path)
            if name and name not in FAULTS:
                return replies.failure(400, "ValueError", f"{HEADER}: known faults are {', '.join(FAULTS)}")
            request[_COMMITTED] = name
            if name == "500-html":
                return replies.html_failure(500, "Internal Server Error")
            if name == "500-document":
                return _error_document(request.path.removeprefix(self._prefix))
            answer = await handler(request)
            if not name or not isinstance(answer, web.Response) or not isinstance(answer.body, bytes):
                return answer
            if name in _ON_THE_WAY:
                return await self._on_the_way(name, request, answer)
            return _spoilt(name, answer, answer.body)

        return front

    async def _on_the_way(self, name: str, request: web.Request, answer: web.Response) -> web.StreamResponse:
        exchange = Exchange(request, Origin.API, 0, self._stall, self._closing, Planned.of(answer))
        try:
            return await _ON_THE_WAY[name].commit(exchange)
        except ConnectionError:
            return exchange.close()  # the client has gone, which ends every fault


def _fits(name: str, method: str, path: str) -> bool:
    if name in TROUBLES:
        return TROUBLES[name].fits(path, method)
    return Kind.QUERY in _ON_THE_WAY[name].kinds or _image(path, method)


def _error_document(path: str) -> web.Response:
    if path.startswith("/db/"):
        return replies.json_reply({"error": "OperationalError", "message": "(2013, 'Lost connection')"}, 500)
    document = {"exception": "RuntimeError", "message": "the butler has gone", "traceback": "", "more": ["demo"]}
    return replies.json_reply(document, 500)


def _spoilt(name: str, answer: web.Response, body: bytes) -> web.Response:
    """Return a FITS file that is damaged, under headers that fit the damaged one, or a sentence instead of it."""
    if answer.status != 200 or answer.content_type != "image/fits":
        return answer
    if name == "invalid-input":
        return web.Response(text="INVALID_INPUT this is a demonstration", content_type="text/plain")
    headers = {"Content-Type": "image/fits"}
    if name == "fits-truncated":
        return web.Response(body=body[: len(body) // 2 + 1], headers=headers)
    if name == "fits-datasum":
        return web.Response(body=body[:-2880] + bytes([body[-2880] ^ 1]) + body[-2879:], headers=headers)
    return answer
