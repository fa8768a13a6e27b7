"""LSST archives: the embedded one, and others that answer as they are told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from imap_bulk import bulk
from imap_bulk.archives.lsst import ImageQuery, LsstArchive
from imap_bulk.model import Event, Outcome, Result
from imap_bulk.server.lsst.server import LsstOptions, LsstServer
from imap_bulk.settings import Settings

Serve = Callable[..., Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start embedded archives; keywords are their options."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> str:
            given = {"rows": 40, "grace": 0.1, **options}
            server = await stack.enter_async_context(LsstServer(LsstOptions(**given)))
            return server.url

        yield start


@dataclass
class Script:
    """Plays an archive: answers by method and path, and notes what was asked."""

    answers: dict[str, Callable[[web.Request], web.StreamResponse]] = field(default_factory=dict)
    pause: Callable[[], Awaitable[None]] | None = None
    """Awaited before each answer."""
    requests: list[web.Request] = field(default_factory=list)
    url: str = ""

    def says(self, question: str, document: Any, status: int = 200) -> None:
        """Answer JSON to `GET /path` and the like."""
        self.answers[question] = lambda _: web.json_response(document, status=status, content_type="text/html")

    def sends(self, question: str, body: bytes) -> None:
        """Answer bytes."""
        self.answers[question] = lambda _: web.Response(body=body, content_type="image/fits")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if self.pause:
            await self.pause()
        answer = self.answers.get(f"{request.method} {request.path}")
        return answer(request) if answer else web.json_response({"exception": "x", "message": "none"}, status=404)

    def asked(self, method: str) -> list[str]:
        return [request.path for request in self.requests if request.method == method]


@pytest.fixture
async def play(aiohttp_server: AiohttpServer) -> Callable[[], Awaitable[Script]]:
    """Start archives that answer as they are told."""

    async def start() -> Script:
        script = Script()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", script.handle)
        script.url = str((await aiohttp_server(app)).make_url("")).rstrip("/")
        return script

    return start


@dataclass
class Pulled:
    """What became of a pull."""

    result: Result
    outcomes: dict[str, Outcome]
    root: Path

    @property
    def only(self) -> Outcome:
        (outcome,) = self.outcomes.values()
        return outcome

    @property
    def files(self) -> list[str]:
        """Names that are there, part files of all kinds included, the journal not."""
        found = (path for path in self.root.rglob("*") if path.is_file() and ".imap-bulk" not in path.parts)
        return sorted(path.relative_to(self.root).as_posix() for path in found)


Pull = Callable[..., Coroutine[Any, Any, Pulled]]


@pytest.fixture
def settings() -> Settings:
    return Settings(retries=3, wait_base=0.0, fsync=False, chunk_bytes=1 << 16)


@pytest.fixture
def pull(tmp_path: Path) -> Pull:
    """Pull what matches a query to one place."""

    async def run(
        archive: LsstArchive, query: ImageQuery, report: Callable[[Event], None] = lambda _: None
    ) -> Pulled:
        outcomes: dict[str, Outcome] = {}

        def note(event: Event) -> None:
            if isinstance(event, Outcome):
                outcomes[event.transfer.key] = event
            report(event)

        root = tmp_path / "data"
        result = await bulk.pull(archive, archive.search(query), root, archive.settings, bulk.of_each(note))
        return Pulled(result, outcomes, root)

    return run
