"""The way to an archive's API: sends credentials to this host alone, follows no redirect, reads whole answers."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Self
from urllib.parse import unquote_to_bytes, urlencode, urlsplit, urlunsplit

from imap_bulk import errors
from imap_bulk.http import Reply
from imap_bulk.settings import MIB, Settings
from imap_bulk.transport.base import Lane, Request
from imap_bulk.transport.failures import NoSuchHost, silent
from imap_bulk.transport.guard import OPEN
from imap_bulk.transport.lanes import lane_of
from imap_bulk.transport.storage import USER_AGENT
from imap_bulk.transport.surge import BeginSurge
from imap_bulk.urls import public_url

ANSWER_LIMIT_BYTES = 8 * MIB
"""Longest answer to a search that is read. The real gateway cannot send more than 6,291,556 bytes; what another
archive answers at greater length is asked for again in parts."""

SHORT_ANSWER_BYTES = MIB
"""Longest answer to what is no search: a URL, a few words, or a web page that came in its place."""


class AnswerTooLong(errors.Rejected):
    """The answer is longer than is read; whoever asked may ask for less."""


class NeverMet(errors.Rejected):
    """The archive's host is unknown, and was from the start; who only asks whether it can be reached may go on."""


class ApiSession:
    """A session with an archive's API host."""

    def __init__(self, base_url: str, headers: Mapping[str, str], settings: Settings) -> None:
        """Send `headers`, credentials among them, to paths below `base_url`. Raises Rejected for what none has."""
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise errors.Rejected(
                f"there is a line end or another character in the key for {public_url(base_url)} that no key has; "
                "give the key alone"
            )
        self._base_url, given = without_user(base_url.rstrip("/"))
        self._settings = settings
        own = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        self._lane: Lane = lane_of(settings, own | given | dict(headers), OPEN)
        self._has_answered = False

    async def __aenter__(self) -> Self:
        await self._lane.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._lane.__aexit__(*exc_info)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """GET `path`, encoded, below the base URL. Any status is an answer; only a failed exchange raises."""
        return await self.ask("GET", path, params, most_bytes=ANSWER_LIMIT_BYTES if params else SHORT_ANSWER_BYTES)

    async def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        most_bytes: int = SHORT_ANSWER_BYTES,
    ) -> Reply:
        """Send any request to `path`, encoded, below the base URL; read at most `most_bytes` of the answer.

        Any status is an answer. Raises AnswerTooLong, and Interrupted, Stalled, Rejected for a failed exchange.
        """
        url = f"{self._base_url}{path}{'?' if params else ''}{urlencode(params or {})}"
        sent = None if body is None else partial(_one_piece, body)
        try:
            reply = await self._exchange(Request(method, url, headers or {}, sent, len(body or b"")), most_bytes)
        except NoSuchHost as error:
            if self._has_answered:
                raise
            raise NeverMet(str(error)) from error
        self._has_answered = True
        return reply

    async def _exchange(self, request: Request, most_bytes: int) -> Reply:
        """Read a whole answer, for as long as it comes at the least goodput that a connection must bring.

        A limit on silence alone, which the lanes have, would wait for ever on a byte every minute.
        """
        patience = self._settings.connect_timeout + self._settings.idle_timeout
        loop = asyncio.get_running_loop()
        latest = loop.time() + patience
        body = bytearray()
        with await self._lane.send(request) as response:
            piece = response.at_hand()  # what is no search comes with its head
            if piece is None:
                piece = await response.piece()
            while piece:
                body += piece
                if len(body) > most_bytes:
                    body.clear()  # what an error's traceback holds lives as long as the error
                    raise _too_long(request, most_bytes)
                if loop.time() > latest + len(body) / self._settings.floor_bytes_per_second:
                    raise silent(request.doing)
                piece = await response.piece()
        return Reply(response.status, response.headers, bytes(body))


async def _one_piece(body: bytes, _: BeginSurge) -> AsyncGenerator[bytes, None]:
    yield body


def without_user(url: str) -> tuple[str, dict[str, str]]:
    """Take a user's name and password out of a URL, and return the header that they become."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, {}
    encoded = base64.b64encode(unquote_to_bytes(user)).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {encoded}"}


def _too_long(request: Request, most_bytes: int) -> AnswerTooLong:
    return AnswerTooLong(f"the answer of {public_url(request.url)} is longer than {most_bytes >> 20} MiB")
