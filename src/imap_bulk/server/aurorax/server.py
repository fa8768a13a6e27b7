"""The embedded AuroraX archive on a port of its own: `async with AuroraxServer(options) as server: server.url`."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiohttp import web

from imap_bulk.server import lock
from imap_bulk.server.aurorax.accounts import Account, Accounts
from imap_bulk.server.aurorax.answers import error_documents
from imap_bulk.server.aurorax.availability import AvailabilityRoutes
from imap_bulk.server.aurorax.catalog import Catalog
from imap_bulk.server.aurorax.committing import Committer
from imap_bulk.server.aurorax.counting import Counter
from imap_bulk.server.aurorax.files import FileRoutes
from imap_bulk.server.aurorax.finding import Finder
from imap_bulk.server.aurorax.ingestion import Ingestion
from imap_bulk.server.aurorax.managing import ManagingRoutes
from imap_bulk.server.aurorax.search_routes import SearchRoutes
from imap_bulk.server.aurorax.searches import Searches
from imap_bulk.server.aurorax.source_routes import SourceRoutes
from imap_bulk.server.aurorax.spool import Spool
from imap_bulk.server.aurorax.utility_routes import UtilityRoutes
from imap_bulk.server.listening import listen, origin, patience

__all__ = ["Account", "AuroraxOptions", "AuroraxServer"]

CATALOG_NAME = "aurorax.sqlite3"
RESULTS_NAME = "aurorax-results"
PREFIX = "/api/v1"

_BODY_BYTES = 256 << 20
"""The longest body of a request; aiohttp's own limit would refuse a large upload."""

_HOME = """<!DOCTYPE html>
<html><head><title>AuroraX</title></head><body><h1>AuroraX</h1>
<p>An embedded archive that answers as the AuroraX API does, below /api/v1/.</p></body></html>
"""


@dataclass(frozen=True, slots=True)
class AuroraxOptions:
    """How an embedded AuroraX archive is set up; times in seconds."""

    root: Path
    """Where its catalog and results live; made if missing. One server at a time."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""

    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """API keys and their roles, or the scopes `read` and `write`; with none, everybody may do everything."""

    accounts: Collection[Account] = ()
    """Who may log in with a password."""

    seed: int = 0
    """The same seed gives the same orbits and pictures."""

    sampled: bool = True
    """Whether a new catalog begins with the sample sources."""

    search_delay: float = 0.3
    """How long a search takes at least."""

    ingest_delay: float = 0.2
    """How long after its 202 an upload, or a deletion of ephemeris, shows."""

    lifetime: float = 86_400
    """How long results can be fetched."""

    faults: str = ""
    """Faults to be committed, as `committing.parse_spec` reads them; "" commits none."""

    public_url: str | None = None
    """The base of the URLs that are handed out; None takes the address by which a request has come."""

    grace: float = 3.0
    """How long requests in flight may go on when the server stops."""

    clock: Callable[[], float] = time.time
    """Unix time; a test moves it instead of sleeping."""


class AuroraxServer:
    """The embedded archive: `async with AuroraxServer(options) as server: server.url`."""

    def __init__(self, options: AuroraxOptions) -> None:
        self._options = options
        self._stack = AsyncExitStack()
        self._port = 0
        self._committer = Committer(options.faults, options.seed)

    @property
    def url(self) -> str:
        """Base URL, with its real port."""
        return origin(self._options.host, self._port)

    @property
    def root(self) -> Path:
        """Where its catalog and results live."""
        return self._options.root

    @property
    def committed(self) -> Sequence[tuple[str, str, str]]:
        """The faults that were committed, of late: method, path, name."""
        return self._committer.log

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        options = self._options
        options.root.mkdir(parents=True, exist_ok=True)
        stack.enter_context(lock.held(options.root))
        catalog = Catalog(options.root / CATALOG_NAME, sampled=options.sampled)
        stack.callback(catalog.close)
        finder = Finder(catalog, options.seed, options.clock)
        searches = Searches(
            catalog,
            Spool(options.root / RESULTS_NAME),
            finder.find,
            delay=options.search_delay,
            lifetime=options.lifetime,
            clock=options.clock,
        )
        stack.push_async_callback(searches.close)
        searches.start()
        ingestion = Ingestion(catalog, options.ingest_delay)
        stack.push_async_callback(ingestion.close)
        ingestion.start()
        application = self._application(catalog, searches, finder, ingestion)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=patience(options.grace))
        self._port = await listen(stack, runner, options.host, options.port)

    def _application(
        self, catalog: Catalog, searches: Searches, finder: Finder, ingestion: Ingestion
    ) -> web.Application:
        options = self._options
        accounts = Accounts(options.keys, options.accounts, options.clock)
        fronts = [error_documents, self._committer.middleware]
        application = web.Application(middlewares=fronts, client_max_size=_BODY_BYTES)
        router = application.router
        router.add_get("/", _home)
        counter = Counter(catalog, options.seed, options.clock)
        for routes in (
            SourceRoutes(catalog, accounts, counter),
            AvailabilityRoutes(catalog, counter),
            UtilityRoutes(catalog, accounts, searches),
            ManagingRoutes(catalog, accounts, ingestion, options.clock),
            SearchRoutes(catalog, accounts, searches, finder, self._base),
        ):
            routes.add_to(router, PREFIX)
        FileRoutes(catalog, options.seed, options.clock).add_to(router)
        return application

    def _base(self, request: web.Request) -> str:
        return (self._options.public_url or f"{request.scheme}://{request.host}").rstrip("/")


async def _home(_: web.Request) -> web.Response:
    return web.Response(text=_HOME, content_type="text/html")
