"""The embedded LSST archive: the three services of the Data Access API v0 on one port."""

import importlib.util
import logging
import tempfile
import time
from asyncio import to_thread
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imap_bulk.errors import PermanentError
from imap_bulk.server import lock
from imap_bulk.server.listening import WILDCARDS, listen, origin, patience
from imap_bulk.server.lsst import databases, genuine, replies
from imap_bulk.server.lsst.faults import Faults
from imap_bulk.server.lsst.imaging import Imaging
from imap_bulk.server.lsst.jobs import Jobs
from imap_bulk.server.lsst.meta import Metadata, NoImage
from imap_bulk.server.lsst.sample import Holdings
from imap_bulk.server.lsst.sql import Runner
from imap_bulk.server.lsst.tap import Queries
from imap_bulk.server.lsst.waiting import Waiting

_LOG = logging.getLogger(__name__)
_MOST_FORM_BYTES = 1 << 20
SERVICES = ("db", "image", "meta")


class ExtraMissing(PermanentError):
    """astropy is not installed."""


@dataclass(frozen=True, slots=True)
class LsstOptions:
    """How an embedded LSST archive is set up; times in seconds."""

    root: Path | None = None
    """Where the catalogue databases are kept, and found again at the next start; None is a place until the end."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""

    prefix: str = ""
    """What stands before all paths, such as `/api`."""

    page_size: int = 1000
    """The most entries of a list that one answer holds."""

    rows: int = 200_000
    """Of each of the large tables."""

    seed: int = 0
    """The same seed gives the same catalogue and the same pixels."""

    job_delay: float = 0.0
    """How long a job takes at least, by the clock."""

    query_seconds: float = 30.0
    """How long a statement may take; beyond, it fails."""

    faults: str = ""
    """Faults to be committed, `NAME*COUNT,...`, as `faults.read_faults` reads them."""

    genuine: bool = False
    """Answer as the old servers did, with all that they lacked."""

    clock: Callable[[], float] = time.time
    """Unix time; a test moves it instead of sleeping."""

    grace: float = 3.0
    """How long requests in flight may go on when the server stops."""


class LsstServer:
    """The embedded archive: `async with LsstServer(options) as server: server.url`.

    Raises ValueError for bad faults; entering it raises ExtraMissing, RootInUse, OSError.
    """

    def __init__(self, options: LsstOptions) -> None:
        self._options = options
        self._faults = Faults(options.faults, options.prefix)
        self._stack = AsyncExitStack()
        self._port = 0

    @property
    def url(self) -> str:
        """Base URL of the services, with its real port and the prefix."""
        return origin(self._options.host, self._port) + self._options.prefix

    async def __aenter__(self) -> Self:
        if importlib.util.find_spec("astropy") is None:
            raise ExtraMissing("the embedded LSST archive needs astropy; install imap-bulk[lsst]")
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def _start(self, stack: AsyncExitStack) -> None:
        options = self._options
        root = options.root or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="imap-bulk-lsst-")))
        root.mkdir(parents=True, exist_ok=True)
        stack.enter_context(lock.held(root))
        paths = await to_thread(databases.build, root.resolve(), rows=options.rows, seed=options.seed)
        jobs = Jobs(options.job_delay, options.clock)
        queries = Runner(paths, options.query_seconds)
        application = self._application(queries, jobs)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=patience(options.grace))
        self._port = await listen(stack, runner, options.host, options.port)
        stack.push_async_callback(jobs.close)
        stack.callback(queries.stopped.set)
        stack.callback(self._faults.close)  # the first to go: what is silent now would outlast the grace

    def _application(self, runner: Runner, jobs: Jobs) -> web.Application:
        options, holdings = self._options, Holdings()
        application = web.Application(
            middlewares=[self._faults.middleware, self._judge], client_max_size=_MOST_FORM_BYTES
        )
        router = application.router
        waiting = Waiting(jobs, options.clock, self._service_root)
        self._add_roots(router)
        if options.genuine:
            genuine.add_routes(router, options.prefix)
        else:
            Metadata(holdings, self._service_root, options.page_size).add_routes(router, options.prefix)
            waiting.add_routes(router, options.prefix)
        Queries(runner, waiting, genuine=options.genuine).add_routes(router, options.prefix)
        Imaging(
            holdings,
            waiting,
            self._service_root,
            page_size=options.page_size,
            seed=options.seed,
            genuine=options.genuine,
        ).add_routes(router, options.prefix)
        return application

    def _add_roots(self, router: web.UrlDispatcher) -> None:
        prefix, is_genuine = self._options.prefix, self._options.genuine

        async def services(request: web.Request) -> web.Response:
            return replies.json_reply(list(SERVICES), genuine=is_genuine)

        async def versions(request: web.Request) -> web.Response:
            return replies.json_reply("v0" if is_genuine else ["v0"], genuine=is_genuine)

        router.add_get(prefix + "/", services)
        if prefix:
            router.add_get(prefix, services)
        for service in SERVICES:
            router.add_get(f"{prefix}/{service}", versions)

    @property
    def _judge(self) -> Middleware:
        """Return a middleware that turns what handlers raise into the services' errors."""

        @web.middleware
        async def judge(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            except NoImage as error:
                return replies.failure(404, "OSError", str(error))
            except LookupError as error:
                return self._told(request, 404, "NotFound", str(error))
            except ValueError as error:
                return self._told(request, 400, "ValueError", str(error))
            except web.HTTPClientError as error:
                return self._told(request, error.status, type(error).__name__.removeprefix("HTTP"), error.reason)
            except web.HTTPException:
                raise
            except Exception as error:
                _LOG.exception("the LSST archive failed at %s", request.path)
                return self._told(request, 500, type(error).__name__, "the archive failed; its log tells more")

        return judge

    def _told(self, request: web.Request, status: int, exception: str, message: str) -> web.Response:
        if self._options.genuine and status == 404 and exception == "NotFound":
            return replies.html_failure(404, "Not Found")
        if request.path.startswith(f"{self._options.prefix}/db/"):
            return replies.json_reply({"error": exception, "message": message}, status)
        return replies.failure(status, exception, message)

    def _service_root(self, request: web.Request) -> str:
        if self._options.host in WILDCARDS and request.url.host:
            return origin(request.url.host, self._port) + self._options.prefix  # the name that reached us once
        return self.url
