"""The official client in three versions, each installed from PyPI into a virtual environment of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import venv
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from imap_bulk.server.app import ArchiveServer, ServerOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

VERSIONS = ("0.7.0", "0.10.1", "1.3.0")
"""Of the seed notebook; of the service of October 2024; of today."""

INSTALL_SECONDS = 300


@dataclass(frozen=True)
class Ran:
    """How a process of the client has ended."""

    status: int
    out: str
    err: str


class Client:
    """One version of the official client, against one server, with a data directory of its own."""

    def __init__(self, python: Path, version: str, directory: Path, url: str, key: str = "") -> None:
        self.python = python
        self.version = version
        self.directory = directory
        given = {"IMAP_DATA_ACCESS_URL": url, "IMAP_DATA_DIR": str(directory)} | (
            {"IMAP_API_KEY": key} if key else {}
        )
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("IMAP_", "PYTHON"))}
        self.environment = ours | given
        directory.mkdir(parents=True, exist_ok=True)

    async def run(self, *arguments: str) -> Ran:
        process = await asyncio.create_subprocess_exec(
            self.python,
            *arguments,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    async def command(self, *arguments: str) -> Ran:
        """Run its command line."""
        return await self.run("-c", "from imap_data_access.cli import main; main()", *arguments)

    async def call(self, expression: str) -> Any:
        """Evaluate a call of its Python API."""
        ran = await self.run("-c", f"import json, imap_data_access; print(json.dumps({expression}, default=str))")
        assert ran.status == 0, ran.err
        return json.loads(ran.out)

    async def names(self, **conditions: object) -> list[str]:
        """Query by its Python API; return the file names."""
        given = ", ".join(f"{name}={value!r}" for name, value in conditions.items())
        records = await self.call(f"imap_data_access.query({given})")
        return [record["file_path"].rpartition("/")[2] for record in records]

    def file(self, name: str, body: bytes) -> str:
        path = self.directory / name
        path.write_bytes(body)
        return str(path)


@pytest.fixture(scope="session", params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def python(version: str, pytestconfig: pytest.Config) -> Path:
    """Make the environment of a version."""
    return installed(pytestconfig, "imap-data-access", version)


def installed(config: pytest.Config, client: str, version: str, seconds: float = INSTALL_SECONDS) -> Path:
    """Return the Python that has a client, installed once for many runs: it lives in pytest's cache."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    place = config.cache.mkdir("official-clients") / f"{client}-{version}-{python}"
    program = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = place / "installed"
    if not stamp.exists():
        venv.create(place, with_pip=True, clear=True)
        install = [str(program), *f"-m pip install --quiet --retries 1 {client}=={version}".split()]
        done = subprocess.run(install, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines()[-1]
            pytest.skip(f"{client} {version} cannot be installed from PyPI: {said}")
        stamp.touch()
    return program


Serve = Callable[..., Awaitable[ArchiveServer]]
Connect = Callable[..., Client]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Start servers with options of a test's own."""
    async with AsyncExitStack() as stack:

        async def begin(**options: Any) -> ArchiveServer:
            chosen = ServerOptions(tmp_path / "archive", grace=1.0, **options)
            return await stack.enter_async_context(ArchiveServer(chosen))

        yield begin


@pytest.fixture
def connect(python: Path, version: str, tmp_path: Path) -> Connect:
    """Make clients of one version, each with its own data directory."""
    made: list[Client] = []

    def make(url: str, key: str = "") -> Client:
        made.append(Client(python, version, tmp_path / f"client-{len(made)}", url, key))
        return made[-1]

    return make
