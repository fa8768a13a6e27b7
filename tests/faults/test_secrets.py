"""R17: credentials go to the archive's host and nowhere else; signed URLs are shown without their query."""

import base64
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yarl
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer
from tests.canaries import (
    ACCESS_TOKEN,
    API_KEY,
    AWS_SECRET,
    NETRC_PASSWORD,
    PASSWORD,
    PROXY_PASSWORD,
    SIGNATURE,
    UNKNOWN_KEY,
    assert_clean,
)
from tests.faults.clients import Ended, run

from imap_bulk import aio
from imap_bulk.server.app import ArchiveServer, Scope, ServerOptions
from imap_bulk.settings import Settings

NAME = "imap_mag_l2_norm-gse_20260101_v001.0001.cdf"
CONTENT = b"content " * 1000


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[ArchiveServer]:
    """Serve an archive that takes uploads under our credentials alone."""
    keys = {API_KEY: Scope.WRITE, ACCESS_TOKEN: Scope.WRITE}
    options = ServerOptions(tmp_path / "archive", keys=keys)
    async with ArchiveServer(options) as server:
        yield server


def everything(ended: Ended, *directories: Path) -> str:
    """Gather all that a run has said and left behind, its journal and reports included."""
    files = [path for directory in directories for path in directory.rglob("*") if path.is_file()]
    left = "".join(path.read_bytes().decode("latin-1") for path in files if path.name != NAME)
    return ended.stdout + ended.stderr + left


@pytest.fixture
def bystanders() -> Iterator[dict[str, str]]:
    """Make an environment of credentials that are none of our business: of netrc, and of AWS."""
    with tempfile.TemporaryDirectory() as elsewhere:  # not among what the suite leaves
        netrc = Path(elsewhere, "netrc")
        netrc.write_text(f"machine 127.0.0.1 login me password {NETRC_PASSWORD}\n", encoding="utf-8")
        netrc.chmod(0o600)
        yield {
            "NETRC": str(netrc),
            "AWS_ACCESS_KEY_ID": AWS_SECRET,
            "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
            "AWS_SESSION_TOKEN": AWS_SECRET,
        }


SLOTS: list[tuple[list[str], dict[str, str]]] = [
    ([], {"IMAP_API_KEY": API_KEY}),
    ([], {"IMAP_ACCESS_TOKEN": ACCESS_TOKEN}),
    (["--api-key", API_KEY], {}),
    (["--api-key", API_KEY], {"IMAP_API_KEY": UNKNOWN_KEY, "IMAP_ACCESS_TOKEN": ACCESS_TOKEN}),
]


@pytest.mark.parametrize("loudness", ["--debug", "-v", "--json"])
@pytest.mark.parametrize(("options", "environment"), SLOTS, ids=["key", "token", "option", "all"])
async def test_nothing_that_is_said_or_left_holds_a_credential(
    locked: ArchiveServer,
    tmp_path: Path,
    bystanders: dict[str, str],
    options: list[str],
    environment: dict[str, str],
    loudness: str,
) -> None:
    source, data_dir = tmp_path / NAME, tmp_path / "data"
    source.write_bytes(CONTENT)
    general = [] if loudness == "--json" else [loudness]
    special = ["--json"] if loudness == "--json" else []
    place = [*general, *options, "--url", locked.url, "--data-dir", str(data_dir)]
    for command in (
        [*place, "push", *special, str(source)],
        [*place, "query", "--instrument", "mag"],
        [*place, "pull", *special, "--instrument", "mag"],
        [*place, "pull", *special, NAME.replace("0001.cdf", "0009.cdf")],
        [*place, "verify", *special],
    ):
        ended = await run(*command, environment=bystanders | environment)
        assert_clean(everything(ended, data_dir))
    assert list(data_dir.rglob(NAME)), "the credential was of no use"


@pytest.mark.parametrize("slot", ["IMAP_API_KEY", "IMAP_ACCESS_TOKEN"])
async def test_a_refused_credential_is_not_repeated(server: ArchiveServer, tmp_path: Path, slot: str) -> None:
    options = ServerOptions(tmp_path / "archive2", keys={"another": Scope.WRITE})
    async with ArchiveServer(options) as strict:
        ended = await run(
            "--debug", "--url", strict.url, "query", "--instrument", "mag", environment={slot: UNKNOWN_KEY}
        )
    assert ended.code == 1
    assert_clean(everything(ended))


async def test_a_password_in_the_archives_url_is_not_shown(server: ArchiveServer, tmp_path: Path) -> None:
    url = server.url.replace("://", f"://user:{PASSWORD}@")
    place = ["--debug", "--url", url, "--data-dir", str(tmp_path / "data")]
    for command in (["query", "--instrument", "mag"], ["pull", "--instrument", "mag"], ["pull", NAME]):
        assert_clean(everything(await run(*place, *command), tmp_path / "data"))


