"""The endpoints of data sources."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from imap_bulk.server.aurorax.accounts import MANAGERS, Accounts
from imap_bulk.server.aurorax.answers import Refused, bad_request, not_found, nothing, read_object, told
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.counting import Counter
from imap_bulk.server.aurorax.parameters import read_flag, read_identifier
from imap_bulk.server.aurorax.queries import read_names
from imap_bulk.server.aurorax.sources import SOURCE_TYPES, Format, Source, check, new_source


class SourceRoutes:
    """Lists, adds, changes and deletes data sources."""

    def __init__(self, catalog: Catalog, accounts: Accounts, counter: Counter) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._counter = counter

    def add_to(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add the routes below a prefix."""
        own = prefix + "/data_sources/{identifier}"
        router.add_get(f"{prefix}/data_sources", self._list, allow_head=False)
        router.add_post(f"{prefix}/data_sources", self._add)
        router.add_post(f"{prefix}/data_sources/search", self._search)
        router.add_get(own, self._get, allow_head=False)
        router.add_put(own, self._put)
        router.add_patch(own, self._patch)
        router.add_delete(own, self._delete)
        router.add_get(f"{own}/stats", self._stats, allow_head=False)

    async def _list(self, request: web.Request) -> web.Response:
        return await self._told(
            request, [source for source in self._catalog.sources() if fits(source, request.query)]
        )

    async def _search(self, request: web.Request) -> web.Response:
        block = read_names(await read_object(request))
        return await self._told(request, [source for source in self._catalog.sources() if block.names(source)])

    async def _get(self, request: web.Request) -> web.Response:
        source = found(self._catalog, request)
        (document,) = await self._documents(request, [source])
        return told(document)

    async def _told(self, request: web.Request, sources: Iterable[Source]) -> web.Response:
        return told(await self._documents(request, sources))

    async def _documents(self, request: web.Request, sources: Iterable[Source]) -> list[dict[str, Any]]:
        form = Format.read(request.query.get("format"))
        documents = {source.identifier: source.told(form) for source in sources}
        if read_flag(request, "include_stats"):
            for source in sources:
                documents[source.identifier]["stats"] = await self._counter.stats(source, form)
        return list(documents.values())

    async def _add(self, request: web.Request) -> web.Response:
        account = self._accounts.require(request, MANAGERS)
        document = await read_object(request)
        try:
            source = await self._catalog.add(lambda free: new_source(document, free, account.email_address))
        except sqlite3.IntegrityError:
            raise _duplicate() from None
        return told(source.told())

    async def _put(self, request: web.Request) -> web.Response:
        account = self._accounts.require(request, MANAGERS)
        before = found(self._catalog, request)
        document = await read_object(request)
        source = new_source(document, before.identifier, before.owner or account.email_address)
        return await self._replace(before, replace(source, sampled=before.sampled))

    async def _patch(self, request: web.Request) -> web.Response:
        self._accounts.require(request, MANAGERS)
        before = found(self._catalog, request)
        return await self._replace(before, before.changed(await read_object(request)))

    async def _replace(self, before: Source, source: Source) -> web.Response:
        if source.identifier != before.identifier:
            raise bad_request("The identifier of a data source cannot be changed.")
        try:
            await self._catalog.replace(source)
        except sqlite3.IntegrityError:
            raise _duplicate() from None
        return told(source.told())

    async def _delete(self, request: web.Request) -> web.Response:
        self._accounts.require(request, MANAGERS)
        source = found(self._catalog, request)
        if source.sampled or self._catalog.has_uploads(source.identifier):
            raise Refused(
                409, "Conflict", "The data source cannot be deleted while there are records associated with it."
            )
        await self._catalog.remove(source.identifier)
        return nothing(200)

    async def _stats(self, request: web.Request) -> web.Response:
        source = found(self._catalog, request)
        return told(await self._counter.stats(source, Format.read(request.query.get("format"))))


def found(catalog: Catalog, request: web.Request) -> Source:
    """Return the source that a path names. Raises Refused."""
    identifier = read_identifier(request)
    source = catalog.source(identifier)
    if source is None:
        raise not_found(f"No Data Source record found in AuroraX for identifier {identifier}")
    return source


def fits(source: Source, query: Mapping[str, str]) -> bool:
    """Tell whether a source is one that a listing's parameters ask for. Raises Refused."""
    check({"source_type": query.get("source_type", SOURCE_TYPES[0])})
    names = ("program", "platform", "instrument_type", "source_type", "owner")
    return all(query.get(name) in (None, "", getattr(source, name)) for name in names)


def _duplicate() -> Refused:
    return Refused(409, "Duplicate", "There was a duplicate record found. No changes were made.")
