"""The fault lab: what becomes of one file when its archive fails, with imap-bulk and with other tools.

    python -m tests.faults.lab [--peers imap-bulk,curl] [--seed 1] [--idle 30]

Prints a table in Markdown. Every cell is one tool as a process of its own with 45 s, one archive on this machine,
and one fault that the archive commits so often as the row says; it is judged by the bytes on disk and by what
storage saw. OK: the right bytes. FAIL: none, and an exit code that says so. CORRUPT: wrong bytes under the final
name, or success without them. HUNG: no end in time. LEAKED: storage saw the key.
OK (not met): the fault fits no request that the tool makes, as with parts and a tool that asks
for none. Exits 1 if any cell of imap-bulk is not OK.
"""

import argparse
import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from aiohttp import web
from tests.faults.bench import key_of, name_of

from imap_bulk.server.app import ArchiveServer, ServerOptions

OURS = "imap-bulk"
PATIENCE = 45.0
USUAL_IDLE = 30.0
CANARY = "canary-5b1e77c0"
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
KEY_ROW = "`x-api-key` seen by the redirect target"


@dataclass(frozen=True, slots=True)
class Job:
    """One file to be fetched by a tool."""

    url: str
    key: str
    place: Path
    api_key: str = ""
    idle: float = USUAL_IDLE
    in_parts: bool = False

    @property
    def file(self) -> Path:
        """Where the file is to be."""
        return self.place / self.key

    @property
    def source(self) -> str:
        """What the tools that know no archive are given."""
        return f"{self.url}{'/api-key' if self.api_key else ''}/download/{self.key}"


Command = Callable[[Job], Sequence[str]]


def _imap_bulk(job: Job) -> Sequence[str]:
    if job.in_parts or job.idle != USUAL_IDLE:
        module = ["tests.faults.lab_client", "--idle", str(job.idle), *(["--in-parts"] if job.in_parts else [])]
        return [sys.executable, "-m", *module, job.url, str(job.place), job.key]
    place = ["--url", job.url, "--data-dir", str(job.place)]
    return [sys.executable, "-m", "imap_bulk", *place, "pull", "-q", job.key]


def _imap_data_access(job: Job) -> Sequence[str]:
    place = ["--url", job.url, "--data-dir", str(job.place)]
    return [str(Path(sys.executable).with_name("imap-data-access")), *place, "download", job.key]


def _curl(job: Job) -> Sequence[str]:
    header = ["-H", f"x-api-key: {job.api_key}"] if job.api_key else []
    retry = ["--retry", "5", "--retry-all-errors", "-C", "-", "--speed-limit", "1", "--speed-time", "10"]
    return ["curl", "-sSfL", *retry, *header, "--create-dirs", "-o", str(job.file), job.source]


def _wget(job: Job) -> Sequence[str]:
    header = ["--header", f"x-api-key: {job.api_key}"] if job.api_key else []
    return [
        "wget",
        "-q",
        "-c",
        "-t",
        "6",
        "--waitretry=2",
        "--read-timeout=10",
        *header,
        "-O",
        str(job.file),
        job.source,
    ]


def _aria2c(job: Job) -> Sequence[str]:
    header = ["--header", f"x-api-key: {job.api_key}"] if job.api_key else []
    streams = ["-x16", "-s16", "-k1M", "-m5", "--retry-wait=1", "--quiet=true"]
    return ["aria2c", *streams, *header, "-d", str(job.file.parent), "-o", job.file.name, job.source]


def _rclone(job: Job) -> Sequence[str]:
    header = ["--http-headers", f"x-api-key,{job.api_key}"] if job.api_key else []
    return ["rclone", *header, "copyurl", job.source, str(job.file)]


def _parfive(job: Job) -> Sequence[str]:
    headers = {"x-api-key": job.api_key} if job.api_key else {}
    code = (
        "import sys, parfive; "
        f"d = parfive.Downloader(config=parfive.SessionConfig(headers={headers!r})); "
        f"d.enqueue_file({job.source!r}, path={str(job.file.parent)!r}, filename={job.file.name!r}); "
        "sys.exit(bool(d.download().errors))"
    )
    return [sys.executable, "-c", code]


