"""An archive that talks to a fake one on a real socket."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpServer
from tests.archives.fake_imap import FakeImap

from imap_bulk.archives.imap import ImapArchive
from imap_bulk.settings import Settings

Open = Callable[..., Awaitable[ImapArchive]]


@pytest.fixture
def archive_at(aiohttp_server: AiohttpServer) -> Open:
    """Start a fake and name an archive for it; keywords are the archive's, `suffix` goes behind the URL."""

    async def start(fake: FakeImap, *, suffix: str = "", retries: int = 3, **given: Any) -> ImapArchive:
        server = await aiohttp_server(fake.app())
        settings = Settings(wait_base=0, retries=retries)
        return ImapArchive(str(server.make_url("")).rstrip("/") + suffix, settings=settings, **given)

    return start
