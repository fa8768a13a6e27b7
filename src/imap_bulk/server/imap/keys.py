"""Which requests show a key, and what its bearer may do; refused as the gateway does it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from imap_bulk.server.imap.generations import Generation

Answer = Callable[[web.Request], Awaitable[web.Response]]


class Scope(StrEnum):
    """What an API key may do; writing includes reading."""

    READ = "read"
    WRITE = "write"


class Keys:
    """The keys of an archive, and which of its prefixes they open."""

    def __init__(self, scopes: Mapping[str, Scope], generation: Generation) -> None:
        self._scopes = scopes
        self._generation = generation

    @property
    def are_set(self) -> bool:
        """Whether there is any."""
        return bool(self._scopes)

    def guarded(self, prefix: str, answer: Answer, denial: str = "") -> Handler:
        """Ask for a key; tell those who may only read the `denial`, where there is one."""

        async def handler(request: web.Request) -> web.StreamResponse:
            scope = self._scope(prefix, request.headers)
            if denial and scope is Scope.READ:
                return json_text(denial, 403)
            return await answer(request)

        return handler

    def _scope(self, prefix: str, headers: Mapping[str, str]) -> Scope:
        """Tell what the bearer of these credentials may do, or refuse as the gateway does."""
        if not self._generation.asks_for_keys(has_keys=self.are_set):
            return Scope.WRITE
        if not prefix:
            return Scope.READ
        mechanism, _, token = headers.get("Authorization", "").partition(" ")
        key = token.strip() if mechanism.lower() == "bearer" else ""
        if prefix == "/api-key":
            key = headers.get("x-api-key", "")
        if not key:
            raise web.HTTPUnauthorized(**_gateway_body("Unauthorized"))
        if key not in self._scopes:
            raise web.HTTPForbidden(**_gateway_body("Forbidden"))
        return self._scopes[key]


def _gateway_body(message: str) -> dict[str, Any]:
    return {"text": json.dumps({"message": message}, separators=(",", ":")), "content_type": "application/json"}


def json_text(value: object, status: int) -> web.Response:
    """Answer JSON under the type that the gateway gives to handlers which set none."""
    return web.Response(text=json.dumps(value), status=status, content_type="text/plain", charset="utf-8")


def shows_a_key(request: web.Request) -> bool:
    """Tell whether a request has come through a route that asks for a key: then it has shown one."""
    return request.path.startswith(("/api-key/", "/authorized/"))
