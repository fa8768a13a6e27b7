"""The API of the IMAP Science Data Center, as its handlers of 2026 answer: query, spice-query, download, upload.

Oddities are theirs and kept on purpose: a malformed date is a 500 and no 400, an unknown parameter is told
in a JSON string, the 302 calls its JSON `text/html`. Everything archived here counts as released.
"""

import asyncio
import calendar
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imap_bulk import filenames
from imap_bulk.errors import BadName
from imap_bulk.filenames import Kind
from imap_bulk.server.catalog import Catalog, Search, unix_from_j2000
from imap_bulk.server.imap_query import SPICE_TABLES, BadParameter, day, product_search, spice_search

Sign = Callable[[web.Request, str, str], str]
"""(request, method, key) -> signed URL."""

_LOG = logging.getLogger(__name__)


class Scope(StrEnum):
    """What an API key may do; writing includes reading."""

    READ = "read"
    WRITE = "write"


class ImapApi:
    """The routes of the API origin."""

    def __init__(
        self,
        catalog: Catalog,
        sign: Sign,
        keys: Mapping[str, Scope],
        *,
        legacy_names: bool,
        answer_limit_bytes: int | None,
    ) -> None:
        self._catalog = catalog
        self._sign = sign
        self._keys = keys
        self._legacy_names = legacy_names
        self._answer_limit_bytes = answer_limit_bytes

    def application(self, in_front: Sequence[Middleware] = ()) -> web.Application:
        """Assemble the routes, each bare and below both prefixes; `in_front` sees their answers."""
        application = web.Application(middlewares=[*in_front, _gateway])
        for prefix in ("", "/api-key", "/authorized"):
            self._add_routes(application.router, prefix)
        return application

    def _add_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        def guarded(answer: Callable[[web.Request], Awaitable[web.Response]], needed: Scope) -> Handler:
            async def handler(request: web.Request) -> web.StreamResponse:
                scope = self._scope(prefix, request.headers)
                if needed is Scope.WRITE and scope is Scope.READ:
                    return _json_text("Upload access denied. Your API key has read-only permissions.", 403)
                return await answer(request)

            return handler

        router.add_get(prefix + "/query", guarded(self._query, Scope.READ), allow_head=False)
        router.add_get(prefix + "/spice-query", guarded(self._spice_query, Scope.READ), allow_head=False)
        router.add_get(prefix + r"/download{path:(/.*)?}", guarded(self._download, Scope.READ), allow_head=True)
        if prefix or not self._keys:  # in production, uploads exist only where a key is asked for
            router.add_get(prefix + r"/upload{path:(/.*)?}", guarded(self._upload, Scope.WRITE), allow_head=False)

    def _scope(self, prefix: str, headers: Mapping[str, str]) -> Scope:
        """Tell what the bearer of these credentials may do, or refuse as the gateway does."""
        if not self._keys:
            return Scope.WRITE
        if not prefix:
            return Scope.READ
        mechanism, _, token = headers.get("Authorization", "").partition(" ")
        key = token.strip() if mechanism.lower() == "bearer" else ""
        if prefix == "/api-key":
            key = headers.get("x-api-key", "")
        if not key:
            raise web.HTTPUnauthorized(**_gateway_body("Unauthorized"))
        if key not in self._keys:
            raise web.HTTPForbidden(**_gateway_body("Forbidden"))
        return self._keys[key]

    async def _query(self, request: web.Request) -> web.Response:
        parameters = _parameters(request)
        kind = Kind(parameters.pop("table", Kind.SCIENCE))  # an unknown table is a 500, as theirs
        try:
            search = product_search(kind, parameters)
        except BadParameter as fault:
            return _json_text(str(fault), 400)
        record = _ancillary_record if kind is Kind.ANCILLARY else _science_record
        return await self._answer(search, record)

    async def _spice_query(self, request: web.Request) -> web.Response:
        parameters = _parameters(request)
        spice_type = parameters.pop("type", "kernels")
        try:
            search = spice_search(spice_type, parameters)
        except BadParameter as fault:
            return _json_text(str(fault), 400)
        return await self._answer(search, _table_record if spice_type in SPICE_TABLES else _kernel_record)

    async def _answer(self, search: Search, record: Callable[[Mapping[str, Any]], object]) -> web.Response:
        text = await asyncio.to_thread(self._render, search, record)
        return web.Response(body=text.encode(), headers={"Content-Type": "application/json"})

    def _render(self, search: Search, record: Callable[[Mapping[str, Any]], object]) -> str:
        """Write the records as one JSON array. Raises ValueError beyond what a Lambda can answer."""
        records: list[str] = []
        weight = 0
        with closing(self._catalog.search(search)) as rows:
            for row in rows:
                records.append(json.dumps(record(row)))
                # The gateway carries this text inside another JSON string, where each quotation mark takes two.
                weight += len(records[-1]) + records[-1].count('"') + 2
                if self._answer_limit_bytes is not None and weight > self._answer_limit_bytes:
                    raise ValueError("the answer is larger than the real gateway's limit")
        return f"[{', '.join(records)}]"

    async def _download(self, request: web.Request) -> web.Response:
        key = request.match_info["path"].removeprefix("/")
        if not key:
            return _html_text(
                "No file requested for download. Please provide a filename in the path. "
                "Eg. /download/path/to/file/filename.pkts",
                400,
            )
        if self._catalog.find(key) is None:
            return _html_text(
                "File not found, make sure you include the full path to the file in the request, "
                "e.g. /download/path/to/file/filename.pkts.",
                404,
            )
        url = self._sign(request, "GET", key)
        answer = _html_text(json.dumps({"download_url": url}), 302)
        answer.headers["Location"] = url
        return answer

    async def _upload(self, request: web.Request) -> web.Response:
        path = request.match_info["path"].removeprefix("/")
        if not path:
            return _json_text(
                "No filename given for the upload. Please provide a filename in the path. "
                "Eg. /upload/path/to/file/filename.pkts",
                400,
            )
        name = path.rpartition("/")[2]
        try:
            key = filenames.parse(name, legacy=self._legacy_names).key
        except BadName:
            return _json_text(
                f"error: {name} does not match ancillary, science, cadence, or SPICE file naming convention.",
                400,
            )
        if self._catalog.find(key):
            message = (
                f"The file '{key}' already exists. Rename it or remove the existing file before uploading again."
            )
            return _json_text({"error": "FileAlreadyExists", "message": message}, 409)
        return _json_text(self._sign(request, "PUT", key), 200)


