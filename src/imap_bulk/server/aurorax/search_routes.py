"""The endpoints of searches: asked for, polled, fetched, cancelled; and those that answer at once."""

from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from imap_bulk.server.aurorax import conjunctions, spool
from imap_bulk.server.aurorax.accounts import Accounts
from imap_bulk.server.aurorax.answers import JSON, bad_request, nothing, read_object, told
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.finding import READERS, Finder
from imap_bulk.server.aurorax.parameters import read_flag
from imap_bulk.server.aurorax.queries import TEN_YEARS, TWO_DAYS, read_ephemeris_query, read_product_query
from imap_bulk.server.aurorax.requests import Kind
from imap_bulk.server.aurorax.searches import Searches
from imap_bulk.server.aurorax.shapes import Reshape, reshaped, with_sources
from imap_bulk.server.aurorax.sources import Format
from imap_bulk.server.aurorax.streaming import stream

FAILS = web.RequestKey("fails", bool)
"""The key under which a request says that its search is to fail."""

Base = Callable[[web.Request], str]
"""The address under which a request has reached the server."""


class SearchRoutes:
    """Takes searches, tells how they are, and hands out their results."""

    def __init__(
        self, catalog: Catalog, accounts: Accounts, searches: Searches, finder: Finder, base: Base
    ) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._searches = searches
        self._finder = finder
        self._base = base

    def add_to(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add the routes below a prefix."""
        for kind in Kind:
            own = f"{prefix}/{kind}/requests/{{id}}"
            router.add_post(f"{prefix}/{kind}/search", partial(self._submit, kind))
            router.add_get(own, partial(self._status, kind), allow_head=False)
            router.add_delete(own, partial(self._cancel, kind))
            router.add_get(f"{own}/data", partial(self._result, kind), allow_head=False)
            router.add_post(f"{own}/data", partial(self._shaped, kind))
            router.add_delete(f"{own}/data", partial(self._delete_result, kind))
        router.add_post(f"{prefix}/ephemeris/search_synchronous", self._ephemeris_at_once)
        router.add_post(f"{prefix}/data_products/search_synchronous", self._products_at_once)

    def _account(self, request: web.Request) -> str | None:
        account = self._accounts.bearer(request)
        return account.email_address if account else None

    async def _submit(self, kind: Kind, request: web.Request) -> web.Response:
        query = await read_object(request)
        READERS[kind](query)
        search = await self._searches.submit(
            kind,
            query,
            self._base(request),
            account=self._account(request),
            address=request.remote or "",
            fails=FAILS in request,
        )
        path = f"/api/v1/{kind}/requests/{search.id}"
        return nothing(202, Location=self._base(request) + path)

    async def _status(self, kind: Kind, request: web.Request) -> web.Response:
        return told(self._searches.look(kind, request.match_info["id"], self._account(request)).document())

    async def _cancel(self, kind: Kind, request: web.Request) -> web.Response:
        own, account = request.match_info["id"], self._account(request)
        search = await self._searches.cancel(kind, own, account)
        if kind is Kind.CONJUNCTIONS and search.completed is not None:
            if search.has_result:
                await self._searches.delete_result(kind, own, account)
            return nothing(204)
        return told(search.document())

    async def _delete_result(self, kind: Kind, request: web.Request) -> web.Response:
        own, account = request.match_info["id"], self._account(request)
        return told((await self._searches.delete_result(kind, own, account)).document())

    async def _result(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        form = Format.read(request.query.get("data_source_record_format"))
        with_queries = read_flag(request, "generate_ephemeris_queries") and kind is Kind.CONJUNCTIONS
        path = await self._searches.result(kind, request.match_info["id"], self._account(request))
        if form is Format.BASIC and not with_queries:
            return await stream(request, spool.whole(path), JSON, length=path.stat().st_size)
        records = spool.read(path)
        if with_queries:
            records = map(conjunctions.with_queries, records)
        return await stream(request, spool.written(records, with_sources(form, self._by_identifier())), JSON)

    async def _shaped(self, kind: Kind, request: web.Request) -> web.StreamResponse:
        reshape = reshaped(await read_object(request), self._by_identifier())
        path = await self._searches.result(kind, request.match_info["id"], self._account(request))
        return await stream(request, spool.written(spool.read(path), reshape), JSON)

    async def _ephemeris_at_once(self, request: web.Request) -> web.StreamResponse:
        document, reshape = await self._read_synchronous(request)
        found = self._finder.ephemeris(read_ephemeris_query(document, TWO_DAYS))
        return await stream(request, spool.written(found, reshape, bare=True), JSON)

    async def _products_at_once(self, request: web.Request) -> web.StreamResponse:
        document, reshape = await self._read_synchronous(request)
        found = self._finder.products(read_product_query(document, TEN_YEARS), self._base(request))
        return await stream(request, spool.written(found, reshape, bare=True), JSON)

    async def _read_synchronous(self, request: web.Request) -> tuple[dict[str, Any], Reshape | None]:
        """Return the query, and the form of its answer: the body's, else that of the URL."""
        document = await read_object(request)
        query, tree = document.get("query"), document.get("response_format")
        if not isinstance(query, dict):
            raise bad_request("The field query is required.")
        if tree:
            return query, reshaped(tree, self._by_identifier())
        form = Format.read(request.query.get("data_source_record_format"))
        return query, None if form is Format.BASIC else with_sources(form, self._by_identifier())

    def _by_identifier(self) -> dict[int, Any]:
        return {source.identifier: source for source in self._catalog.sources()}
