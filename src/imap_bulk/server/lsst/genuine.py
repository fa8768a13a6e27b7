"""The metadata service as it once ran: bare columns, one level, no pages, JSON called text/html, images never."""

import re

from aiohttp import web

from imap_bulk.server.lsst import replies
from imap_bulk.server.lsst.sample import DATABASES, Database, database

_LEVEL = "L2"
"""The one level that it tells of: it reads the first row and no other."""

_TABLE_IDS = 3
"""The first table's."""


def add_routes(router: web.UrlDispatcher, prefix: str) -> None:
    """Add the routes below /meta."""
    meta = prefix + "/meta/v0"
    router.add_get(meta, _slash)
    for path, answer in (
        ("/", _sentence),
        ("/db", _levels),
        ("/db/{level}", _databases),
        ("/db/{level}/{database}", _database),
        ("/db/{level}/{database}/tables", _tables),
        ("/db/{level}/{database}/tables/{table}", _table),
        ("/db/{level}/{database}/tables/{table}/schema", _schema),
        ("/image{rest:.*}", _never),
    ):
        router.add_get(meta + path, answer)


async def _slash(request: web.Request) -> web.Response:
    raise web.HTTPMovedPermanently(f"{request.path}/")


async def _sentence(request: web.Request) -> web.Response:
    text = "LSST Metadata Service v0 here. I currently support /db and /image."
    return web.Response(text=text, content_type="text/html")


async def _never(request: web.Request) -> web.Response:
    return web.Response(text="LSST Metadata Service: image metadata is not implemented.", content_type="text/html")


async def _levels(request: web.Request) -> web.Response:
    return replies.json_reply({"result": [_LEVEL]}, genuine=True)


async def _databases(request: web.Request) -> web.Response:
    listed = [[each.name] for each in DATABASES if each.level == request.match_info["level"]]
    return replies.json_reply({"results": listed}, genuine=True)


async def _database(request: web.Request) -> web.Response:
    found = _found(request)
    if found is None:
        return replies.html_failure(500, "Internal Server Error")
    row = [DATABASES.index(found) + 1, None, "db", found.level, "x", 1, found.name, found.host, found.port]
    return replies.json_reply({"result": row}, genuine=True)


async def _tables(request: web.Request) -> web.Response:
    found = _found(request)
    return replies.json_reply({"results": [[table.name] for table in found.tables] if found else []}, genuine=True)


async def _table(request: web.Request) -> web.Response:
    found = _found(request)
    table = found.table(request.match_info["table"]) if found else None
    if found is None or table is None:
        return replies.html_failure(500, "Internal Server Error")
    table_id = _TABLE_IDS + found.tables.index(table)
    row = [table_id, DATABASES.index(found) + 1, table.name, table.description]
    return replies.json_reply({"result": row}, genuine=True)


async def _schema(request: web.Request) -> web.Response:
    names = request.match_info["database"], request.match_info["table"]
    if not all(re.fullmatch("[a-zA-Z0-9_]+", name) for name in names):
        document = {"exception": "ValueError", "message": "Database name is not valid"}
        return replies.json_reply(document, 400, genuine=True)
    found = _found(request)
    table = found.table(names[1]) if found else None
    if table is None:
        return replies.html_failure(500, "Internal Server Error")
    return replies.json_reply({"result": [table.name, table.mysql()]}, genuine=True)


def _found(request: web.Request) -> Database | None:
    return database(request.match_info["database"])
