"""The fault lab: what becomes of one file when its archive fails, with imap-bulk and with other tools.

    python -m tests.faults.lab [--peers imap-bulk,curl] [--seed 1] [--idle 30]

Prints a table in Markdown, with the tools of `rivals.py` that are here: those of PyPI are looked for in the
environment that IMAP_BULK_RIVALS names, else in our own. Every cell is one tool as a process of its own with 45 s,
one archive on this machine, and one fault that the archive commits so often as the row says; it is judged by the
bytes on disk and by what storage saw. OK: the right bytes. FAIL: none, and an exit code that says so. CORRUPT:
wrong bytes under the final name, or success without them. HUNG: no end in time. LEAKED: storage saw the secret.
OK (not met): the fault fits no request that the tool makes, as with parts and a tool that asks for none.
Exits 1 if any cell of imap-bulk is anything but OK.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from aiohttp import web
from tests.faults.bench import copy_of, key_of, name_of
from tests.faults.rivals import (
    KEY,
    NOTHING,
    OURS,
    SEARCH_PATH,
    TOKEN,
    TOOLS,
    USUAL_IDLE,
    Credential,
    Job,
    installed,
)

from imap_bulk.server.app import ArchiveServer, ServerOptions

PATIENCE = 45.0
MIB = 1 << 20
TOOLS_AT_ONCE = 3
_TICK = 0.02


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that goes wrong."""

    title: str
    spec: str
    mib: int = 4
    in_parts: bool = False
    """Whether imap-bulk is to fetch in parts, which it would do from 64 MiB on."""
    is_killed: bool = False
    """Whether the tool is killed as soon as it has met the fault, and then run again."""


ROWS = (
    Row("none", "streak=2"),
    Row("Content-Length N, N/2 sent, FIN (x2)", "truncate-length*2"),
    Row("chunked, terminator missing (x2)", "truncate-chunked*2"),
    Row("no length, half sent, close (x2)", "truncate-close*2"),
    Row("TCP RST mid body (x2)", "reset-body*2"),
    Row("1 bit flipped, length right, MD5 ETag sent (x2)", "flip*2"),
    Row("`Accept-Ranges`, but answers 200 to `Range` (32 MiB)", "range-ignored=1,streak=0", 32, in_parts=True),
    Row("object replaced between parts (32 MiB, once)", "replaced*1", 32, in_parts=True),
    Row("half sent, then object replaced (32 MiB)", "truncate-length*1,replaced=1,streak=0", 32),
    Row("login page: `200 text/html` (x1)", "storage:login-page*1"),
    Row("503 x3 + `Retry-After: 1`", "storage:503-seconds*3"),
    Row("presigned URL expired once (403 XML)", "url-expired*1"),
    Row("half sent, then silence", "stall-body*1,stall=120"),
    Row("kill -9 mid transfer, then rerun", "stall-body*1,stall=120", is_killed=True),
)
CREDENTIAL_ROWS = {"API key (`x-api-key`) seen by storage": KEY, "access token (bearer) seen by storage": TOKEN}
TITLES = (*(row.title for row in ROWS), *CREDENTIAL_ROWS)


@cache
def content_of(key: str) -> bytes:
    """Return what is archived under a key."""
    n_mib = 32 if "_l2_32mib_" in key else 4
    return hashlib.shake_128(key.encode()).digest(n_mib * MIB)


class Lab:
    """One filled archive, served anew for every cell."""

    def __init__(self, place: Path, seed: int, idle: float) -> None:
        self._place = place
        self._seed = seed
        self._idle = idle
        self._at_once = asyncio.Semaphore(TOOLS_AT_ONCE)

    async def fill(self) -> None:
        """Archive the objects of both sizes."""
        async with ArchiveServer(ServerOptions(self._place / "archive")) as server:
            for n_mib in (4, 32):
                name = name_of(f"{n_mib}mib")
                await server.add(name, content_of(key_of(name)))

    async def table(self, tools: Sequence[str]) -> list[list[str]]:
        """Return the rows, each with its title first."""
        columns = await asyncio.gather(*(self._column(tool) for tool in tools))
        return [list(cells) for cells in zip(TITLES, *columns, strict=True)]

    async def _column(self, tool: str) -> list[str]:
        cells = [self._cell(tool, number, row) for number, row in enumerate(ROWS)]
        secrets = [self._credential_cell(tool, credential) for credential in CREDENTIAL_ROWS.values()]
        return await asyncio.gather(*map(self._within, [*cells, *secrets]))

    async def _within(self, cell: Coroutine[None, None, str]) -> str:
        async with self._at_once:
            return await cell

    def _job(self, tool: str, cell: str, url: str, key: str, credential: Credential = NOTHING) -> Job:
        digest = hashlib.sha256(content_of(key)).hexdigest()
        return Job(url, key, digest, self._place / tool.split()[0] / cell, credential, self._idle)

    async def _cell(self, tool: str, number: int, row: Row) -> str:
        key = key_of(name_of(f"{row.mib}mib"))
        root = copy_of(self._place / "archive", self._place / tool.split()[0] / f"archive{number}")
        options = ServerOptions(root, chaos=row.spec, seed=self._seed, grace=0.0)
        async with ArchiveServer(options) as server:
            job = replace(self._job(tool, str(number), server.url, key), in_parts=row.in_parts)
            if row.is_killed:
                await self._kill(tool, job, server)
            code = await _run(tool, job)
            assert server.chaos
            has_met = bool(server.chaos.log) or row.spec == ROWS[0].spec
        verdict = _judge(job, code)
        return verdict if has_met or verdict != "OK" else "OK (not met)"

    async def _kill(self, tool: str, job: Job, server: ArchiveServer) -> None:
        """Run until half of the file has been sent, and kill."""
        assert server.chaos
        process = await _start(tool, job)
        try:
            async with asyncio.timeout(PATIENCE):
                while not server.chaos.log and process.returncode is None:  # noqa: ASYNC110  a foreign process
                    await asyncio.sleep(_TICK)
                await asyncio.sleep(10 * _TICK)  # for the half to be written
        except TimeoutError:
            pass
        await _end(process)

    async def _credential_cell(self, tool: str, credential: Credential) -> str:
        key = key_of(name_of("4mib"))
        async with _recording(key) as (url, asked, seen):
            job = self._job(tool, credential.variable, url, key, credential)
            code = await _run(tool, job)
        if credential.secret in "".join(seen):
            return "LEAKED"
        return _judge(job, code) if credential.secret in "".join(asked) else "not sent"