async def test_an_unreachable_storage_is_told_without_its_query(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    async def download(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"http://127.0.0.1:1/x?X-Amz-Signature={SIGNATURE}"})

    app = web.Application()
    app.router.add_get("/download/{key:.*}", download)
    url = str((await aiohttp_server(app)).make_url("")).rstrip("/")
    ended = await run(
        "--debug", "--url", url, "--data-dir", str(tmp_path / "data"), "pull", "--retries", "0", NAME
    )
    assert ended.code == 75
    assert "127.0.0.1:1" in ended.stderr
    assert_clean(everything(ended, tmp_path / "data"))


@pytest.mark.parametrize("credential", [{"api_key": API_KEY}, {"access_token": ACCESS_TOKEN}])
async def test_storage_never_sees_a_credential(
    aiohttp_server: AiohttpServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bystanders: dict[str, str],
    credential: dict[str, str],
) -> None:
    for name, value in bystanders.items():
        monkeypatch.setenv(name, value)
    (ours,) = credential.values()
    seen: list[tuple[str, str]] = []

    async def storage(request: web.Request) -> web.Response:
        seen.extend(request.headers.items())
        await request.read()
        return web.Response(body=CONTENT if request.method == "GET" else b"")

    store = web.Application()
    store.router.add_route("*", "/{key:.*}", storage)
    signed = f"{(await aiohttp_server(store)).make_url('/object')}?X-Amz-SignedHeaders=host"

    async def download(request: web.Request) -> web.Response:
        assert ours in str(request.headers)
        return web.Response(status=302, headers={"Location": signed})

    async def upload(request: web.Request) -> web.Response:
        assert ours in str(request.headers)
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
    assert_clean(str(seen))
    assert not [name for name, _ in seen if name.lower() in {"authorization", "x-api-key", "cookie"}]


# --- A proxy that wants a password


class Proxy:
    """A forward proxy; `refuses` asks everybody for a better password."""

    def __init__(self, *, refuses: bool = False) -> None:
        self._refuses = refuses
        self.seen: list[str] = []

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Pass a request on without what was for the proxy alone."""
        self.seen.append(request.headers.get("Proxy-Authorization", ""))
        if self._refuses:
            return web.Response(status=407, headers={"Proxy-Authenticate": "Basic"})
        headers = {name: value for name, value in request.headers.items() if not name.startswith("Proxy-")}
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                yarl.URL(request.raw_path, encoded=True),
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as answer,
        ):
            return web.Response(status=answer.status, headers=answer.headers, body=await answer.read())


Environment = dict[str, str]


def through(proxy_url: yarl.URL) -> Environment:
    """Return the environment that names a proxy with its password."""
    url = str(proxy_url.with_user("user").with_password(PROXY_PASSWORD))
    return {"http_proxy": url, "https_proxy": url, "no_proxy": ""}


async def test_the_password_of_a_proxy_is_for_the_proxy_alone(
    aiohttp_raw_server: Callable[..., Any], locked: ArchiveServer, tmp_path: Path
) -> None:
    proxy, source, data_dir = Proxy(), tmp_path / NAME, tmp_path / "data"
    source.write_bytes(CONTENT)
    environment = through((await aiohttp_raw_server(proxy.handle)).make_url("")) | {"IMAP_API_KEY": API_KEY}
    place = ["--debug", "--url", locked.url, "--data-dir", str(data_dir)]
    for command in (["push", str(source)], ["pull", NAME]):
        ended = await run(*place, *command, environment=environment)
        assert ended.code == 0, ended.stderr
        assert_clean(everything(ended, data_dir))
    password = base64.b64encode(f"user:{PROXY_PASSWORD}".encode()).decode()
    assert proxy.seen
    assert set(proxy.seen) == {f"Basic {password}"}


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_is_told_without_its_password(
    aiohttp_raw_server: Callable[..., Any], locked: ArchiveServer, tmp_path: Path, scheme: str
) -> None:
    proxy = Proxy(refuses=True)
    environment = through((await aiohttp_raw_server(proxy.handle)).make_url(""))
    url = locked.url.replace("http:", f"{scheme}:")
    place = ["--debug", "--url", url, "--data-dir", str(tmp_path / "data"), "pull", "--retries", "0"]
    ended = await run(*place, NAME, environment=environment)
    assert ended.code in {1, 75}
    assert proxy.seen
    assert_clean(everything(ended, tmp_path / "data"))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_down_is_told_without_its_password(
    locked: ArchiveServer, tmp_path: Path, unused_tcp_port: int, scheme: str
) -> None:
    environment = through(yarl.URL(f"http://127.0.0.1:{unused_tcp_port}"))
    url = locked.url.replace("http:", f"{scheme}:")
    place = ["--debug", "--url", url, "--data-dir", str(tmp_path / "data"), "pull", "--retries", "0"]
    ended = await run(*place, NAME, environment=environment)
    assert ended.code == 75
    assert f"127.0.0.1:{unused_tcp_port}" in ended.stderr
    assert_clean(everything(ended, tmp_path / "data"))
