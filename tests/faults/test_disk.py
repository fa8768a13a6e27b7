"""R12: when this machine cannot go on, the run stops at once, says so, and nothing is lost."""

import asyncio
import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.faults.clients import fill, final_files, pull_arguments, run

from imap_bulk import aio
from imap_bulk.server.app import ArchiveServer
from imap_bulk.settings import Settings

MIB = 1 << 20


def limited(kind: int, most: int) -> object:
    return lambda: resource.setrlimit(kind, (most, most))


async def test_a_file_too_large_for_the_disk_stops_the_run(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [1000, 3 * MIB])
    stopped = await run(
        *pull_arguments(server, tmp_path / "data"),
        limits=limited(resource.RLIMIT_FSIZE, MIB),  # type: ignore[arg-type]
    )
    assert stopped.code == 74
    assert "Traceback" not in stopped.stderr
    assert final_files(tmp_path / "data").items() <= wanted.items()
    again = await run(*pull_arguments(server, tmp_path / "data"))
    assert again.code == 0
    assert final_files(tmp_path / "data") == wanted


async def test_no_file_descriptors_left_stops_the_run(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [300_000] * 40)
    stopped = await run(
        *pull_arguments(server, tmp_path / "data", "--jobs", "32"),
        limits=limited(resource.RLIMIT_NOFILE, 14),  # type: ignore[arg-type]
    )
    assert stopped.code == 74, stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert final_files(tmp_path / "data").items() <= wanted.items()
    assert (await run(*pull_arguments(server, tmp_path / "data"))).code == 0
    assert final_files(tmp_path / "data") == wanted


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "-rm", "true"], check=False).returncode == 0


@pytest.mark.skipif(not _can_mount(), reason="this machine makes no mount namespaces")
@pytest.mark.parametrize("options", ["size=2m", "size=64m,nr_inodes=16"])
async def test_a_full_disk_stops_the_run_within_a_second(
    server: ArchiveServer, tmp_path: Path, options: str
) -> None:
    await fill(server, [200_000] * 40)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o {options} tmpfs {disk} && {sys.executable} -m imap_bulk "
        f"{' '.join(pull_arguments(server, disk / 'data'))}; code=$?; "
        f"find {disk} -name '.*.part' | wc -l; exit $code"
    )
    started = time.monotonic()
    shell = await asyncio.create_subprocess_exec(
        "unshare", "-rm", "sh", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await shell.communicate()
    assert shell.returncode == 74, stderr
    assert stdout.split() == [b"0"], "part files were left on a full disk"
    assert b"Traceback" not in stderr
    assert time.monotonic() - started < 10


async def test_a_file_in_the_way_of_a_directory_is_told_in_a_sentence(
    server: ArchiveServer, tmp_path: Path
) -> None:
    await fill(server, [1000])
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "imap").write_text("a file where a directory should be")
    stopped = await run(*pull_arguments(server, tmp_path / "data"))
    assert stopped.code == 74
    assert "Traceback" not in stopped.stderr
    assert str(tmp_path / "data" / "imap") in stopped.stderr


# --- how soon it stops, with many large streams in flight

LARGE = [48 * MIB] * 8
IN_FLIGHT = Settings(jobs=8, jobs_start=8, parallel_bytes=16 * MIB, parallel_latency=0.0, streams=4)


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE])
async def test_a_run_with_large_streams_in_flight_stops_within_a_second_of_the_first_fault(
    server: ArchiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    wanted = await fill(server, LARGE)
    called = "open" if number == errno.EMFILE else "pwrite"
    failing: Any = getattr(os, called)
    first: list[float] = []
    healthy_calls = 4 if number == errno.EMFILE else 40

    def fail(*arguments: Any, **more: Any) -> Any:
        nonlocal healthy_calls
        if called == "open" and ".part" not in str(arguments[0]):
            return failing(*arguments, **more)
        healthy_calls -= 1
        if healthy_calls >= 0:
            return failing(*arguments, **more)
        first.append(time.monotonic())
        raise OSError(number, os.strerror(number))

    data_dir = tmp_path / "data"
    names = [key.rpartition("/")[2] for key in wanted]
    with monkeypatch.context() as patched:
        patched.setattr(os, called, fail)
        with pytest.raises(OSError, match=os.strerror(number)):
            await aio.pull(names, data_dir=data_dir, url=server.url, settings=IN_FLIGHT)
    seconds = time.monotonic() - first[0]
    print(f"{errno.errorcode[number]}: stopped after {seconds:.3f} s")
    assert seconds <= 1
    assert final_files(data_dir).items() <= wanted.items()
    again = await aio.pull(names, data_dir=data_dir, url=server.url, settings=IN_FLIGHT)
    assert again.complete
    assert final_files(data_dir) == wanted


_WATCH = """
import os, subprocess, sys, time
disk, *client = sys.argv[1:]
process = subprocess.Popen(client, stderr=subprocess.DEVNULL)
full = None
while process.poll() is None:
    if full is None and os.statvfs(disk).f_bavail == 0:
        full = time.monotonic()
    time.sleep(0.002)
print(process.returncode, time.monotonic() - full)
"""


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.skipif(not _can_mount(), reason="this machine makes no mount namespaces")
async def test_the_command_ends_within_a_second_of_a_really_full_disk(
    server: ArchiveServer, tmp_path: Path
) -> None:
    await fill(server, LARGE)
    disk, watch = tmp_path / "disk", tmp_path / "watch.py"
    disk.mkdir()
    watch.write_text(_WATCH)
    client = f"{sys.executable} -m imap_bulk {' '.join(pull_arguments(server, disk / 'data', '--jobs', '8'))}"
    script = f"mount -t tmpfs -o size=150m tmpfs {disk} && {sys.executable} {watch} {disk} {client}"
    shell = await asyncio.create_subprocess_exec(
        "unshare", "-rm", "sh", "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    stdout, stderr = await shell.communicate()
    assert stdout, stderr
    code, seconds = stdout.split()
    print(f"a full tmpfs: ended after {float(seconds):.3f} s")
    assert int(code) == 74
    assert float(seconds) <= 1