@web.middleware
async def _gateway(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say what API Gateway says where no handler answers."""
    try:
        return await handler(request)
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        raise web.HTTPNotFound(**_gateway_body("Not Found")) from None
    except web.HTTPException:
        raise
    except (ValueError, LookupError, OverflowError) as error:
        _LOG.info("500 for %s, as the SDC gives it: %r", request.path, error)
    except Exception:
        _LOG.exception("the API failed at %s", request.path)
    raise web.HTTPInternalServerError(**_gateway_body("Internal Server Error"))


def _gateway_body(message: str) -> dict[str, Any]:
    return {"text": json.dumps({"message": message}, separators=(",", ":")), "content_type": "application/json"}


def _json_text(value: object, status: int) -> web.Response:
    """Answer JSON under the type that the gateway gives to handlers which set none."""
    return web.Response(text=json.dumps(value), status=status, content_type="text/plain", charset="utf-8")


def _html_text(text: str, status: int) -> web.Response:
    return web.Response(body=text.encode(), status=status, headers={"Content-Type": "text/html"})


def _parameters(request: web.Request) -> dict[str, str]:
    """Return the query's parameters, repeated ones joined with commas. Raises ValueError if there are none."""
    if not request.query:
        raise ValueError("the gateway gives handlers no map where there are no parameters")
    return {name: ",".join(request.query.getall(name)) for name in request.query}


def _science_record(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        "extension": row["extension"],
        "file_path": row["key"],
        "instrument": row["instrument"],
        "data_level": row["data_level"],
        "descriptor": row["descriptor"],
        "start_date": row["start_date"],
        "repointing": row["repointing"],
        "major_version": row["major"],
        "minor_version": row["minor"],
        "ingestion_date": _moment(row["ingested"], "%Y%m%d %H:%M:%S"),
        "cr": row["cr"],
        "crid": None,
        "released": True,
        "version": row["version"],
    }


def _ancillary_record(row: Mapping[str, Any]) -> dict[str, object]:
    return {
        "file_path": row["key"],
        "instrument": row["instrument"],
        "descriptor": row["descriptor"],
        "start_date": row["start_date"],
        "end_date": row["end_date"],
        "version": row["version"],
        "extension": row["extension"],
        "ingestion_date": _moment(row["ingested"], "%Y%m%d %H:%M:%S"),
        "released": True,
    }


def _kernel_record(row: Mapping[str, Any]) -> dict[str, object]:
    """Tell what the name tells; what stands inside a kernel is null."""
    return {
        "file_name": row["key"].removeprefix("imap/spice/"),
        "file_root": row["file_root"],
        "kernel_type": row["spice_type"],
        "version": row["minor"],
        "min_date_j2000": row["covered_from"],
        "max_date_j2000": row["covered_to"],
        "file_intervals_j2000": None,
        "min_date_datetime": _coverage(row["covered_from"]),
        "max_date_datetime": _coverage(row["covered_to"]),
        "file_intervals_datetime": None,
        "min_date_sclk": None,
        "max_date_sclk": None,
        "file_intervals_sclk": None,
        "sclk_kernel": None,
        "lsk_kernel": None,
        "ingestion_date": _moment(row["ingested"]),
        "timestamp": row["ingested"],
    }


def _table_record(row: Mapping[str, Any]) -> dict[str, object]:
    start, end = (row[name] and _moment(calendar.timegm(day(row[name]))) for name in ("start_date", "end_date"))
    return {
        "file_path": row["key"],
        **({} if row["spice_type"] == "repoint" else {"start_date": start}),
        "end_date": end,
        "version": row["version"],
        "ingestion_date": _moment(row["ingested"]),
    }


def _coverage(seconds: float | None) -> str | None:
    return None if seconds is None else _moment(round(unix_from_j2000(seconds)))


def _moment(unix: int, form: str = "%Y-%m-%d, %H:%M:%S") -> str:
    return time.strftime(form, time.gmtime(unix))
