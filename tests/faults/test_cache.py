"""A cache under fire: killed writers, several at once, full disks. It costs time at most, never a wrong byte."""

import asyncio
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.faults.clients import Ended, ended, fill, final_files, left_over, run, start
from tests.faults.crash import KILLED
from tests.faults.test_disk import _can_mount

from imap_bulk import aio
from imap_bulk.cache import Cache
from imap_bulk.digest import Digest
from imap_bulk.model import RemoteFile, Result
from imap_bulk.server.app import ArchiveServer
from imap_bulk.settings import Settings

can_mount = pytest.mark.skipif(not _can_mount(), reason="this machine makes no mount namespaces")


def arguments(server: ArchiveServer, place: Path, data_dir: str, wanted: Mapping[str, str]) -> list[str]:
    """Return the command line of a pull of all that `wanted` names, by sha256, with a cache."""
    sums = place / "sums.txt"
    sums.write_text("".join(f"{value}  {key}\n" for key, value in wanted.items()))
    told = ["--url", server.url, "--data-dir", str(place / data_dir), "pull", str(sums), "--json"]
    return [*told, "--cache-dir", str(place / "cache")]


def summary(client: Ended) -> dict[str, int]:
    assert client.code == 0, client.stderr
    told: dict[str, int] = json.loads(client.stdout.splitlines()[-1])
    return told


async def offline(wanted: Mapping[str, str], place: Path, data_dir: str) -> Result:
    """Pull what the cache has, in this process."""
    files = [RemoteFile(key, digest=Digest("sha256", value)) for key, value in wanted.items()]
    settings = Settings(fsync=False)
    return await aio.pull(
        files, data_dir=place / data_dir, cache_dir=place / "cache", offline=True, settings=settings
    )


def assert_right(cache: Path, wanted: Mapping[str, str]) -> None:
    """Hold every entry to its name."""
    entries = [path for path in (cache / "sha256").rglob("*") if path.is_file() and path.name[0] != "."]
    found = {path.parent.name + path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in entries}
    assert all(name == value for name, value in found.items())
    assert set(found) <= set(wanted.values())


@pytest.mark.parametrize(("point", "number"), [("cache", 4), ("rename", 3)])
async def test_kill_9_while_a_file_enters_leaves_no_wrong_entry(
    server: ArchiveServer, tmp_path: Path, point: str, number: int
) -> None:
    wanted = await fill(server, [100_000] * 8)
    command = arguments(server, tmp_path, "first", wanted)
    crashed = await run(point, str(number), *command, "--jobs", "1", module="tests.faults.crash")
    assert crashed.code == KILLED, crashed.stderr
    assert_right(tmp_path / "cache", wanted)
    assert summary(await run(*command))["failed"] == 0
    again = await offline(wanted, tmp_path, "second")
    assert again.cached >= 6  # what was committed before the crash has no need to enter again
    assert final_files(tmp_path / "second").items() <= wanted.items()


async def test_several_processes_fill_one_cache_at_once(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [50_000] * 40)
    clients = [await start(*arguments(server, tmp_path, f"data{number}", wanted)) for number in range(2)]
    for number, client in enumerate(clients):
        assert summary(await ended(client))["failed"] == 0
        assert final_files(tmp_path / f"data{number}") == wanted
    assert_right(tmp_path / "cache", wanted)
    assert left_over(tmp_path / "cache") == []
    assert (await offline(wanted, tmp_path, "last")).cached == 40


async def _on_a_small_disk(disk: Path, *command: str) -> Ended:
    disk.mkdir()
    script = f"mount -t tmpfs -o size=2m tmpfs {disk} && {sys.executable} -m imap_bulk {' '.join(command)}"
    shell = await asyncio.create_subprocess_exec(
        "unshare", "-rm", "sh", "-c", f"{script}; code=$?; find {disk} -name '.*.part' >&2; exit $code",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    return await ended(shell)


@can_mount
async def test_a_cache_on_a_full_disk_fails_no_pull(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [200_000] * 20)
    command = arguments(server, tmp_path, "data", wanted)
    ran = await _on_a_small_disk(tmp_path / "cache", *command)
    assert (ran.code, final_files(tmp_path / "data")) == (0, wanted)
    assert "took no more files (No space left on device)" in ran.stderr
    assert ".part" not in ran.stderr


@can_mount
async def test_a_full_disk_stops_a_pull_from_the_cache(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [200_000] * 20)
    cache = Cache(tmp_path / "cache")
    for path in (tmp_path / "archive" / "imap").rglob("*.cdf"):
        cache.keep(path, Digest.of(path))
    ran = await _on_a_small_disk(tmp_path / "data", *arguments(server, tmp_path, "data", wanted))
    assert ran.code == 74
    assert "no space is left for" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ".part" not in ran.stderr
