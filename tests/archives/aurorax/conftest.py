"""AuroraX archives that talk to a fake one, or to the embedded one, on a real socket."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpServer
from tests.archives.aurorax.fake import FakeAurorax

from imap_bulk.archives.aurorax import AuroraxArchive, Polling
from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer
from imap_bulk.settings import Settings

Open = Callable[..., Awaitable[AuroraxArchive]]

AT_ONCE = Polling(first=0.0, longest=0.01)


@pytest.fixture
def archive_at(aiohttp_server: AiohttpServer) -> Open:
    """Start a fake and name an archive for it; keywords are the archive's, or settings."""

    async def start(
        fake: FakeAurorax, *, retries: int = 2, polling: Polling = AT_ONCE, **given: Any
    ) -> AuroraxArchive:
        server = await aiohttp_server(fake.app())
        settings = Settings(wait_base=0, retries=retries)
        return AuroraxArchive(str(server.make_url("")), settings=settings, polling=polling, **given)

    return start


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[AuroraxServer]:
    """Serve an embedded archive that is in no way slow."""
    options = AuroraxOptions(tmp_path / "aurorax", search_delay=0.0, ingest_delay=0.0, grace=0.2)
    async with AuroraxServer(options) as server:
        yield server


@pytest.fixture
def archive(embedded: AuroraxServer) -> AuroraxArchive:
    """Name an archive for the embedded one."""
    return AuroraxArchive(embedded.url, settings=Settings(wait_base=0), polling=Polling(first=0.01, longest=0.05))
