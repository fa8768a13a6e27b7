"""The embedded archive: an API origin and a storage origin, on two ports as in production."""

import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from aiohttp import web

from imap_bulk import filenames
from imap_bulk.server import lock, openapi, page
from imap_bulk.server.catalog import Catalog, StoredObject
from imap_bulk.server.chaos import Chaos
from imap_bulk.server.cors import Cors
from imap_bulk.server.imap.gateway import Throttle
from imap_bulk.server.imap.generations import PERMISSIVE, Generation
from imap_bulk.server.imap.keys import Scope
from imap_bulk.server.imap.routes import ImapApi
from imap_bulk.server.importing import Report, Surveyor
from imap_bulk.server.listening import WILDCARDS, listen, origin, patience
from imap_bulk.server.objects import Objects
from imap_bulk.server.storage import Storage
from imap_bulk.sigv4 import AccessKey

if TYPE_CHECKING:
    from imap_bulk.bucket import BucketOptions
    from imap_bulk.server.s3 import Bucket
    from imap_bulk.server.store import Store

__all__ = ["ArchiveServer", "Scope", "ServerOptions"]

CATALOG_NAME = ".catalog.sqlite3"
"""The catalog's file below the root; its dot keeps it apart from data."""

_READ_BUFFER_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """How an embedded archive is set up; times in seconds."""

    root: Path
    """Where objects and catalog live; made if missing. One server at a time."""

    host: str = "127.0.0.1"
    port: int = 0
    """Port of the API; 0 takes a free one."""

    storage_port: int = 0
    """Port of the storage; 0 takes a free one."""

    keys: Mapping[str, Scope] = field(default_factory=dict, repr=False)
    """API keys (as well bearer tokens) and what they may do; with none, everybody may read and write."""

    url_lifetime_download: int = 86_400
    url_lifetime_upload: int = 3_600

    legacy_names: bool = False
    """Take names of the first generation, with two dates and a version vNN-NN."""

    answer_limit_bytes: int | None = 6_291_556
    """Longest query answer as the gateway takes it, JSON in a JSON string; beyond, a 500. None lifts the limit."""

    generation: Generation = PERMISSIVE
    """Whose API is played. `STRICT_2024` knows no keys; `STRICT_2026` asks for them also where there are none."""

    envelope: bool = False
    """Wrap answers as the documents print them: `{"statusCode": N, "headers": {...}, "body": ...}`."""

    throttle: float | None = None
    """API requests per second, and at once; beyond them a request is a 429."""

    grace: float = 3.0
    """How long requests in flight may go on when the server stops."""

    clock: Callable[[], float] = time.time
    """Unix time; a test moves it instead of sleeping."""

    secret: str | None = field(default=None, repr=False)
    """What URLs are signed with; None takes a random one at each start."""

    chaos: str = ""
    """Faults to be committed, as `chaos.parse_spec` reads them; "" commits none."""

    seed: int = 0
    """The same seed gives the same faults to the same requests."""

    bucket: "BucketOptions | None" = None
    """Keep the objects there, and the catalog alone below the root; chaos then has no storage to fail in."""

    rescan: bool = False
    """Make the catalog true to what lies below the root, or in the bucket, before anything is served."""

    bring: Path | None = None
    """Archive the data files below this directory before anything is served. Not with a bucket."""

    report: Report = lambda _: None
    """Called now and then while files are brought in or looked for."""


