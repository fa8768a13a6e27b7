"""AuroraX's adapter keeps to the contract of all, whether files are elsewhere or the results of searches."""

import json
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer
from tests import canaries
from tests.archives.aurorax.conftest import AT_ONCE
from tests.archives.aurorax.fake import FakeAurorax, ephemeris, product, refusing
from tests.contracts import ArchiveContract, Archived

from imap_bulk.archives.aurorax import AuroraxArchive, Chosen, EphemerisQuery, ProductQuery
from imap_bulk.archives.aurorax.keys import canonical
from imap_bulk.archives.aurorax.moments import read_moment
from imap_bulk.model import RemoteFile
from imap_bulk.settings import Settings

RANGE: dict[str, Any] = {"start": read_moment("2020-02-01T00:00"), "end": read_moment("2020-02-03T23:59:59")}
IMAGE = b"\xff\xd8\xff\xe0 an image"


class Files:
    """A host of files that sends its home page in place of what it has not, as the real one does."""

    def __init__(self) -> None:
        self.heads: list[dict[str, str]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", self._home)
        app.router.add_get("/{name:.*}", self._file)
        return app

    async def _home(self, _: web.Request) -> web.Response:
        return web.Response(text="<!DOCTYPE html><title>Home</title>", content_type="text/html")

    async def _file(self, request: web.Request) -> web.Response:
        self.heads.append(dict(request.headers))
        if request.path.endswith("missing.jpg"):
            raise web.HTTPFound("/")
        return web.Response(body=IMAGE + request.path.encode(), content_type="image/jpeg")


class TestProducts(ArchiveContract):
    @pytest.fixture
    async def archived(self, aiohttp_server: AiohttpServer) -> Archived:
        files = Files()
        at = str((await aiohttp_server(files.app())).make_url("/"))
        fake = FakeAurorax([product(f"{at}2020020{day}.jpg", f"2020-02-0{day}") for day in (1, 2, 3)])
        url = str((await aiohttp_server(fake.app())).make_url(""))
        archive = AuroraxArchive(url, canaries.API_KEY, Settings(wait_base=0), AT_ONCE)
        query = ProductQuery(chosen=Chosen(program=("trex",)), **RANGE)
        missing = RemoteFile("aurorax/missing.jpg", source=f"{at}missing.jpg")
        return Archived(
            archive, query, lambda file, body: body == IMAGE + f"/{file.name}".encode(), 3, missing, files.heads
        )


class TestEphemeris(ArchiveContract):
    @pytest.fixture
    async def archived(self, aiohttp_server: AiohttpServer) -> Archived:
        fake = FakeAurorax([ephemeris(minute) for minute in range(10)])
        fake.overrides["/conjunctions/search"] = [refusing(404, "NotFound")] * 9
        url = str((await aiohttp_server(fake.app())).make_url(""))
        archive = AuroraxArchive(url, canaries.API_KEY, Settings(wait_base=0), AT_ONCE)
        query = EphemerisQuery(chosen=Chosen(platform=("swarma",)), **RANGE)
        missing = RemoteFile("aurorax/x.json", source=canonical({"kind": "conjunctions", "search": {}}))
        heads = (asked.headers for asked in fake.asked)
        return Archived(archive, query, lambda _, body: len(json.loads(body)["result"]) == 10, 3, missing, heads)
