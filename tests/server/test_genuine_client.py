"""The official client, imap-data-access, in a process of its own, finds nothing amiss."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from imap_bulk.server.app import Scope

if TYPE_CHECKING:
    from pathlib import Path

    from tests.server.conftest import Start, Visitor

pytestmark = pytest.mark.genuine

SCIENCE = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
ANCILLARY = "imap_mag_l2-calibration_20250101_20250201_v001.csv"
KERNEL = "imap_2025_274_2025_276_001.ah.bc"
BODY = bytes(range(256)) * 5_000


class Client:
    """Runs the official client against one server."""

    def __init__(self, url: str, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("IMAP_")},
            "IMAP_DATA_ACCESS_URL": url,
            "IMAP_DATA_DIR": str(directory),
            **environment,
        }
        directory.mkdir(exist_ok=True)

    async def run(self, *arguments: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def command(self, *arguments: str) -> tuple[int, str, str]:
        """Run its command line."""
        return await self.run("-c", "from imap_data_access.cli import main; main()", *arguments)

    async def call(self, expression: str) -> Any:
        """Evaluate a call of its Python API."""
        script = f"import json, imap_data_access; print(json.dumps({expression}, default=str))"
        status, out, err = await self.run("-c", script)
        assert status == 0, err
        return json.loads(out)

    def file(self, name: str, body: bytes = BODY) -> str:
        path = self.directory / name
        path.write_bytes(body)
        return str(path)


@pytest.fixture
def client(visitor: Visitor, tmp_path: Path) -> Client:
    return Client(visitor.server.url, tmp_path / "client")


@pytest.mark.parametrize("name", [SCIENCE, ANCILLARY, KERNEL])
async def test_it_uploads_and_downloads_the_same_bytes(
    client: Client, visitor: Visitor, root: Path, tmp_path: Path, name: str
) -> None:
    status, out, err = await client.command("upload", client.file(name))
    assert (status, out) == (0, "Successfully uploaded the file to the IMAP SDC\n"), err
    assert (root / visitor.key(name)).read_bytes() == BODY
    elsewhere = Client(visitor.server.url, tmp_path / "elsewhere")
    status, out, err = await elsewhere.command("download", name)
    assert (status, out.startswith("Successfully downloaded")) == (0, True), err
    assert (elsewhere.directory / visitor.key(name)).read_bytes() == BODY


async def test_its_second_upload_is_a_conflict(client: Client) -> None:
    path = client.file(SCIENCE)
    await client.command("upload", path)
    status, _, err = await client.command("upload", path)
    assert status == 1
    assert "409" in err
    assert "already exists" in err


async def test_it_queries_science(client: Client, visitor: Visitor) -> None:
    for version in ("001.0002", "002.0001", "002.0003"):
        await visitor.server.add(f"imap_mag_l2_norm-gse_20260115_v{version}.cdf", b"")
    records = await client.call("imap_data_access.query(instrument='mag', start_date='20260101')")
    assert [record["version"] for record in records] == ["v002.0001", "v002.0003"]
    latest = await client.call("imap_data_access.query(instrument='mag', version='latest')")
    assert [record["version"] for record in latest] == ["v002.0003"]


async def test_it_queries_repointings(client: Client, visitor: Visitor) -> None:
    await visitor.server.add("imap_hi_l1c_45sensor-pset_20260115-repoint00123_v001.0001.cdf", b"")
    found = await client.call("imap_data_access.query(instrument='hi', repointing='repoint00123')")
    assert [record["repointing"] for record in found] == [123]


async def test_it_queries_ancillary(client: Client, visitor: Visitor) -> None:
    await visitor.server.add(ANCILLARY, b"")
    (record,) = await client.call("imap_data_access.query(table='ancillary', instrument='mag', version='latest')")
    assert record["file_path"] == visitor.key(ANCILLARY)


async def test_it_queries_spice(client: Client, visitor: Visitor) -> None:
    await visitor.server.add(KERNEL, b"")
    (record,) = await client.call(
        "imap_data_access.io.spice_query(type='attitude_history', version='latest', "
        "ingestion_start_date='20260101')"
    )
    assert record["file_name"] == f"ck/{KERNEL}"


async def test_its_command_line_prints_our_records_as_json(client: Client, visitor: Visitor) -> None:
    await visitor.server.add(SCIENCE, b"")
    status, out, err = await client.command("query", "--instrument", "mag", "--output-format", "json")
    assert status == 0, err
    assert json.loads(out) == await visitor.query("instrument=mag")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--instrument", "mag"), ["Found [1] matching files in science table", "v001.0002", SCIENCE]),
        (("--table", "ancillary", "--instrument", "mag"), ["in ancillary table", "20250201", ANCILLARY]),
        (("--table", "spice", "--type", "attitude_history"), ["in spice table", "2025-10-01, 00:00:00", KERNEL]),
    ],
    ids=["science", "ancillary", "spice"],
)
async def test_its_command_line_prints_our_records_as_tables(
    client: Client, visitor: Visitor, arguments: tuple[str, ...], shown: list[str]
) -> None:
    for name in (SCIENCE, ANCILLARY, KERNEL):
        await visitor.server.add(name, b"")
    status, out, err = await client.command("query", *arguments)
    assert status == 0, err
    assert all(text in out for text in shown), out


async def test_its_keys_are_held_to_their_scope(start: Start, tmp_path: Path) -> None:
    visitor = await start(keys={"reader": Scope.READ, "writer": Scope.WRITE})
    reader = Client(visitor.server.url, tmp_path / "reader", IMAP_API_KEY="reader")
    status, _, err = await reader.command("upload", reader.file(SCIENCE))
    assert status == 1
    assert "Upload access denied. Your API key has read-only permissions." in err
    writer = Client(visitor.server.url, tmp_path / "writer", IMAP_API_KEY="writer")
    status, _, err = await writer.command("upload", writer.file(SCIENCE))
    assert status == 0, err
    assert await reader.call("[r['version'] for r in imap_data_access.query(instrument='mag')]") == ["v001.0002"]


async def test_its_unknown_key_is_forbidden(start: Start, tmp_path: Path) -> None:
    visitor = await start(keys={"writer": Scope.WRITE})
    stranger = Client(visitor.server.url, tmp_path / "stranger", IMAP_API_KEY="stranger")
    status, _, err = await stranger.command("query", "--instrument", "mag")
    assert (status, "403" in err) == (1, True)
