"""Answers in JSON and in the words of the three services' errors."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from imap_bulk.server.lsst import formats
from imap_bulk.server.lsst.sql import Result

GENUINE_TYPE = "text/html; charset=utf-8"
"""What the old server calls its JSON."""


def json_reply(value: object, status: int = 200, *, genuine: bool = False) -> web.Response:
    """Answer JSON."""
    content_type = GENUINE_TYPE if genuine else "application/json"
    return web.Response(status=status, body=formats.json_bytes(value), headers={"Content-Type": content_type})


def failure(status: int, exception: str, message: str) -> web.Response:
    """Answer an error as the metadata and the image service do."""
    return json_reply({"exception": exception, "message": message}, status)


def html_failure(status: int, title: str) -> web.Response:
    """Answer an error as the framework of the old server does: a page."""
    head = f"<head><title>{status} {title}</title></head>"
    page = f"<!DOCTYPE html>\n<html>{head}<body><h1>{title}</h1></body></html>\n"
    return web.Response(status=status, text=page, content_type="text/html")


def negotiated(request: web.Request, value: object, table: Result) -> web.Response:
    """Answer JSON, or the same as a table in whatever form the client would rather have."""
    form = formats.wanted(request.headers.get("Accept", ""))
    if form == "json":
        return json_reply(value)
    return tabular(form, table)


def tabular(form: str, table: Result) -> web.Response:
    """Answer a table in a form other than JSON."""
    return web.Response(body=formats.write(form, table), headers={"Content-Type": formats.TYPES[form]})


def record(request: web.Request, named: Mapping[str, Any], annotations: Mapping[str, str] | None) -> web.Response:
    """Answer what is known of one thing: `[{...}, {annotations}]`, or one object where there can be none."""
    told = {**named, **(annotations or {})}
    value = named if annotations is None else [named, dict(annotations)]
    return negotiated(request, value, Result(list(told), [tuple(told.values())]))


def names(request: web.Request, value: object, listed: list[str]) -> web.Response:
    """Answer a list of names."""
    return negotiated(request, value, Result(["name"], [(name,) for name in listed]))
