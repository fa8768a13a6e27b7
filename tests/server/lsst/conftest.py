"""An embedded LSST archive on real sockets, its catalogue built once for all tests, and one who asks it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl
from tests.server.conftest import Answer, Clock

from imap_bulk.server.lsst import databases
from imap_bulk.server.lsst.server import LsstOptions, LsstServer

ROWS = 400
"""Of the large tables, in tests."""


class Astronomer:
    """Asks one server; URLs go out byte for byte."""

    def __init__(self, server: LsstServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def ask(self, path: str, method: str = "GET", form: Any = None, **headers: str) -> Answer:
        url = path if path.startswith("http") else self.server.url + path
        wire = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(
            method, yarl.URL(url, encoded=True), data=form, headers=wire, allow_redirects=False
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def told(self, path: str) -> Any:
        """Return the JSON of an answer that must be 200."""
        answer = await self.ask(path)
        assert answer.status == 200, answer.text
        assert answer.headers["Content-Type"] == "application/json"
        return answer.json

    async def query(self, statement: str, **headers: str) -> Answer:
        return await self.ask("/db/v0/tap/sync", "POST", form={"query": statement}, **headers)

    async def rows(self, statement: str) -> list[Any]:
        answer = await self.query(statement)
        assert answer.status == 200, answer.text
        rows = answer.json["result"]["table"]["data"]
        assert isinstance(rows, list)
        return rows

    async def post(self, path: str, **headers: str) -> str:
        """Ask for a job; return where it can be looked at."""
        answer = await self.ask(path, "POST", None, **headers)
        assert answer.status == 202, answer.text
        return str(answer.headers["Location"])

    async def status(self, job: str) -> str:
        return str((await self.ask(f"{job}/status")).json[0]["status"])

    async def results(self, job: str) -> Answer:
        """Ask for what a job has brought until it is over: its work goes on in a thread meanwhile."""
        while await self.status(job) in ("queued", "running"):
            pass
        return await self.ask(f"{job}/results")


StartLsst = Callable[..., Awaitable[Astronomer]]


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the databases once."""
    root = tmp_path_factory.mktemp("lsst")
    databases.build(root, rows=ROWS, seed=0)
    return root


@pytest.fixture
async def start_lsst(catalogue: Path, clock: Clock) -> AsyncIterator[StartLsst]:
    """Start servers with options of a test's own."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> Astronomer:
            chosen = {"root": catalogue, "rows": ROWS, "clock": clock, "grace": 1.0, **options}
            server = await stack.enter_async_context(LsstServer(LsstOptions(**chosen)))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Astronomer(server, session)

        yield begin


@pytest.fixture
async def astronomer(start_lsst: StartLsst) -> Astronomer:
    return await start_lsst()
