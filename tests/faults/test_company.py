"""R14: several processes on one directory disturb nobody, whatever the file system makes of locks."""

import asyncio
from pathlib import Path

import pytest
from tests.faults.clients import fill, final_files, left_over, pull_arguments, run

from imap_bulk.server.app import ArchiveServer

MIB = 1 << 20


@pytest.mark.parametrize("processes", [2, 8])
async def test_pulls_side_by_side_all_succeed(server: ArchiveServer, tmp_path: Path, processes: int) -> None:
    wanted = await fill(server, [50_000] * 30 + [9 * MIB, 70 * MIB])
    arguments = pull_arguments(server, tmp_path / "data", "--no-fsync")
    clients = await asyncio.gather(*(run(*arguments) for _ in range(processes)))
    assert [client.code for client in clients] == [0] * processes, [client.stderr for client in clients]
    assert final_files(tmp_path / "data") == wanted
    assert left_over(tmp_path / "data") == []


async def test_pushes_side_by_side_all_succeed(server: ArchiveServer, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for day in range(1, 29):
        (source / f"imap_mag_l2_norm-gse_202601{day:02}_v001.0001.cdf").write_bytes(bytes([day]) * 100_000)
    clients = await asyncio.gather(
        *(
            run("--url", server.url, "--data-dir", str(tmp_path / f"data{number}"), "push", "-q", str(source))
            for number in range(4)
        )
    )
    assert [client.code for client in clients] == [0] * 4, [client.stderr for client in clients]
    pulled = await run(*pull_arguments(server, tmp_path / "pulled"))
    assert pulled.code == 0
    assert len(final_files(tmp_path / "pulled")) == 28
