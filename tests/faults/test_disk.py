"""R12: when this machine cannot go on, the run stops at once, says so, and nothing is lost."""

import asyncio
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.faults.clients import fill, final_files, pull_arguments, run

from imap_bulk.server.app import ArchiveServer

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
