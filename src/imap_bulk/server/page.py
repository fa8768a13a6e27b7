"""The page that a browser gets at `/`: a few static files of this package, under a strict policy.

The page is a client of the API like any other; what it asks beyond that (`/page/days`, `/page/download`) stands
with the API's routes, behind the same keys. A program that asks for `/` gets what the gateway says there.
"""

from collections.abc import Callable
from functools import cache
from importlib import resources

from aiohttp import web

from imap_bulk import filenames
from imap_bulk.server.imap.generations import Generation
from imap_bulk.server.imap.names import YEAR_2026

StorageOrigin = Callable[[web.Request], str]
"""Where the signed URLs of an answer to this request lead: scheme, host and port."""

_TYPES = {"css": "text/css", "html": "text/html", "js": "text/javascript", "svg": "image/svg+xml"}


def add_routes(
    router: web.UrlDispatcher,
    storage_origin: StorageOrigin,
    generation: Generation,
    *,
    has_keys: bool,
    has_bucket: bool,
) -> None:
    """Add the page, its files and what it needs to know of this archive."""

    async def page(request: web.Request) -> web.Response:
        if not is_browser(request.headers.get("Accept", "")):
            raise web.HTTPNotFound
        return _file("index.html", _policy(storage_origin(request)))

    async def part(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _names() or name == "index.html":
            raise web.HTTPNotFound
        return _file(name, _policy(storage_origin(request)))

    async def about(_request: web.Request) -> web.Response:
        return web.json_response(_about(generation) | {"has_keys": has_keys, "has_bucket": has_bucket})

    router.add_get("/", page, allow_head=False)
    router.add_get("/page/about", about, allow_head=False)
    router.add_get(r"/page/{name:[a-z]+\.[a-z]+}", part, allow_head=False)


def is_browser(accept: str) -> bool:
    """Tell whether someone asks who can show a page: `text/html` by name, as no program asks by itself."""
    return any(kind.partition(";")[0].strip().lower() == "text/html" for kind in accept.split(","))


def _about(generation: Generation) -> dict[str, object]:
    """Tell what may be chosen: the page offers nothing that this archive would refuse."""
    columns = generation.columns or YEAR_2026
    return {
        "tables": ["science"] if generation.is_of_2024 else ["science", "ancillary", "spice"],
        "unasked": ["ingestion_start_date", "ingestion_end_date"] if generation.is_of_2024 else [],
        "has_majors": not generation.is_of_2024,
        "instruments": columns.instrument,
        "data_levels": columns.data_level,
        "spice_types": filenames.SPICE_TYPES,
        "extensions": {table: columns.extension.get(table, ()) for table in ("science", "ancillary")},
    }


def _policy(storage: str) -> dict[str, str]:
    """Return the headers that hold the page to itself and to the storage, whatever a file is called."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self' {storage}",
        "frame-src": f"'self' {storage}",  # downloads go through frames that show nothing
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in rules.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-cache",
        "Vary": "Accept",
    }


def _file(name: str, headers: dict[str, str]) -> web.Response:
    kind = _TYPES[name.rpartition(".")[2]]
    return web.Response(body=_content(name), content_type=kind, charset="utf-8", headers=headers)


@cache
def _names() -> frozenset[str]:
    return frozenset(file.name for file in resources.files("imap_bulk.server").joinpath("web").iterdir())


@cache
def _content(name: str) -> bytes:
    return resources.files("imap_bulk.server").joinpath("web", name).read_bytes()
