"""The endpoints of availability: how many records a source has on each day."""

from datetime import UTC, date, datetime
from functools import partial

from aiohttp import web

from imap_bulk.server.aurorax.answers import bad_request, told
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.counting import Counter
from imap_bulk.server.aurorax.parameters import read_flag
from imap_bulk.server.aurorax.queries import check_product_type
from imap_bulk.server.aurorax.requests import Kind
from imap_bulk.server.aurorax.source_routes import fits
from imap_bulk.server.aurorax.sources import Format
from imap_bulk.server.aurorax.times import DAY, midnight, read_date


class AvailabilityRoutes:
    """Tells what there is."""

    def __init__(self, catalog: Catalog, counter: Counter) -> None:
        self._catalog = catalog
        self._counter = counter

    def add_to(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add the routes below a prefix."""
        for kind in (Kind.EPHEMERIS, Kind.PRODUCTS):
            router.add_get(f"{prefix}/availability/{kind}", partial(self._days, kind), allow_head=False)

    async def _days(self, kind: Kind, request: web.Request) -> web.Response:
        read_flag(request, "slow")  # both ways of counting give the same here
        form = Format.read(request.query.get("format"))
        first, behind = self._span(request)
        product_type = request.query.get("data_product_type") if kind is Kind.PRODUCTS else None
        if product_type is not None:
            check_product_type(product_type)
        sources = [source for source in self._catalog.sources() if fits(source, request.query)]
        counted = await self._counter.days(kind, sources, first, behind, product_type)
        return told([{"data_source": source.told(form), f"available_{kind}": days} for source, days in counted])

    def _span(self, request: web.Request) -> tuple[int, int]:
        """Return when the days asked for begin and end. Raises Refused."""
        given = {}
        for name in ("start", "end"):
            try:
                given[name] = midnight(read_date(request.query[name])) if name in request.query else None
            except ValueError as error:
                raise bad_request(f"The parameter {name} is wrong: {error}.") from None
        today = datetime.fromtimestamp(self._counter.clock(), UTC).date()
        start, end = given["start"], given["end"]
        if end is None:
            end = midnight(today) + 31 * DAY if start is None else start + 365 * DAY
        return midnight(date(today.year, 1, 1)) if start is None else start, end + DAY
