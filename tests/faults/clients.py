"""Clients in processes of their own, so that they can be killed, limited and run side by side."""

import asyncio
import hashlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from imap_bulk import filenames
from imap_bulk.server.app import ArchiveServer

Limits = Callable[[], None] | None

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("IMAP_")}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a client's process ended."""

    code: int
    stdout: str
    stderr: str


async def start(
    *arguments: str,
    module: str = "imap_bulk",
    limits: Limits = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> asyncio.subprocess.Process:
    """Start a client; `limits` runs in its process first."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        stdin=asyncio.subprocess.DEVNULL,
        env={**ENVIRONMENT, **environment},
        preexec_fn=limits,
    )


async def ended(process: asyncio.subprocess.Process) -> Ended:
    """Wait for a client to end."""
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, stdout.decode(), stderr.decode())


async def run(
    *arguments: str,
    module: str = "imap_bulk",
    limits: Limits = None,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Ended:
    """Run a client to its end."""
    return await ended(await start(*arguments, module=module, limits=limits, environment=environment))


def pull_arguments(server: ArchiveServer, data_dir: Path, *more: str) -> Sequence[str]:
    """Return the command line of a pull of everything that `fill` has made."""
    return ["--url", server.url, "--data-dir", str(data_dir), "pull", "--instrument", "mag", "-q", *more]


async def fill(server: ArchiveServer, sizes: Sequence[int], seed: int = 0) -> dict[str, str]:
    """Archive one file of random content for each size; return the sha256 of each by object key."""
    digests = {}
    for number, size in enumerate(sizes):
        day, month = number % 28 + 1, number // 28 % 12 + 1
        name = f"imap_mag_l2_norm-gse_2026{month:02}{day:02}_v001.{number // 336:04}.cdf"
        content = hashlib.shake_128(f"{seed} {number}".encode()).digest(size)
        await server.add(name, content)
        digests[filenames.parse(name).key] = hashlib.sha256(content).hexdigest()
    return digests


def final_files(data_dir: Path) -> dict[str, str]:
    """Return the sha256 of every file with a final name, by object key."""
    paths = [path for path in data_dir.rglob("*") if path.is_file()]
    visible = [
        path for path in paths if not any(part.startswith(".") for part in path.relative_to(data_dir).parts)
    ]
    return {
        path.relative_to(data_dir).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in visible
    }


def left_over(data_dir: Path) -> list[Path]:
    """Return the part files and records that are still there."""
    return [path for path in data_dir.rglob(".*") if path.is_file() and ".imap-bulk" not in path.parts]
