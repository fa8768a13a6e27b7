"""The API of the IMAP Science Data Center, as its handlers answer: query, spice-query, download, upload, release.

Oddities are theirs and kept on purpose: a malformed date is a 500 and no 400, an unknown parameter is told
in a JSON string, the 302 calls its JSON `text/html`. What tells the generations apart is in `generations`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Literal

from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from imap_bulk.errors import BadName
from imap_bulk.filenames import Kind
from imap_bulk.server.catalog import Catalog, Search, Versions
from imap_bulk.server.imap import metakernel
from imap_bulk.server.imap.gateway import Payload, Throttle, enveloped, gateway
from imap_bulk.server.imap.generations import EVERY_PREFIX, PERMISSIVE, Generation
from imap_bulk.server.imap.keys import Answer, Keys, Scope, json_text, shows_a_key
from imap_bulk.server.imap.query import SPICE_TABLES, BadParameter, product_search, spice_search, table_search
from imap_bulk.server.imap.records import Record, kernel_record, product_record, table_record
from imap_bulk.server.imap.release import release
from imap_bulk.server.store import Store

Sign = Callable[[web.Request, Literal["GET", "PUT"], str], Awaitable[str]]
"""(request, method, key) -> signed URL."""

_TABLE_ROUTES = {
    "/spin-table": "spin",
    "/repoint-table": "repoint",
    "/thruster-table": "thruster",
    "/small-forces-table": "thruster",
}
_SHARED = {"Access-Control-Allow-Origin": "*"}
_UPLOAD_DENIED = "Upload access denied. Your API key has read-only permissions."
_RELEASE_DENIED = "Release operation denied. Your API key has read permissions."
_JSON = {"Content-Type": "application/json"}


class ImapApi:
    """The routes of the API origin."""

    def __init__(
        self,
        catalog: Catalog,
        sign: Sign,
        keys: Mapping[str, Scope],
        *,
        store: Store,
        legacy_names: bool,
        answer_limit_bytes: int | None,
        generation: Generation = PERMISSIVE,
        envelope: bool = False,
        throttle: Throttle | None = None,
    ) -> None:
        self._catalog = catalog
        self._sign = sign
        self._store = store
        self._keys = Keys(keys, generation)
        self._legacy_names = legacy_names
        self._answer_limit_bytes = answer_limit_bytes
        self._generation = generation
        self._envelope = envelope
        self._throttle = throttle

    def application(self, in_front: Sequence[Middleware] = ()) -> web.Application:
        """Assemble the routes, each below every prefix; `in_front` sees their answers."""
        front = gateway(self._generation.words, self._throttle)
        application = web.Application(middlewares=[*in_front, front])
        for prefix in EVERY_PREFIX:
            self._add_routes(application.router, prefix)
            if prefix in self._generation.prefixes:
                self._add_documented_routes(application.router, prefix)
        return application

    def _add_documented_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add what the SDC has as well; without a key that it asks for, nobody gets any further."""

        def add(path: str, answer: Answer, denial: str = "", *, head: bool = False) -> None:
            handler = self._keys.guarded(prefix, answer, denial)
            router.add_get(prefix + path, _enveloping(handler) if self._envelope else handler, allow_head=head)

        is_of_2024 = self._generation.is_of_2024
        add("/query", self._query)
        path = "{path:/.+}" if is_of_2024 else "{path:(/.*)?}"
        add(f"/download{path}", self._download, head=not is_of_2024)
        if not is_of_2024:
            add("/spice-query", self._spice_query)
            add("/metakernel", self._metakernel)
            for route, table in _TABLE_ROUTES.items():
                add(route, partial(self._table_query, table))
        if self._generation.takes_uploads(prefix, has_keys=self._keys.are_set):
            add(f"/upload{path}", self._upload, _UPLOAD_DENIED)
            if not is_of_2024:
                add("/release", self._release, _RELEASE_DENIED)

    def _add_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        guarded = partial(self._keys.guarded, prefix)
        router.add_get(prefix + "/page/days", guarded(self._days), allow_head=False)
        router.add_get(prefix + r"/page/download{path:(/.*)?}", guarded(self._told), allow_head=False)

    async def _query(self, request: web.Request) -> web.Response:
        shared = _SHARED if self._generation.is_of_2024 else {}
        try:
            search = self._search(request)
        except BadParameter as fault:
            refused = json_text(str(fault), 400)
            refused.headers.update(shared)
            return refused
        return await self._answer(search, product_record(search.kind, self._generation), _JSON | shared)

    def _search(self, request: web.Request) -> Search:
        """Read what a request asks for. Raises BadParameter; ValueError or LookupError for what breaks theirs."""
        parameters = _parameters(request, joined=not self._generation.is_of_2024)
        table = Kind.SCIENCE if self._generation.is_of_2024 else parameters.pop("table", Kind.SCIENCE)
        released_only = self._generation.withholds and not shows_a_key(request)
        return product_search(
            Kind(table), parameters, self._generation, released_only=released_only, legacy=self._legacy_names
        )

    async def _spice_query(self, request: web.Request) -> web.Response:
        parameters = _parameters(request)
        spice_type = parameters.pop("type", "kernels")
        try:
            search = spice_search(spice_type, parameters)
        except BadParameter as fault:
            return json_text(str(fault), 400)
        return await self._answer(search, table_record if spice_type in SPICE_TABLES else kernel_record, _JSON)

    async def _table_query(self, table: str, request: web.Request) -> web.Response:
        try:
            search = table_search(table, dict(request.query))
        except BadParameter as fault:
            return json_text(str(fault), 400)
        return await self._answer(search, table_record, _JSON)

    async def _metakernel(self, request: web.Request) -> web.Response:
        search = Search(Kind.SPICE, (), Versions.NEWEST_KERNEL)
        await self._store.settle(search)
        rows = await asyncio.to_thread(lambda: list(self._catalog.search(search)))
        try:
            status, text = metakernel.answer(rows, request.query)
        except BadParameter as fault:
            return json_text(str(fault), 400)
        return web.Response(text=text, status=status)

    async def _answer(self, search: Search, record: Record, headers: Mapping[str, str]) -> web.Response:
        await self._store.settle(search)
        payload = Payload(headers, self._answer_limit_bytes)
        text = await asyncio.to_thread(self._render, search, record, payload)
        return web.Response(body=text.encode(), headers=headers)

    def _render(self, search: Search, record: Record, payload: Payload) -> str:
        """Write the records as one JSON array. Raises ValueError beyond what a Lambda can answer."""
        records: list[str] = []
        with closing(self._catalog.search(search)) as rows:
            for row in rows:
                records.append(json.dumps(record(row)))
                payload.add(records[-1])
        return f"[{', '.join(records)}]"

    async def _download(self, request: web.Request) -> web.Response:
        path = request.match_info["path"].removeprefix("/")
        key = self._generation.key_of(path)
        if not path:
            return _html_text(
                "No file requested for download. Please provide a filename in the path. "
                "Eg. /download/path/to/file/filename.pkts",
                400,
            )
        if not key or await self._store.find(key) is None:
            return _html_text(
                "File not found, make sure you include the full path to the file in the request, "
                "e.g. /download/path/to/file/filename.pkts.",
                404,
            )
        if self._generation.withholds and not shows_a_key(request) and not self._catalog.is_released(key):
            return _html_text(f"The file {path} is not a part of a public release yet.", 403)
        url = await self._sign(request, "GET", key)
        answer = _html_text(json.dumps({"download_url": url}), 302)
        answer.headers["Location"] = url
        return answer

    async def _days(self, request: web.Request) -> web.Response:
        """Count files by instrument and day: `[[instrument, YYYYMMDD, files], ...]`, for the page's calendar."""
        try:
            search = self._search(request)
        except BadParameter as fault:
            return json_text(str(fault), 400)
        await self._store.settle(search)
        return web.json_response(await asyncio.to_thread(self._catalog.days, search))

    async def _told(self, request: web.Request) -> web.Response:
        """Tell where a download is: a script cannot look at a redirect without following it."""
        answer = await self._download(request)
        if answer.status == 302:
            return web.Response(body=answer.body, content_type="application/json")
        return answer

    async def _upload(self, request: web.Request) -> web.Response:
        path = request.match_info["path"].removeprefix("/")
        if not path:
            return json_text(
                "No filename given for the upload. Please provide a filename in the path. "
                "Eg. /upload/path/to/file/filename.pkts",
                400,
            )
        name = path.rpartition("/")[2]
        try:
            file = self._generation.read_name(name, legacy=self._legacy_names)
        except BadName as fault:
            if self._generation.is_of_2024:
                return web.Response(text=str(fault), status=400)
            return json_text(str(fault), 400)
        if await self._store.find(file.key):
            return self._conflict(file.key)
        await self._store.expect(file)
        return json_text(await self._sign(request, "PUT", file.key), 200)

    async def _release(self, request: web.Request) -> web.Response:
        async def read(key: str) -> str:
            url = URL(await self._sign(request, "GET", key), encoded=True)
            async with ClientSession() as session, session.get(url) as answer:
                if answer.status != 200:
                    raise LookupError(f"storage answers {answer.status} for {key}")
                return await answer.text()

        try:
            return json_text(await release(self._catalog, read, dict(request.query)), 200)
        except BadParameter as fault:
            return json_text(str(fault), 400)

    def _conflict(self, key: str) -> web.Response:
        if self._generation.is_of_2024:
            answer = json_text(f"{self._generation.path_of(key)} already exists.", 409)
            answer.headers.update(_SHARED)
            return answer
        message = f"The file '{key}' already exists. Rename it or remove the existing file before uploading again."
        return json_text({"error": "FileAlreadyExists", "message": message}, 409)


def _enveloping(handler: Handler) -> Handler:
    async def wrapped(request: web.Request) -> web.StreamResponse:
        answer = await handler(request)
        assert isinstance(answer, web.Response)
        return enveloped(answer)

    return wrapped


def _html_text(text: str, status: int) -> web.Response:
    return web.Response(body=text.encode(), status=status, headers={"Content-Type": "text/html"})


def _parameters(request: web.Request, *, joined: bool = True) -> dict[str, str]:
    """Return the query's parameters; of repeated ones the last, or all joined with commas.

    Raises ValueError if there are none.
    """
    if not request.query:
        raise ValueError("the gateway gives handlers no map where there are no parameters")
    several = {name: request.query.getall(name) for name in request.query}
    return {name: ",".join(values) if joined else values[-1] for name, values in several.items()}
