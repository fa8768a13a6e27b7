"""The scripted storage on a real socket, and an engine that runs against it."""

from pathlib import Path

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer
from tests.engine.scripted import KEY, Run, Signer, Storage

from imap_bulk.model import Direction, Transfer
from imap_bulk.settings import Settings


@pytest.fixture
async def storage(aiohttp_server: AiohttpServer) -> Storage:
    storage = Storage()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{key:.*}", storage.handle)
    server = await aiohttp_server(app)
    storage.url = str(server.make_url("")).rstrip("/")
    return storage


@pytest.fixture
def signer(storage: Storage) -> Signer:
    return Signer(storage)


@pytest.fixture
def run(signer: Signer, tmp_path: Path, lane: str) -> Run:
    settings = Settings(transport=lane, retries=2, wait_base=0.0, fsync=False, chunk_bytes=1 << 16)
    return Run(signer, tmp_path, settings)


@pytest.fixture
def wanted(tmp_path: Path) -> Transfer:
    return Transfer(Direction.PULL, KEY, tmp_path / KEY)
