"""Searches: jobs with a request id, which go on while their requests are polled, and whose results expire."""

import asyncio
import json
import logging
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from imap_bulk.server.aurorax import requests
from imap_bulk.server.aurorax.answers import Refused, bad_request, not_found
from imap_bulk.server.aurorax.catalog import Catalog, Change
from imap_bulk.server.aurorax.requests import Kind, SearchRequest, log_line
from imap_bulk.server.aurorax.spool import Spool

_LOG = logging.getLogger(__name__)

Find = Callable[[Kind, Mapping[str, Any], str, Callable[[], None]], Iterator[dict[str, Any]]]
"""(kind, query, base URL, check) -> the records found; in a thread, with `check` called once in a while."""

_FAILED = "An error occurred while the search was performed"


class Cancelled(Exception):
    """The search is no longer wanted."""


class Searches:
    """The search requests. Times in seconds: a search takes at least `delay`, its result lives for `lifetime`."""

    def __init__(
        self,
        catalog: Catalog,
        spool: Spool,
        find: Find,
        *,
        delay: float,
        lifetime: float,
        clock: Callable[[], float],
    ) -> None:
        self._catalog = catalog
        self._spool = spool
        self._find = find
        self._delay = delay
        self._lifetime = lifetime
        self._clock = clock
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._stopped: set[str] = set()

    def start(self) -> None:
        """Go on with what an earlier run of the server has left undone."""
        known = self._all("WHERE completed IS NULL AND NOT failed OR completed IS NOT NULL AND deleted IS NULL")
        self._spool.prepare(each.id for each in known if each.has_result)
        for request in known:
            if request.is_running:
                self._begin(request, fails=False)

    async def close(self) -> None:
        """Stop what is running; the next start begins it anew."""
        jobs = list(self._jobs.values())
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    async def submit(
        self,
        kind: Kind,
        query: Mapping[str, Any],
        base: str,
        *,
        account: str | None,
        address: str,
        fails: bool = False,
    ) -> SearchRequest:
        """Begin a search; one that `fails` ends with an error and without a result. Raises Refused."""
        await self.expire()
        chosen = self._chosen_id(query)
        now = self._clock()
        received = log_line(now, "info", "Search request received")
        request = SearchRequest(chosen, kind, dict(query), base, account, address, now, logs=(received,))
        try:
            await self._catalog.write(_added(request))
        except sqlite3.IntegrityError:
            raise Refused(400, "Duplicate", f"There is a search request with the ID {chosen} already.") from None
        self._begin(request, fails=fails)
        return request

    @staticmethod
    def _chosen_id(query: Mapping[str, Any]) -> str:
        given = query.get("request_id")
        if given is None:
            return str(uuid.uuid4())
        try:
            return str(uuid.UUID(given))
        except (ValueError, AttributeError, TypeError):
            raise bad_request(f"The request_id {given!r} is not a UUID.") from None

    def _begin(self, request: SearchRequest, *, fails: bool) -> None:
        job = asyncio.create_task(self._run(request, fails=fails), name=f"search {request.id}")
        self._jobs[request.id] = job
        job.add_done_callback(lambda _: self._jobs.pop(request.id, None))

    async def _run(self, request: SearchRequest, *, fails: bool) -> None:
        await asyncio.sleep(self._delay)
        if fails:
            await self._fail(request, _FAILED)
            return
        try:
            count, size = await self._written(request)
        except Refused as refused:  # what was asked for has changed since, such as a source
            await self._fail(request, refused.message)
        except Exception:
            _LOG.exception("the search %s failed", request.id)
            await self._fail(request, _FAILED)
        else:
            await self._complete(request, count, size)

    async def _written(self, request: SearchRequest) -> tuple[int, int]:
        """Write the result in a thread, which is stopped before this is cancelled."""
        check = partial(self._check, request.id)
        found = _checked(self._find(request.kind, request.query, request.base, check), check)
        writing = asyncio.ensure_future(asyncio.to_thread(self._spool.write, request.id, found))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            self._stopped.add(request.id)
            await asyncio.gather(writing, return_exceptions=True)
            self._stopped.discard(request.id)
            raise

    def _check(self, own: str) -> None:
        if own in self._stopped:
            raise Cancelled

    async def _complete(self, request: SearchRequest, count: int, size: int) -> None:
        now = self._clock()
        logs = json.dumps([*request.logs, log_line(now, "info", f"Search completed, {count} records found")])
        sql = "UPDATE request SET completed = ?, count = ?, size = ?, logs = ? WHERE id = ? AND NOT failed"
        await self._catalog.write((sql, [now, count, size, logs, request.id]))

    async def _fail(self, request: SearchRequest, summary: str) -> None:
        logs = json.dumps([*request.logs, log_line(self._clock(), "error", summary)])
        sql = "UPDATE request SET failed = 1, logs = ? WHERE id = ? AND completed IS NULL"
        await self._catalog.write((sql, [logs, request.id]))

    def look(self, kind: Kind, own: str, account: str | None) -> SearchRequest:
        """Look up a request that this account may see. Raises Refused."""
        found = self._all("WHERE id = ? AND kind = ?", own.lower(), kind)
        if not found or found[0].account not in (None, account):
            raise not_found(f"No search request found for request ID {own}")
        return found[0]

    async def result(self, kind: Kind, own: str, account: str | None) -> Path:
        """Return where a request's result is. Raises Refused."""
        await self.expire()
        request = self.look(kind, own, account)
        path = self._spool.path(request.id)
        if not request.has_result or not path.exists():
            raise not_found(f"No data found for request ID {own}; it is not complete, has expired, or was deleted")
        return path

    async def cancel(self, kind: Kind, own: str, account: str | None) -> SearchRequest:
        """Stop a search that is running. Raises Refused."""
        request = self.look(kind, own, account)
        if job := self._jobs.get(request.id):
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)
            await self._fail(request, "Search was cancelled")
        return self.look(kind, own, account)

    async def delete_result(self, kind: Kind, own: str, account: str | None) -> SearchRequest:
        """Drop a request's result; the request stays. Raises Refused."""
        await self.result(kind, own, account)
        await self._drop([own.lower()])
        return self.look(kind, own, account)

    async def forget(self, own: str) -> bool:
        """Drop a request with its result; tell whether there was one."""
        found = self._all("WHERE id = ?", own.lower())
        if not found:
            return False
        await self.cancel(found[0].kind, own, found[0].account)
        await self._catalog.write(("DELETE FROM request WHERE id = ?", [found[0].id]))
        await asyncio.to_thread(self._spool.remove, found[0].id)
        return True

    def listed(self) -> list[tuple[SearchRequest, bool]]:
        """Return all requests, the latest first, and whether each has its result."""
        return [(each, each.has_result) for each in self._all("ORDER BY requested DESC")]

    async def expire(self) -> None:
        """Drop the results that have lived long enough."""
        oldest = self._clock() - self._lifetime
        rows = self._catalog.ask("SELECT id FROM request WHERE deleted IS NULL AND completed <= ?", oldest)
        await self._drop([own for (own,) in rows])

    async def _drop(self, ids: Iterable[str]) -> None:
        for own in ids:
            await self._catalog.write(("UPDATE request SET deleted = ? WHERE id = ?", [self._clock(), own]))
            await asyncio.to_thread(self._spool.remove, own)

    def _all(self, condition: str, *values: Any) -> list[SearchRequest]:
        rows = self._catalog.ask(f"SELECT {requests.COLUMNS} FROM request {condition}", *values)  # noqa: S608 - constants
        return [requests.of_row(row) for row in rows]


def _checked(records: Iterable[dict[str, Any]], check: Callable[[], None]) -> Iterator[dict[str, Any]]:
    for record in records:
        check()
        yield record


def _added(request: SearchRequest) -> Change:
    sql = f"INSERT INTO request ({requests.COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
    own = (request.id, request.kind, json.dumps(request.query), request.base, request.account, request.address)
    later = (request.completed, request.count, request.size, request.deleted, request.failed)
    return sql, [*own, request.requested, *later, json.dumps(request.logs)]