@contextlib.asynccontextmanager
async def _recording(key: str) -> AsyncIterator[tuple[str, list[str], list[str]]]:
    """Serve an API that redirects to a storage under another name; both write down all that they see."""
    asked: list[str] = []
    seen: list[str] = []
    content = content_of(key)

    async def storage(request: web.BaseRequest) -> web.Response:
        seen.append(f"{request.raw_path} {request.headers!r}")
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return web.Response(body=content, headers={"ETag": f'"{digest}"'})

    async def api(request: web.BaseRequest) -> web.Response:
        asked.append(f"{request.raw_path} {request.headers!r}")
        location = f"http://localhost:{ports[0]}/{key}?X-Amz-SignedHeaders=host"
        return web.Response(status=302, headers={"Location": location})

    ports: list[int] = []
    async with contextlib.AsyncExitStack() as stack:
        for handler in (storage, api):
            runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            ports.append(runner.addresses[0][1])
        yield f"http://127.0.0.1:{ports[1]}", asked, seen


async def _start(tool: str, job: Job) -> asyncio.subprocess.Process:
    job.file.parent.mkdir(parents=True, exist_ok=True)
    quiet = asyncio.subprocess.DEVNULL
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAP_")}
    environment |= {"PATH": SEARCH_PATH}
    environment |= {job.credential.variable: job.credential.secret} if job.credential.secret else {}
    command = TOOLS[tool].command(job)
    return await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet, env=environment)


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _run(tool: str, job: Job) -> int | None:
    """Return the exit code; None for a tool that did not end in time."""
    process = await _start(tool, job)
    try:
        async with asyncio.timeout(PATIENCE):
            return await process.wait()
    except TimeoutError:
        return None
    finally:
        await _end(process)


def _judge(job: Job, code: int | None) -> str:
    if code is None:
        return "HUNG"
    is_right = job.file.is_file() and job.file.read_bytes() == content_of(job.key)
    if code == 0:
        return "OK" if is_right else "CORRUPT"
    return "FAIL"  # what a tool leaves after having said that it failed is its own affair


def markdown(tools: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write the table down."""
    lines = [["fault (server side)", *tools], ["---"] * (len(tools) + 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


async def run(tools: Sequence[str], seed: int, idle: float) -> list[list[str]]:
    """Run every tool through every row."""
    with tempfile.TemporaryDirectory(prefix="fault-lab-") as place:
        lab = Lab(Path(place), seed, idle)
        await lab.fill()
        return await lab.table(tools)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.lab", description="The fault lab.")
    parser.add_argument("--peers", help=f"tools, separated by commas; default: all installed of {list(TOOLS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--idle", type=float, default=USUAL_IDLE, help="idle timeout of imap-bulk, in seconds")
    given = parser.parse_args(arguments)
    here = installed()
    asked = given.peers.split(",") if given.peers else here
    tools = [tool for tool in here if any(tool == name or tool.split()[0] == name for name in asked)]
    if not tools:
        parser.error(f"none of {given.peers} is here; there are {', '.join(here)}")
    rows = asyncio.run(run(tools, given.seed, given.idle))
    print(markdown(tools, rows))
    print(f"\nseed {given.seed}; {PATIENCE:.0f} s a cell; not met: the fault fits no request that the tool makes")
    print(", ".join(f"{tool.split()[0]} {here[tool]}" for tool in tools))
    return exit_code(tools, rows)


def exit_code(tools: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Tell whether every cell of ours, if we took part, is OK: a fault that we have not met proves nothing."""
    ours = [cells[1 + tools.index(OURS)] for cells in rows] if OURS in tools else []
    return int(any(cell != "OK" for cell in ours))


if __name__ == "__main__":
    sys.exit(main())
