"""R17: credentials go to the archive's host and nowhere else; signed URLs are shown without their query."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer
from tests.faults.clients import Ended, run

from imap_bulk import aio
from imap_bulk.server.app import ArchiveServer, Scope, ServerOptions
from imap_bulk.settings import Settings

CANARY = "canary-8f3a1c7e5b"
NAME = "imap_mag_l2_norm-gse_20260101_v001.0001.cdf"
CONTENT = b"content " * 1000


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[ArchiveServer]:
    """Serve an archive that takes uploads under the canary alone."""
    options = ServerOptions(tmp_path / "archive", keys={CANARY: Scope.WRITE})
    async with ArchiveServer(options) as server:
        yield server


def everything(ended: Ended, *directories: Path) -> str:
    """Gather all that a run has said and left behind, its journal and reports included."""
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    left = "".join(path.read_bytes().decode("latin-1") for path in files if path.name != NAME)
    return ended.stdout + ended.stderr + left


def assert_clean(text: str) -> None:
    assert CANARY not in text
    assert "X-Amz-Signature" not in text
    assert "X-Amz-Credential" not in text


@pytest.mark.parametrize("loudness", ["--debug", "-v", "--json"])
@pytest.mark.parametrize("slot", ["IMAP_API_KEY", "IMAP_ACCESS_TOKEN"])
async def test_nothing_that_is_said_or_left_holds_a_credential(
    locked: ArchiveServer, tmp_path: Path, slot: str, loudness: str
) -> None:
    source, data_dir = tmp_path / NAME, tmp_path / "data"
    source.write_bytes(CONTENT)
    general = [] if loudness == "--json" else [loudness]
    special = ["--json"] if loudness == "--json" else []
    place = [*general, "--url", locked.url, "--data-dir", str(data_dir)]
    for command in (
        [*place, "push", *special, str(source)],
        [*place, "query", "--instrument", "mag"],
        [*place, "pull", *special, "--instrument", "mag"],
        [*place, "pull", *special, NAME.replace("0001.cdf", "0009.cdf")],
        [*place, "verify", *special],
    ):
        ended = await run(*command, environment={slot: CANARY})
        assert_clean(everything(ended, data_dir))


@pytest.mark.parametrize("slot", ["IMAP_API_KEY", "IMAP_ACCESS_TOKEN"])
async def test_a_refused_credential_is_not_repeated(server: ArchiveServer, tmp_path: Path, slot: str) -> None:
    options = ServerOptions(tmp_path / "archive2", keys={"another": Scope.WRITE})
    async with ArchiveServer(options) as strict:
        ended = await run(
            "--debug", "--url", strict.url, "query", "--instrument", "mag", environment={slot: CANARY}
        )
    assert ended.code == 1
    assert_clean(everything(ended))


async def test_a_password_in_the_archives_url_is_not_shown(server: ArchiveServer, tmp_path: Path) -> None:
    url = server.url.replace("://", f"://user:{CANARY}@")
    place = ["--debug", "--url", url, "--data-dir", str(tmp_path / "data")]
    for command in (["query", "--instrument", "mag"], ["pull", "--instrument", "mag"], ["pull", NAME]):
        assert_clean(everything(await run(*place, *command), tmp_path / "data"))


async def test_an_unreachable_storage_is_told_without_its_query(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    async def download(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:1/x?X-Amz-Signature={CANARY}"})

    app = web.Application()
    app.router.add_get("/download/{key:.*}", download)
    url = str((await aiohttp_server(app)).make_url("")).rstrip("/")
    ended = await run(
        "--debug", "--url", url, "--data-dir", str(tmp_path / "data"), "pull", "--retries", "0", NAME
    )
    assert ended.code == 75
    assert "127.0.0.1:1" in ended.stderr
    assert_clean(everything(ended, tmp_path / "data"))


@pytest.mark.parametrize("credential", [{"api_key": CANARY}, {"access_token": CANARY}])
async def test_storage_never_sees_a_credential(
    aiohttp_server: AiohttpServer, tmp_path: Path, credential: dict[str, str]
) -> None:
    seen: list[tuple[str, str]] = []

    async def storage(request: web.Request) -> web.Response:
        seen.extend(request.headers.items())
        await request.read()
        return web.Response(body=CONTENT if request.method == "GET" else b"")

    store = web.Application()
    store.router.add_route("*", "/{key:.*}", storage)
    signed = f"{(await aiohttp_server(store)).make_url('/object')}?X-Amz-SignedHeaders=host"

    async def download(request: web.Request) -> web.Response:
        assert CANARY in str(request.headers)
        return web.Response(status=302, headers={"Location": signed})

    async def upload(request: web.Request) -> web.Response:
        assert CANARY in str(request.headers)
        return web.Response(text=json.dumps(signed))

    api = web.Application()
    for prefix in ("/api-key", "/authorized"):
        api.router.add_get(f"{prefix}/download/{{key:.*}}", download)
        api.router.add_get(f"{prefix}/upload/{{key:.*}}", upload)
    url = str((await aiohttp_server(api)).make_url(""))
    (tmp_path / NAME).write_bytes(CONTENT)
    settings = Settings(retries=0)
    move: dict[str, Any] = {"url": url, "data_dir": tmp_path / "data", "settings": settings, **credential}
    pushed = await aio.push(tmp_path / NAME, **move)
    pulled = await aio.pull(NAME, **move)
    assert (pushed.done, pulled.done) == (1, 1)
    assert seen
    assert CANARY not in str(seen)
    assert not [name for name, _ in seen if name.lower() in {"authorization", "x-api-key", "cookie"}]
