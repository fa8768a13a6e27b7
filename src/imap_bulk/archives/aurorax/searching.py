"""A search of AuroraX: submitted, waited for with growing patience, cancelled when nobody waits any more."""

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urljoin, urlsplit

from imap_bulk.archives.aurorax.api import Api, decoded
from imap_bulk.archives.aurorax.refusals import SearchFailed, SearchTookTooLong, refusal, told
from imap_bulk.errors import BulkError, Garbled, NotFound
from imap_bulk.http import one_line
from imap_bulk.retry import persist
from imap_bulk.settings import Settings

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_FAREWELL = 0.8
"""Seconds for telling the archive that nobody waits any more; an interrupted command has little more."""


class Kind(StrEnum):
    """What is searched for, as the paths of the API have it."""

    EPHEMERIS = "ephemeris"
    PRODUCTS = "data_products"
    CONJUNCTIONS = "conjunctions"


@dataclass(frozen=True, slots=True)
class Polling:
    """How a search is waited for, in seconds."""

    first: float = 0.25
    growth: float = 1.5
    longest: float = 5.0
    timeout: float = 900.0

    def waits(self) -> Iterator[float]:
        """Yield the waits between two looks at a search; the first look comes at once."""
        wait = self.first
        while True:
            yield wait
            wait = min(self.longest, wait * self.growth)


@dataclass(frozen=True, slots=True)
class Found:
    """A search that is over. `data_path` is below the API's prefix; `count` is None where it was not told."""

    data_path: str
    count: int | None


class Searches:
    """Searches through one API."""

    def __init__(self, api: Api, settings: Settings, polling: Polling) -> None:
        self._api = api
        self._settings = settings
        self._polling = polling

    async def run(self, kind: Kind, query: Mapping[str, Any], subject: str) -> Found:
        """Submit a search once, and wait until it is over; what is not waited for to its end is cancelled.

        Raises SearchFailed, SearchTookTooLong, and what a refusal stands for.
        """
        path = await self._submit(kind, query, subject)
        try:
            async with asyncio.timeout(self._polling.timeout):
                result = await self._wait(path, subject)
        except TimeoutError:
            await self._cancel(path)
            raise SearchTookTooLong(
                f"{subject}: the search took longer than {self._polling.timeout:.0f} s and was cancelled; ask "
                "for less, or give --search-timeout"
            ) from None
        except asyncio.CancelledError:
            await asyncio.shield(self._cancel(path))
            raise
        except SearchFailed:
            raise  # it is over
        except BulkError:
            await self._cancel(path)
            raise
        count = result.get("result_count")
        return Found(f"{path}/data", count if isinstance(count, int) and not isinstance(count, bool) else None)

    async def _submit(self, kind: Kind, query: Mapping[str, Any], subject: str) -> str:
        asked = f"/{kind}/search"
        reply = await self._api.ask("POST", asked, body=query)
        if reply.status not in (200, 201, 202):
            raise refusal(reply, subject)
        request_id = (
            urlsplit(urljoin(asked, reply.headers.get("Location", ""))).path.rstrip("/").rpartition("/")[2]
        )
        if "Location" not in reply.headers or not _REQUEST_ID.fullmatch(request_id):
            raise Garbled(f"{subject}: the archive took the search without saying where its result will be")
        # Only the name of the request is used: an address that a proxy has left as it was behind it leads nowhere.
        return f"/{kind}/requests/{request_id}"

    async def _wait(self, path: str, subject: str) -> Mapping[str, Any]:
        """Look until the search is over; return its `search_result`."""
        for wait in self._polling.waits():
            status = await persist(lambda: self._status(path, subject), self._settings)
            result = status.get("search_result") or {}
            if result.get("error_condition"):
                raise SearchFailed(f"{subject}: the archive gave the search up: {_why(status)}")
            if result.get("data_uri") is not None or result.get("completed_timestamp") is not None:
                return result
            await asyncio.sleep(wait)
        raise AssertionError("waits never end")

    async def _status(self, path: str, subject: str) -> Mapping[str, Any]:
        try:
            status = decoded(await self._api.ask("GET", path), subject)
        except NotFound as error:
            raise SearchFailed(f"{subject}: the archive forgot the search: {error}") from error
        if not isinstance(status, dict) or not isinstance(status.get("search_result") or {}, dict):
            raise Garbled(f"{subject}: the archive answered no state of a search; check the URL")
        if isinstance(status.get("error"), dict):
            raise SearchFailed(f"{subject}: {told(status['error'])}")
        return status

    async def _cancel(self, path: str) -> None:
        """Tell the archive that nobody waits any more, if it listens soon."""
        with contextlib.suppress(BulkError, OSError, TimeoutError):
            async with asyncio.timeout(_FAREWELL):
                await self._api.ask("DELETE", path)


def _why(status: Mapping[str, Any]) -> str:
    """Find the last error that a search has logged."""
    logs = status.get("logs") or []
    errors = [log for log in logs if isinstance(log, dict) and str(log.get("level")).lower() == "error"]
    return one_line(errors[-1].get("summary") or "without a word") if errors else "without saying why"
