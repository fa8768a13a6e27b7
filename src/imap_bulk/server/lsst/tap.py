"""The query service: SQL in, a table out; JSON as the old service gave it, VOTable for clients that speak TAP."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from aiohttp import web

from imap_bulk.server.lsst import astronomical, formats, replies
from imap_bulk.server.lsst.columns import fields, plain_rows
from imap_bulk.server.lsst.content import Content
from imap_bulk.server.lsst.faults import committed
from imap_bulk.server.lsst.jobs import Failed
from imap_bulk.server.lsst.paging import parameters
from imap_bulk.server.lsst.sql import Result, Runner, SqlError
from imap_bulk.server.lsst.waiting import Waiting

_INFO = {"Info": "Listing queries is not implemented"}
_AT_ONCE = 4
"""How many statements run, or have their results written, at a time: each has a thread and much memory."""


class BadRequest(ValueError):
    """A TAP parameter that makes no sense."""


class Queries:
    """The routes below /db."""

    def __init__(self, runner: Runner, waiting: Waiting, *, genuine: bool) -> None:
        self._runner = runner
        self._waiting = waiting
        self._genuine = genuine
        self._places = asyncio.Semaphore(_AT_ONCE)

    def add_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add them."""
        for path in ("/db/v0", "/db/v0/", "/db/v0/tap", "/db/v0/tap/"):
            router.add_get(prefix + path, self._links)
        router.add_get(prefix + "/db/v0/tap/sync", self._sync)
        router.add_post(prefix + "/db/v0/tap/sync", self._sync)

    async def _links(self, request: web.Request) -> web.Response:
        if request.path.rstrip("/").endswith("/v0"):
            return replies.json_reply(["tap"], genuine=self._genuine)
        return replies.json_reply({"Links": "/sync"}, genuine=self._genuine)

    async def _sync(self, request: web.Request) -> web.Response:
        asked = await self._asked(request)
        statement = asked.get("query", asked.get("sql"))
        if statement is None or committed(request) == "info":
            return replies.json_reply(_INFO, genuine=self._genuine)
        if not self._genuine and asked.get("request", "").lower() == "doquery":
            return await self._courteously(statement, asked)
        form = formats.wanted(request.headers.get("Accept", ""))
        if self._genuine and form not in ("json", "html", "votable"):
            form = "json"
        if not self._genuine and "respond-async" in request.headers.get("Prefer", "").lower():
            return self._later(request, statement, form)
        try:
            return await self._run(statement, _most_rows(asked), partial(self._written, form, committed(request)))
        except SqlError as error:
            if self._genuine and form == "votable":
                return replies.html_failure(500, "Internal Server Error")
            return replies.json_reply(_document(error), 500, genuine=self._genuine)
        except BadRequest as error:
            return replies.json_reply({"error": "ValueError", "message": str(error)}, 400)

    async def _asked(self, request: web.Request) -> dict[str, str]:
        """Return the parameters of URL and form; the case of names matters to the old server alone."""
        given = parameters(request) if not self._genuine else dict(request.query)
        if request.method == "POST":
            form = await request.post()
            given |= {name: value for name, value in form.items() if isinstance(value, str)}
        return given if self._genuine else {name.lower(): value for name, value in given.items()}

    async def _run(
        self, statement: str, most_rows: int | None, write: Callable[[Result], web.Response]
    ) -> web.Response:
        """Run a statement and write its result when there is a place for both. Raises SqlError."""
        async with self._places:
            result = await asyncio.to_thread(self._runner.run, statement, most_rows)
            return await asyncio.to_thread(write, result)

    def _written(self, form: str, fault: str, result: Result) -> web.Response:
        if form == "votable" and self._genuine:
            return web.Response(body=_old_votable(result), headers={"Content-Type": replies.GENUINE_TYPE})
        if form != "json":
            return replies.tabular(form, result)
        is_empty = fault == "empty-elements" or (self._genuine and not result.rows)
        document = formats.document(result, is_page=fault == "page-form", is_empty=is_empty)
        return replies.json_reply(document, genuine=self._genuine)

    async def _courteously(self, statement: str, asked: Mapping[str, str]) -> web.Response:
        """Answer as TAP prescribes, also when the statement fails."""
        try:
            form = _tap_form(asked)
            write = _written_for_tap if form == "votable" else partial(self._written, form, "")
            return await self._run(statement, _most_rows(asked), write)
        except BadRequest as error:
            return _votable_reply(astronomical.votable(None, "ERROR", str(error)), 400)
        except SqlError as error:
            return _votable_reply(astronomical.votable(None, "ERROR", f"{error.error}: {error}"), 500)

    def _later(self, request: web.Request, statement: str, form: str) -> web.Response:
        async def work() -> list[Content | str]:
            try:
                written = await self._run(statement, None, partial(self._written, form, ""))
            except SqlError as error:
                raise Failed(_document(error)) from None
            assert isinstance(written.body, bytes)
            return [await asyncio.to_thread(Content.of, written.body, formats.TYPES[form])]

        return self._waiting.accepted(request, work, "one statement; its cost is not known before it has run")


def _most_rows(asked: Mapping[str, str]) -> int | None:
    text = asked.get("maxrec")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise BadRequest(f"MAXREC is no whole number: {text[:40]!r}")
    return int(text)


def _tap_form(asked: Mapping[str, str]) -> str:
    language = asked.get("lang", "ADQL").partition("-")[0].upper()
    if language not in ("ADQL", "SQL", "MYSQL"):
        raise BadRequest(f"LANG={language[:40]} is not spoken here; ADQL and SQL are")
    name = asked.get("responseformat", asked.get("format", "votable"))
    form = formats.named(name)
    if form is None:
        raise BadRequest(f"FORMAT={name[:40]} is not written here; there are {', '.join(formats.TYPES)}")
    return form


def _written_for_tap(result: Result) -> web.Response:
    return _votable_reply(astronomical.votable(result, "OVERFLOW" if result.is_cut else "OK"), 200)


def _votable_reply(body: bytes, status: int) -> web.Response:
    return web.Response(status=status, body=body, headers={"Content-Type": formats.TYPES["votable"]})


def _document(error: SqlError) -> dict[str, Any]:
    return {"error": error.error, "message": str(error)}


def _old_votable(result: Result) -> bytes:
    """Write VOTable 1.0 as the old server did, NULL being the word None."""
    types = {"long": 'datatype="long"', "double": 'datatype="double"'}
    text = 'datatype="char" arraysize="*"'
    columns = "".join(
        f"<FIELD name={quoteattr(each.name)} {types.get(each.datatype, text)}/>" for each in fields(result)
    )
    rows = "\n".join(
        f"<TR>{''.join(f'<TD>{escape(str(value))}</TD>' for value in row)}</TR>" for row in plain_rows(result)
    )
    return (
        f'<?xml version="1.0"?>\n<VOTABLE version="1.0"><RESOURCE><TABLE>{columns}<DATA><TABLEDATA>\n{rows}\n'
        "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>\n"
    ).encode("utf-8", "replace")
