"""The two ways to AuroraX's API: in public, and with the key, which goes out with nothing that needs none.

A search under a key is private to its account, so searches are submitted without one: then whoever has the
address of the result can fetch it, as the engine's session without credentials does.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

from imap_bulk.archives.aurorax.refusals import refusal
from imap_bulk.errors import Garbled
from imap_bulk.http import Reply, decode_json
from imap_bulk.retry import persist
from imap_bulk.settings import MIB, Settings
from imap_bulk.transport.api import SHORT_ANSWER_BYTES, ApiSession

PREFIX = "/api/v1"

RESULT_BYTES = 256 * MIB
"""Longest result that is read at once: AuroraX has no pages, and a month of one source is as long."""

_JSON = {"Content-Type": "application/json"}


class Api:
    """Asks the API below `base_url`, each time once; `read` and `write` also again."""

    def __init__(self, base_url: str, api_key: str | None, settings: Settings) -> None:
        key = {"x-aurorax-api-key": api_key.strip()} if api_key else {}
        self._settings = settings
        self._public = ApiSession(base_url, {}, settings)
        self._keyed = ApiSession(base_url, key, settings)

    async def __aenter__(self) -> Self:
        await self._public.__aenter__()
        await self._keyed.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._keyed.__aexit__(*exc_info)
        await self._public.__aexit__(*exc_info)

    async def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: object = None,
        *,
        keyed: bool = False,
        most_bytes: int = SHORT_ANSWER_BYTES,
    ) -> Reply:
        """Send one request; any status is an answer. A body is sent as JSON, unless it is bytes, which are.

        Raises as `ApiSession.ask`.
        """
        document = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = None if document is None else _JSON
        session = self._keyed if keyed else self._public
        return await session.ask(method, PREFIX + path, params, document, headers, most_bytes=most_bytes)

    async def read(
        self, method: str, path: str, subject: str, params: Mapping[str, str] | None = None, body: object = None
    ) -> Any:
        """Ask, in public, until there is a JSON answer with status 200. Raises what a refusal stands for."""

        async def attempt() -> Any:
            reply = await self.ask(method, path, params, body, most_bytes=RESULT_BYTES)
            return decoded(reply, subject)

        return await persist(attempt, self._settings)

    async def write(self, method: str, path: str, subject: str, body: object = None) -> Reply:
        """Ask under the key, again only where that cannot do a thing twice. Raises what a refusal stands for."""

        async def attempt() -> Reply:
            reply = await self.ask(method, path, None, body, keyed=True)
            if reply.status not in (200, 202, 204):
                raise refusal(reply, subject)
            if _is_page(reply):
                raise Garbled(f"{subject}: the archive answered {reply.words}; does a login page stand between?")
            return reply

        return await attempt() if method == "POST" else await persist(attempt, self._settings)


def decoded(reply: Reply, subject: str) -> Any:
    """Read the JSON of an answer with status 200. Raises Garbled, and what a refusal stands for."""
    if reply.status != 200:
        raise refusal(reply, subject)
    return decode_json(reply, subject)


def _is_page(reply: Reply) -> bool:
    return "html" in reply.headers.get("Content-Type", "").lower()
