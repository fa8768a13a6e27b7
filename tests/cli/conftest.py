"""Commands, run in this process or in one of their own, against archives that run beside the test."""

import asyncio
import contextlib
import fcntl
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests import canaries

from imap_bulk import filenames
from imap_bulk.cli.main import cli
from imap_bulk.server.app import ArchiveServer, Scope, ServerOptions

SCIENCE = "imap_mag_l1a_norm-raw_20260101_v001.0001.cdf"
OTHER = "imap_swe_l0_raw_20260102_v001.pkts"
ANCILLARY = "imap_mag_l2-calibration_20260101_20260131_v001.csv"
KERNEL = "naif0012.tls"

Run = Callable[..., Result]


@dataclass
class Archive:
    """An embedded archive that runs in a thread of its own."""

    server: ArchiveServer
    loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self.server.url

    def add(self, name: str, body: bytes) -> str:
        """Archive a file; return its key."""
        asyncio.run_coroutine_threadsafe(self.server.add(name, body), self.loop).result(10)
        return filenames.parse(name).key


@contextlib.contextmanager
def serving(options: ServerOptions) -> Iterator[Archive]:
    ready: Future[Archive] = Future()
    leaving = asyncio.Event()

    async def serve() -> None:
        async with ArchiveServer(options) as server:
            ready.set_result(Archive(server, asyncio.get_running_loop()))
            await leaving.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    archive = ready.result(10)
    try:
        yield archive
    finally:
        archive.loop.call_soon_threadsafe(leaving.set)
        thread.join()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATA_ACCESS_URL", "DATA_DIR", "API_KEY", "ACCESS_TOKEN"):
        monkeypatch.delenv(f"IMAP_{name}", raising=False)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with serving(ServerOptions(tmp_path / "archive", grace=0.2)) as running:
        yield running


@pytest.fixture
def locked_archive(tmp_path: Path) -> Iterator[Archive]:
    keys = {canaries.READ_KEY: Scope.READ, canaries.API_KEY: Scope.WRITE}
    with serving(ServerOptions(tmp_path / "archive", keys=keys, grace=0.2)) as running:
        yield running


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def invoke() -> Run:
    """Run `imap-bulk` with these arguments in this process."""

    def run(*arguments: object, stdin: bytes | str | None = None) -> Result:
        return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=stdin)

    return run


@pytest.fixture
def imap_bulk(invoke: Run, archive: Archive, data_dir: Path) -> Run:
    """Run `imap-bulk` against the archive."""

    def run(*arguments: object, stdin: bytes | str | None = None) -> Result:
        return invoke("--url", archive.url, "--data-dir", data_dir, *arguments, stdin=stdin)

    return run


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `imap-bulk` in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: object, **given: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "imap_bulk", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process: subprocess.Popen[str] = subprocess.Popen(command, **{**pipes, **given})
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def deaf() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Give a URL at which nobody answers, and a way to tell whether anybody knocked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)

        def was_called() -> bool:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        yield f"http://127.0.0.1:{listener.getsockname()[1]}", was_called


@pytest.fixture
def closed_url() -> str:
    """Give a URL at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is what these tests are about."""


@dataclass
class SlowArchive:
    """An archive whose storage sends half a file, then waits for `go_on`; other statuses on demand."""

    url: str
    size: int
    reached: threading.Event
    go_on: threading.Event


@contextlib.contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = _Quiet(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def login_page() -> Iterator[str]:
    """Give a URL that answers everything with a login page and status 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!DOCTYPE html><title>Sign in</title>")

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as url:
        yield url


@pytest.fixture
def slow_archive() -> Iterator[SlowArchive]:
    size = 8 << 20
    reached, go_on = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/download/"):
                self.send_response(302)
                query = f"X-Amz-Signature={canaries.SIGNATURE}"
                self.send_header("Location", f"http://{self.headers['Host']}/object?{query}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.write(bytes(size // 2))
            reached.set()
            go_on.wait(30)
            self.wfile.write(bytes(size // 2))

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as url:
        yield SlowArchive(url, size, reached, go_on)
        go_on.set()


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    """Make a directory of four files to push."""
    directory = tmp_path / "outbox"
    directory.mkdir()
    for name in (SCIENCE, OTHER, ANCILLARY, KERNEL):
        (directory / name).write_bytes(name.encode() * 100)
    return directory


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Open a pseudo-terminal: what a test reads from, what a process writes to."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    yield ours, theirs
    for end in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(end)
