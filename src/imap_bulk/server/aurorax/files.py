"""The host of the products' files: outside the API, and with its trap: what is missing is a home page."""

import hashlib
from collections.abc import Callable
from datetime import date

from aiohttp import web

from imap_bulk.server.aurorax import images, products, sample
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.streaming import stream
from imap_bulk.server.aurorax.times import DAY, midnight


class FileRoutes:
    """Serves the files of the sample's data products, whole or in part."""

    def __init__(self, catalog: Catalog, seed: int, clock: Callable[[], float]) -> None:
        self._catalog = catalog
        self._seed = seed
        self._clock = clock

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the route."""
        day = r"{year:\d{4}}/{month:\d\d}/{day:\d\d}"
        router.add_get(rf"/files/{{identifier:\d{{1,9}}}}/{day}/{{name}}", self._get)
        router.add_get("/files{rest:.*}", _home)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        file = self._find(request)
        if file is None:
            return await _home(request)
        identifier, first, made = file
        content = images.content(identifier, first, made, self._seed)
        return await _answer(request, content, images.CONTENT_TYPES[made.ending])

    def _find(self, request: web.Request) -> tuple[int, int, products.Made] | None:
        found = request.match_info
        try:
            day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        except ValueError:
            return None
        source = self._catalog.source(int(found["identifier"]))
        first = midnight(day)
        if source is None or not source.sampled or not sample.BEGIN <= first <= self._clock() - DAY:
            return None
        for made in products.MADE if source.identifier in sample.SITES else ():
            if "/" + products.path_of(source, first, made) == request.path:
                return source.identifier, first, made
        return None


async def _home(_: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": "/"})


async def _answer(request: web.Request, content: bytes, content_type: str) -> web.StreamResponse:
    # Of Apache's form: 32 hexadecimal digits would be taken for the MD5 that S3 puts there.
    etag = f"{len(content):x}-{hashlib.sha256(content).hexdigest()[:13]}"
    headers = {"Content-Type": content_type, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
    if request.if_match and not any(each.value in (etag, "*") for each in request.if_match):
        return web.Response(status=412)
    if request.if_none_match and any(each.value in (etag, "*") for each in request.if_none_match):
        return web.Response(status=304, headers=headers)
    status, part = 200, range(len(content))
    if "Range" in request.headers and request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]:
        try:
            part = part[request.http_range]
        except ValueError:  # it makes no sense, so it was not asked for
            return await _send(request, content, headers)
        if not part:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(content)}"})
        status = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
    return await _send(request, content[part.start : part.stop], headers, status)


async def _send(
    request: web.Request, body: bytes, headers: dict[str, str], status: int = 200
) -> web.StreamResponse:
    return await stream(request, iter([body]), headers, length=len(body), status=status)
