"""The endpoints that push and delete records."""

import asyncio
import sqlite3
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from imap_bulk.server.aurorax.accounts import UPLOADERS, Accounts
from imap_bulk.server.aurorax.answers import not_found, nothing, read_json, read_object, told
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.holdings import file_path
from imap_bulk.server.aurorax.ingestion import Ingestion
from imap_bulk.server.aurorax.queries import read_list, read_span
from imap_bulk.server.aurorax.source_routes import found
from imap_bulk.server.aurorax.times import stamped
from imap_bulk.server.aurorax.uploads import ReadRow, check_triple, ephemeris_row, product_row, read_rows

JOB_SECONDS = 3600
"""How long a deletion of ephemeris is remembered."""

_STORE_EPHEMERIS = "INSERT OR REPLACE INTO ephemeris VALUES (?, ?, ?)"
_STORE_PRODUCT = "INSERT OR REPLACE INTO product VALUES (?, ?, ?, ?, ?, ?)"


class ManagingRoutes:
    """Takes uploads and deletions, of ephemeris and of data products."""

    def __init__(
        self, catalog: Catalog, accounts: Accounts, ingestion: Ingestion, clock: Callable[[], float]
    ) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._ingestion = ingestion
        self._clock = clock
        self._jobs: dict[str, dict[str, Any]] = {}

    def add_to(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add the routes below a prefix."""
        own = prefix + "/data_sources/{identifier}"
        router.add_post(f"{own}/ephemeris", partial(self._upload, ephemeris_row, _STORE_EPHEMERIS))
        router.add_post(f"{own}/data_products", partial(self._upload, product_row, _STORE_PRODUCT))
        router.add_delete(f"{own}/ephemeris", self._delete_ephemeris)
        router.add_delete(f"{own}/data_products", self._delete_products)
        router.add_get(f"{own}/ephemeris/delete_jobs", self._list_jobs, allow_head=False)
        router.add_get(f"{own}/ephemeris/delete_jobs/{{job}}", self._job, allow_head=False)

    async def _upload(self, read: ReadRow, store: str, request: web.Request) -> web.Response:
        self._accounts.require(request, UPLOADERS)
        source = found(self._catalog, request)
        rows, errors = await asyncio.to_thread(read_rows, source, await read_json(request), read)
        if errors:
            return told(errors, 400)
        self._ingestion.accept(lambda connection: _store(connection, store, rows))
        return nothing(202)

    async def _delete_ephemeris(self, request: web.Request) -> web.Response:
        self._accounts.require(request, UPLOADERS)
        source = found(self._catalog, request)
        document = await read_object(request)
        check_triple(source, document)
        start, end = read_span(document)
        job = str(uuid.uuid4())
        self._jobs[job] = {"source": source.identifier, "asked": self._clock(), "state": "pending"}

        def work(connection: sqlite3.Connection) -> None:
            span = (source.identifier, int(-(-start // 1)), int(end // 1))
            connection.execute("DELETE FROM ephemeris WHERE source = ? AND epoch BETWEEN ? AND ?", span)
            if source.sampled:
                connection.execute("INSERT INTO erased_ephemeris VALUES (?, ?, ?)", span)
            self._jobs[job]["state"] = "completed"

        self._ingestion.accept(work)
        return nothing(202)

    async def _delete_products(self, request: web.Request) -> web.Response:
        self._accounts.require(request, UPLOADERS)
        source = found(self._catalog, request)
        document = await read_object(request)
        check_triple(source, document)
        urls = read_list(document, "urls")  # none are required, and its own client sends none where it found none

        def work(connection: sqlite3.Connection) -> None:
            pairs = [(source.identifier, url) for url in urls]
            connection.executemany("DELETE FROM product WHERE source = ? AND url = ?", pairs)
            if source.sampled:
                paths = [(source.identifier, file_path(url)) for url in urls]
                connection.executemany("INSERT OR IGNORE INTO erased_product VALUES (?, ?)", paths)

        await self._catalog.alter(work)
        return nothing(200)

    async def _list_jobs(self, request: web.Request) -> web.Response:
        return told([job for job, _ in self._recent(request)])

    async def _job(self, request: web.Request) -> web.Response:
        wanted = request.match_info["job"]
        for job, known in self._recent(request):
            if job == wanted:
                return told([f"{known['state']}: ephemeris deletion asked for at {stamped(known['asked'])}"])
        raise not_found(f"No delete job found for ID {wanted}")

    def _recent(self, request: web.Request) -> list[tuple[str, dict[str, Any]]]:
        source = found(self._catalog, request)
        oldest = self._clock() - JOB_SECONDS
        self._jobs = {job: known for job, known in self._jobs.items() if known["asked"] > oldest}
        return [(job, known) for job, known in self._jobs.items() if known["source"] == source.identifier]


def _store(connection: sqlite3.Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    connection.executemany(sql, rows)