def _pooch(job: Job) -> Sequence[str]:
    headers = {"x-api-key": job.api_key} if job.api_key else {}
    digest = hashlib.sha256(_content(job.key)).hexdigest() if not job.api_key else None
    code = (
        f"import pooch; pooch.create({str(job.file.parent)!r}, '', registry={{{job.file.name!r}: {digest!r}}}, "
        f"urls={{{job.file.name!r}: {job.source!r}}}, retry_if_failed=3)"
        f".fetch({job.file.name!r}, downloader=pooch.HTTPDownloader(headers={headers!r}))"
    )
    return [sys.executable, "-c", code]


TOOLS: dict[str, tuple[Command, Callable[[], bool]]] = {
    OURS: (_imap_bulk, lambda: True),
    "imap-data-access": (_imap_data_access, lambda: find_spec("imap_data_access") is not None),
    "curl --retry": (_curl, lambda: shutil.which("curl") is not None),
    "wget -c": (_wget, lambda: shutil.which("wget") is not None),
    "aria2c -x16": (_aria2c, lambda: shutil.which("aria2c") is not None),
    "rclone copyurl": (_rclone, lambda: shutil.which("rclone") is not None),
    "parfive": (_parfive, lambda: find_spec("parfive") is not None),
    "pooch+sha256": (_pooch, lambda: find_spec("pooch") is not None),
}
"""Tool -> its command, and whether it is here."""


def installed() -> list[str]:
    """Name the tools that are here."""
    return [name for name, (_, is_here) in TOOLS.items() if is_here()]


def _content(key: str) -> bytes:
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
                await server.add(name, _content(key_of(name)))

    async def table(self, tools: Sequence[str]) -> list[list[str]]:
        """Return the rows, each with its title first."""
        titles = [*(row.title for row in ROWS), KEY_ROW]
        columns = await asyncio.gather(*(self._column(tool) for tool in tools))
        return [list(cells) for cells in zip(titles, *columns, strict=True)]

    async def _column(self, tool: str) -> list[str]:
        cells = [self._within(self._cell(tool, number, row)) for number, row in enumerate(ROWS)]
        return await asyncio.gather(*cells, self._within(self._key_cell(tool)))

    async def _within(self, cell: object) -> str:
        async with self._at_once:
            return await cell  # type: ignore[misc,no-any-return]

    def _directory(self, tool: str, number: int) -> Path:
        place = self._place / f"{tool.split()[0]}-{number}"
        place.mkdir()
        return place

    async def _cell(self, tool: str, number: int, row: Row) -> str:
        key = key_of(name_of(f"{row.mib}mib"))
        options = ServerOptions(self._place / "archive", chaos=row.spec, seed=self._seed, grace=0.0)
        async with ArchiveServer(options) as server:
            job = Job(server.url, key, self._directory(tool, number), "", self._idle, row.in_parts)
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

    async def _key_cell(self, tool: str) -> str:
        key = key_of(name_of("4mib"))
        async with _recording(key) as (url, seen):
            job = Job(url, key, self._directory(tool, len(ROWS)), CANARY)
            code = await _run(tool, job)
        if CANARY in "".join(seen):
            return "LEAKED"
        return _judge(job, code)


@contextlib.asynccontextmanager
async def _recording(key: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Serve an API that redirects to a storage that writes down all that it sees."""
    seen: list[str] = []
    content = _content(key)

    async def storage(request: web.BaseRequest) -> web.Response:
        seen.append(f"{request.raw_path} {request.headers!r}")
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return web.Response(body=content, headers={"ETag": f'"{digest}"'})

    async def api(request: web.BaseRequest) -> web.Response:
        location = f"http://127.0.0.1:{ports[0]}/{key}?X-Amz-SignedHeaders=host"
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
        yield f"http://127.0.0.1:{ports[1]}", seen


async def _start(tool: str, job: Job) -> asyncio.subprocess.Process:
    job.file.parent.mkdir(parents=True, exist_ok=True)
    quiet = asyncio.subprocess.DEVNULL
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMAP_")}
    environment |= {"IMAP_API_KEY": job.api_key} if job.api_key else {}
    command = TOOLS[tool][0](job)
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
    is_right = job.file.is_file() and job.file.read_bytes() == _content(job.key)
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
    ours = [row[1 + tools.index(OURS)] for row in rows] if OURS in tools else []
    return int(any(not cell.startswith("OK") for cell in ours))


if __name__ == "__main__":
    sys.exit(main())
