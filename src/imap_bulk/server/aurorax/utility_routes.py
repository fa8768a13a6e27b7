"""The endpoints beside the data: queries described, requests listed by administrators, time zones, sessions."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from aiohttp import web

from imap_bulk.server.aurorax.accounts import ADMINISTRATORS, Accounts
from imap_bulk.server.aurorax.answers import bad_request, not_found, nothing, read_object, told
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.conjunction_query import read_conjunction_query
from imap_bulk.server.aurorax.describing import described
from imap_bulk.server.aurorax.finding import READERS
from imap_bulk.server.aurorax.parameters import read_flag, read_number
from imap_bulk.server.aurorax.queries import chosen
from imap_bulk.server.aurorax.requests import Kind, SearchRequest
from imap_bulk.server.aurorax.searches import Searches
from imap_bulk.server.aurorax.times import read_moment, written

_DESCRIBED = {"ephemeris": Kind.EPHEMERIS, "data_products": Kind.PRODUCTS, "conjunction": Kind.CONJUNCTIONS}


class UtilityRoutes:
    """Answers what is asked for beside the data."""

    def __init__(self, catalog: Catalog, accounts: Accounts, searches: Searches) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._searches = searches

    def add_to(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add the routes below a prefix."""
        for name, kind in _DESCRIBED.items():
            router.add_post(f"{prefix}/utils/describe/query/{name}", partial(self._describe, kind))
        router.add_post(f"{prefix}/utils/describe/cartesian_products", self._count_groups)
        router.add_get(f"{prefix}/utils/admin/search_requests", self._list, allow_head=False)
        router.add_delete(f"{prefix}/utils/admin/search_requests/{{id}}", self._forget)
        router.add_get(f"{prefix}/utils/timezones", self._zones, allow_head=False)
        router.add_get(f"{prefix}/utils/timezones/convert", self._convert, allow_head=False)
        router.add_get(f"{prefix}/accounts", self._list_accounts, allow_head=False)
        router.add_post(f"{prefix}/authenticate", self._log_in)
        router.add_post(f"{prefix}/authenticate/end_session", self._log_out)

    async def _describe(self, kind: Kind, request: web.Request) -> web.Response:
        query = await read_object(request)
        READERS[kind](query)
        return told(described(kind, query))

    async def _count_groups(self, request: web.Request) -> web.Response:
        query = read_conjunction_query(await read_object(request))
        sources = self._catalog.sources()
        return told(math.prod(len(side.locations) or len(chosen(side.block, sources)) for side in query.sides))

    async def _list(self, request: web.Request) -> web.Response:
        self._accounts.require(request, ADMINISTRATORS)
        conditions = list(_conditions(request))
        listed = [
            each.listing(exists=exists)
            for each, exists in self._searches.listed()
            if all(holds(each) for holds in conditions)
        ]
        return told(listed)

    async def _forget(self, request: web.Request) -> web.Response:
        self._accounts.require(request, ADMINISTRATORS)
        own = request.match_info["id"]
        if not await self._searches.forget(own):
            raise bad_request(f"No search request found for request ID {own}")
        return nothing(200)

    async def _zones(self, _: web.Request) -> web.Response:
        return told(sorted(available_timezones()))

    async def _convert(self, request: web.Request) -> web.Response:
        try:
            local = datetime.fromtimestamp(read_moment(request.query.get("ts")), UTC).replace(tzinfo=None)
            zone = ZoneInfo(request.query.get("tz", "UTC"))
        except ZoneInfoNotFoundError as error:
            raise not_found(f"There is no time zone {error}.") from None
        except ValueError as error:
            raise bad_request(f"The parameters ts and tz must be a moment and a time zone: {error}.") from None
        try:
            return told(written(local.replace(tzinfo=zone).timestamp()))
        except OverflowError:
            raise bad_request("The parameter ts is of no year from 1 to 9999 in UTC.") from None

    async def _list_accounts(self, request: web.Request) -> web.Response:
        self._accounts.require(request, ADMINISTRATORS)
        return told(self._accounts.listed(request.query.get("role")))

    async def _log_in(self, request: web.Request) -> web.Response:
        given = await read_object(request)
        token, account = self._accounts.log_in(given.get("email_address"), given.get("password"))
        return told(account, Authorization=f"Bearer {token}")

    async def _log_out(self, request: web.Request) -> web.Response:
        self._accounts.log_out(request)
        return nothing(200)


Condition = Callable[[SearchRequest], bool]


def _conditions(request: web.Request) -> list[Condition]:
    """Read what a listing of requests is narrowed down by. Raises Refused."""
    conditions: list[Condition] = []
    active, failed = read_flag(request, "active"), read_flag(request, "error_condition")
    if (search_type := request.query.get("search_type")) is not None:
        if search_type not in {kind.type for kind in Kind}:
            raise bad_request(f"{search_type!r} is no search type.")
        conditions.append(lambda each: each.kind.type == search_type)
    size, count = read_number(request, "file_size"), read_number(request, "result_count")
    if size is not None or count is not None:
        active = False
    duration = read_number(request, "query_duration")
    for least, value in ((size and size * 1000, "size"), (count, "count"), (duration, "duration")):
        if least is not None:
            conditions.append(_at_least(value, least))
    if active is not None:
        conditions.append(lambda each: each.is_running is active)
    if failed is not None:
        conditions.append(lambda each: each.failed is failed)
    return conditions + _span(request)


def _at_least(name: str, least: int) -> Condition:
    def holds(each: SearchRequest) -> bool:
        value: Any = getattr(each, name)
        return value is not None and value >= least

    return holds


def _span(request: web.Request) -> list[Condition]:
    try:
        start, end = (
            read_moment(request.query[name]) if name in request.query else None for name in ("start", "end")
        )
    except ValueError as error:
        raise bad_request(f"The parameters start and end must be moments: {error}.") from None
    return [lambda each: (start is None or each.requested >= start) and (end is None or each.requested <= end)]
