"""An embedded AuroraX on a real socket that is never slow on purpose, and a visitor who talks JSON to it."""

import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.server.conftest import Answer, Clock

from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer

API = "/api/v1"
TEST = {"program": "test-program", "platform": "test-platform", "instrument_type": "test-instrument-type"}
HOUR = {"start": "2020-01-01T00:00:00", "end": "2020-01-01T00:59:59"}
DAY = {"start": "2020-01-01T00:00:00", "end": "2020-01-01T23:59:59"}
SWARM_A = {"programs": ["swarm"], "platforms": ["swarma"], "instrument_types": ["footprint"]}


class Visitor:
    """Speaks to one server; redirects are never followed."""

    def __init__(self, server: AuroraxServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.headers: dict[str, str] = {}

    async def send(self, method: str, path: str, document: Any = None, **headers: str) -> Answer:
        body = b"" if document is None else json.dumps(document).encode()
        wire = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        url = path if path.startswith("http") else self.server.url + path
        async with self.session.request(
            method, url, data=io.BytesIO(body), headers=wire, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ask(self, path: str, **headers: str) -> Any:
        answer = await self.send("GET", API + path, **headers)
        assert answer.status == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        return answer.json

    async def fault(self, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, str, str]:
        """Return status, code and message of an answer that must be an error."""
        answer = await self.send(method, API + path, document, **headers)
        assert answer.headers["Content-Type"] == "application/json"
        assert set(answer.json) == {"error_code", "error_message"}
        return answer.status, answer.json["error_code"], answer.json["error_message"]

    async def submit(self, kind: str, query: Any, **headers: str) -> str:
        """Begin a search; return where to ask for it."""
        answer = await self.send("POST", f"{API}/{kind}/search", query, **headers)
        assert (answer.status, answer.body) == (202, b""), answer.text
        return str(answer.headers["Location"])

    async def poll(self, location: str) -> Any:
        """Ask until a search has ended."""
        while True:
            status = (await self.send("GET", location)).json
            result = status["search_result"]
            if result["data_uri"] or result["error_condition"]:
                return status

    async def search(self, kind: str, query: Any, **headers: str) -> list[Any]:
        location = await self.submit(kind, query, **headers)
        await self.poll(location)
        answer = await self.send("GET", f"{location}/data")
        assert answer.status == 200, answer.text
        records = answer.json["result"]
        assert isinstance(records, list)
        return records

    async def uploaded(self, kind: str, expected: int = 1) -> list[Any]:
        """Search what was uploaded for the test source until so many records show."""
        query = {"data_sources": {"programs": ["test-program"]}, **DAY}
        while len(found := await self.search(kind, query)) != expected:
            pass
        return found


Start = Callable[..., Awaitable[Visitor]]


@pytest.fixture
async def start(root: Path, clock: Clock) -> AsyncIterator[Start]:
    """Start servers with options of a test's own."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> Visitor:
            quick = {"root": root, "clock": clock, "grace": 1.0, "search_delay": 0.0, "ingest_delay": 0.0}
            server = await stack.enter_async_context(AuroraxServer(AuroraxOptions(**{**quick, **options})))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Visitor(server, session)

        yield begin


@pytest.fixture
async def visitor(start: Start) -> Visitor:
    return await start()