class ArchiveServer:
    """The embedded archive: `async with ArchiveServer(options) as server: server.url`."""

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._key = AccessKey("IMAPBULKEMBEDDED", options.secret or secrets.token_hex(32), "us-west-2")
        self._stack = AsyncExitStack()
        self._chaos = Chaos(options.chaos, options.seed, options.clock) if options.chaos else None
        self._store: Store | None = None
        self._bucket: Bucket | None = None
        self._api_port = 0
        self._storage_port = 0

    @property
    def url(self) -> str:
        """Base URL of the API, with its real port."""
        return origin(self._options.host, self._api_port)

    @property
    def storage_url(self) -> str:
        """Base URL of the storage, with its real port."""
        if self._options.bucket:
            return self._options.bucket.origin
        return origin(self._options.host, self._storage_port)

    @property
    def key(self) -> AccessKey:
        """What signs URLs for the storage."""
        return self._key

    @property
    def chaos(self) -> Chaos | None:
        """What commits faults, with the log of them; None where none were asked for."""
        return self._chaos

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._start(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    async def add(self, name: str, body: bytes) -> StoredObject:
        """Archive `body` as the file `name`, as an upload would. Raises BadName."""
        assert self._store is not None, "the server has not been started"
        return await self._store.store(filenames.parse(name, legacy=self._options.legacy_names), _one_piece(body))

    async def _start(self, stack: AsyncExitStack) -> None:
        options = self._options
        options.root.mkdir(parents=True, exist_ok=True)
        stack.enter_context(lock.held(options.root))
        catalog = Catalog(options.root / CATALOG_NAME)
        stack.callback(catalog.close)
        self._store = await (self._open_bucket(catalog) if options.bucket else self._open_disk(stack, catalog))
        api = ImapApi(
            catalog,
            self._sign,
            options.keys,
            store=self._store,
            legacy_names=options.legacy_names,
            answer_limit_bytes=options.answer_limit_bytes,
            generation=options.generation,
            envelope=options.envelope,
            throttle=Throttle(options.throttle, options.clock) if options.throttle else None,
        )
        application = api.application([self._chaos.middleware] if self._chaos else [])
        has_keys = options.generation.asks_for_keys(has_keys=bool(options.keys))
        page.add_routes(
            application.router,
            self._storage_origin,
            options.generation,
            has_keys=has_keys,
            has_bucket=options.bucket is not None,
        )
        openapi.add_route(application.router, has_keys=has_keys)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=patience(options.grace))
        self._api_port = await listen(stack, runner, options.host, options.port)
        if self._chaos:
            self._chaos.start()
            stack.callback(self._chaos.close)  # the first to go: what is silent now would outlast the grace

    async def _open_disk(self, stack: AsyncExitStack, catalog: Catalog) -> Objects:
        """Put the objects on disk in order, and serve them."""
        options = self._options
        objects = Objects(options.root, catalog, options.clock)
        await objects.prepare()
        stack.push_async_callback(objects.close)
        surveyor = Surveyor(
            options.root, catalog, options.clock, legacy_names=options.legacy_names, report=options.report
        )
        if options.rescan:
            await surveyor.rescan()
        if options.bring:
            await surveyor.bring(options.bring)
        self._storage_port = await listen(stack, self._storage_runner(objects), options.host, options.storage_port)
        return objects

    async def _open_bucket(self, catalog: Catalog) -> "Bucket":
        from imap_bulk.server.s3 import Bucket  # needs the extra

        options = self._options
        assert options.bucket
        bucket = Bucket(options.bucket, catalog, options.clock, lifetime_upload=options.url_lifetime_upload)
        await bucket.check()
        if options.rescan:
            await bucket.rescan(options.report)
        self._bucket = bucket
        return bucket

    def _storage_runner(self, objects: Objects) -> web.ServerRunner:
        options = self._options
        storage = Storage(
            objects,
            self._key,
            options.clock,
            read_name=partial(options.generation.read_name, legacy=options.legacy_names),
            chaos=self._chaos,
            cors=Cors(lambda: self._api_port),
        )
        server = web.Server(
            storage.handle,
            access_log=None,
            auto_decompress=False,  # an object is what was sent, also with a Content-Encoding
            read_bufsize=_READ_BUFFER_BYTES,
        )
        return web.ServerRunner(server, shutdown_timeout=patience(options.grace))

    async def _sign(self, request: web.Request, method: Literal["GET", "PUT"], key: str) -> str:
        options = self._options
        storage = self._storage_origin(request)
        lifetime = options.url_lifetime_upload if method == "PUT" else options.url_lifetime_download
        if self._bucket:
            return await self._bucket.sign(method, key, lifetime)
        return self._key.sign(method, storage, key, lifetime, options.clock())

    def _storage_origin(self, request: web.Request) -> str:
        if not self._options.bucket and self._options.host in WILDCARDS and request.url.host:
            return origin(request.url.host, self._storage_port)  # the name that reached us once
        return self.storage_url


async def _one_piece(body: bytes) -> AsyncIterator[bytes]:
    yield body
