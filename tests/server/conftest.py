"""An embedded archive on real sockets, and a visitor who talks plain HTTP to it."""

import calendar
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl

from imap_bulk import filenames
from imap_bulk.server.app import ArchiveServer, ServerOptions


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.set("2026-01-20 12:00:00")

    def set(self, moment: str) -> None:
        day, time = moment.split()
        numbers = [int(part) for part in (*day.split("-"), *time.split(":"))]
        self.now = float(calendar.timegm((*numbers, 0, 0, 0)))

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fault(self) -> tuple[int, str, str]:
        """Status, code and message of an error in S3's XML."""
        assert self.headers["Content-Type"] == "application/xml"
        code, message = (re.search(f"<{name}>(.*?)</{name}>", self.text) for name in ("Code", "Message"))
        assert code
        assert message
        return self.status, code[1], message[1]


class Visitor:
    """Speaks to one server, redirects never followed, URLs sent byte for byte."""

    def __init__(self, server: ArchiveServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def send(self, method: str, url: str, body: Any = None, **headers: str) -> Answer:
        body = io.BytesIO(body) if isinstance(body, bytes) else body
        wire = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(
            method, yarl.URL(url, encoded=True), data=body, headers=wire, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def ask(self, path: str, **headers: str) -> Answer:
        return await self.send("GET", self.server.url + path, **headers)

    async def sign_upload(self, name: str) -> str:
        answer = await self.ask(f"/upload/{name}")
        assert answer.status == 200, answer.text
        url = answer.json
        assert isinstance(url, str)
        return url

    async def sign_download(self, name: str) -> str:
        answer = await self.ask(f"/download/{self.key(name)}")
        assert answer.status == 302, answer.text
        return str(answer.headers["Location"])

    async def upload(self, name: str, body: bytes) -> Answer:
        return await self.send("PUT", await self.sign_upload(name), body)

    async def download(self, name: str, **headers: str) -> Answer:
        return await self.send("GET", await self.sign_download(name), **headers)

    async def query(self, conditions: str, path: str = "/query") -> list[dict[str, Any]]:
        answer = await self.ask(f"{path}?{conditions}")
        assert answer.status == 200, answer.text
        records = answer.json
        assert isinstance(records, list)
        return records

    async def names(self, conditions: str) -> list[str]:
        return [record["file_path"].rpartition("/")[2] for record in await self.query(conditions)]

    async def kernels(self, conditions: str) -> list[str]:
        return [record["file_name"] for record in await self.query(conditions, "/spice-query")]

    @staticmethod
    def key(name: str) -> str:
        return filenames.parse(name, legacy=True).key


Start = Callable[..., Awaitable[Visitor]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


@pytest.fixture
async def start(root: Path, clock: Clock) -> AsyncIterator[Start]:
    """Start servers with options of a test's own."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> Visitor:
            chosen = ServerOptions(**{"root": root, "clock": clock, "grace": 1.0, **options})
            server = await stack.enter_async_context(ArchiveServer(chosen))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            return Visitor(server, session)

        yield begin


@pytest.fixture
async def visitor(start: Start) -> Visitor:
    return await start()
