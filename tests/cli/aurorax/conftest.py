"""The commands of AuroraX, run in this process against an embedded archive in a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from click.testing import Result
from tests import canaries

from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer

Run = Callable[..., Result]


@contextlib.contextmanager
def serving(options: AuroraxOptions) -> Iterator[str]:
    """Serve, and give the URL."""
    ready: Future[tuple[str, asyncio.AbstractEventLoop]] = Future()
    leaving = asyncio.Event()

    async def serve() -> None:
        async with AuroraxServer(options) as server:
            ready.set_result((server.url, asyncio.get_running_loop()))
            await leaving.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    url, loop = ready.result(10)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(leaving.set)
        thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve an archive that anybody may read, and change with `canaries.API_KEY`."""
    keys = {canaries.API_KEY: "write", canaries.READ_KEY: "read"}
    root = tmp_path_factory.mktemp("aurorax")
    with serving(AuroraxOptions(root, keys=keys, search_delay=0.0, ingest_delay=0.0, grace=0.2)) as url:
        yield url


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "API_KEY"):
        monkeypatch.delenv(f"IMAP_BULK_AURORAX_{name}", raising=False)


@pytest.fixture
def aurorax(invoke: Run, served: str, data_dir: Path) -> Run:
    """Run `imap-bulk aurorax` against the archive; `key` opens its door."""

    def run(*arguments: object, key: str | None = None, stdin: str | None = None) -> Result:
        door = ("--api-key", key) if key else ()
        return invoke("--url", served, "--data-dir", data_dir, *door, "aurorax", *arguments, stdin=stdin)

    return run
