"""Three versions of the official client find nothing amiss with one archive, nor with those of their own time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import aiohttp
import pytest

from imap_bulk import filenames
from imap_bulk.server.app import Scope
from imap_bulk.server.imap.generations import STRICT_2024, STRICT_2026

if TYPE_CHECKING:
    from pathlib import Path

    from tests.compat.conftest import Connect, Serve

pytestmark = [pytest.mark.compat, pytest.mark.timeout(400)]

BODY = bytes(range(256)) * 5_000
KERNEL = "imap_2025_274_2025_276_001.ah.bc"
KEYS = {"reader": Scope.READ, "writer": Scope.WRITE}


NAMES = [
    "imap_swe_l0_raw_20240105_v001.pkts",
    "imap_mag_l1b_norm-mago_20250502_v003.cdf",
    "imap_glows_l1a_counts_20261206-repoint00002_v001.cdf",
    "imap_swe_l0_raw_20240229_v001.pkts",
    "imap_codice_l1ca_x_20260115_v001.cdf",
    "imap_mag_l2_norm-gse_20260115_v001.0002.cdf",
    "imap_glows_l3b_x_20260101-cr02300_v001.cdf",
    "imap_ialirt_l1_mag_20260115_v001.cdf",
    "imap_idex_l2b_sci-1week_20260115_v001.cdf",
    "imap_swe_l1a_sci_20240105_v001.pkts",
    "imap_swe_l0_raw_20240105_v001.cdf",
    "imap_swe_l1a_sci_20240230_v001.cdf",
    "imap_xyz_l9_sci_20241301_v001.pkts",
    "ibex_swe_l0_raw_20240105_v001.pkts",
    "imap_swe_l0_raw_20240105_v1.pkts",
    "imap_swe_l0_sci_20240105_20240105_v00-01.pkts",
    "imap_mag_cal_20240101_v001.csv",
    "nope.txt",
]


@pytest.fixture
def is_old(version: str) -> bool:
    """Whether this client knows of no tables, no major versions, and no prefix for keys."""
    return version != "1.3.0"


@pytest.fixture
def science(is_old: bool) -> str:
    """Name a science file as this client would upload it."""
    return "imap_hi_l1c_pset_20260115-repoint00012_" + ("v001.cdf" if is_old else "v001.0001.cdf")


@pytest.fixture
def keyed(is_old: bool) -> str:
    """Tell what must follow the URL where keys are asked for; the client of today adds it by itself."""
    return "/api-key" if is_old else ""


async def release(url: str) -> None:
    """Release what the archive has of hi, as those do who keep it."""
    conditions = "release_type=release&release_number=1&instrument=hi&start_date=20260101&end_date=20260131"
    async with (
        aiohttp.ClientSession(headers={"x-api-key": "writer"}) as session,
        session.get(f"{url}/api-key/release?{conditions}") as answer,
    ):
        assert await answer.text() == '"Successfully released 1 science files and 0 ancillary files."'


async def test_it_uploads_and_downloads_science(
    serve: Serve, connect: Connect, science: str, tmp_path: Path
) -> None:
    server = await serve()
    client, other = connect(server.url), connect(server.url)
    ran = await client.command("upload", client.file(science, BODY))
    assert ran.status == 0, ran.err
    assert (tmp_path / "archive" / filenames.parse(science).key).read_bytes() == BODY
    ran = await other.command("download", science)
    assert ran.status == 0, ran.err
    assert [path.read_bytes() for path in other.directory.rglob(science)] == [BODY]


async def test_it_uploads_and_downloads_kernels(serve: Serve, connect: Connect) -> None:
    server = await serve()
    client, other = connect(server.url), connect(server.url)
    ran = await client.command("upload", client.file(KERNEL, BODY))
    assert ran.status == 0, ran.err
    ran = await other.command("download", KERNEL)
    assert ran.status == 0, ran.err
    assert [path.read_bytes() for path in other.directory.rglob(KERNEL)] == [BODY]


async def test_it_queries_by_everything_it_knows(serve: Serve, connect: Connect, science: str) -> None:
    server = await serve()
    await server.add(science, BODY)
    await server.add("imap_swe_l0_raw_20240105_v001.pkts", BODY)
    client = connect(server.url)
    conditions = {
        "instrument": "hi", "data_level": "l1c", "descriptor": "pset", "start_date": "20260115",
        "end_date": "20260115", "version": "v001", "extension": "cdf",
    }  # fmt: skip
    assert await client.names(**conditions) == [science]
    assert await client.names(instrument="hi", end_date="20260114") == []


async def test_it_queries_a_repointing_in_its_own_spelling(serve: Serve, connect: Connect, version: str) -> None:
    server = await serve()
    for number in (12, 13):
        await server.add(f"imap_hi_l1c_pset_20260115-repoint000{number}_v001.cdf", BODY)
    spelled = 12 if version == "0.7.0" else "repoint00012"
    found = await connect(server.url).names(instrument="hi", repointing=spelled)
    assert found == ["imap_hi_l1c_pset_20260115-repoint00012_v001.cdf"]


@pytest.mark.parametrize("version", ["0.10.1", "1.3.0"], indirect=True)  # 0.8 was the first that knew it
async def test_it_finds_the_latest_version(serve: Serve, connect: Connect) -> None:
    server = await serve()
    for number in (1, 2):
        await server.add(f"imap_swe_l1a_sci_20240105_v00{number}.cdf", BODY)
    found = await connect(server.url).names(instrument="swe", version="latest")
    assert found == ["imap_swe_l1a_sci_20240105_v002.cdf"]


async def test_its_command_line_prints_what_was_found(serve: Serve, connect: Connect, science: str) -> None:
    server = await serve()
    await server.add(science, BODY)
    ran = await connect(server.url).command("query", "--instrument", "hi")
    assert ran.status == 0, ran.err
    assert "Found [1] matching files" in ran.out
    assert science in ran.out


async def test_it_tells_a_conflict(serve: Serve, connect: Connect, science: str) -> None:
    server = await serve()
    client = connect(server.url)
    path = client.file(science, BODY)
    assert (await client.command("upload", path)).status == 0
    ran = await client.command("upload", path)
    assert ran.status == 1
    assert "409" in ran.err
    assert "already exists" in ran.err


async def test_it_tells_that_a_key_may_not_write(serve: Serve, connect: Connect, science: str, keyed: str) -> None:
    server = await serve(keys=KEYS)
    client = connect(server.url + keyed, "reader")
    ran = await client.command("upload", client.file(science, BODY))
    assert ran.status == 1
    assert "403" in ran.err
    assert "Upload access denied. Your API key has read-only permissions." in ran.err
    client = connect(server.url + keyed, "writer")
    ran = await client.command("upload", client.file(science, BODY))
    assert ran.status == 0, ran.err


async def test_it_tells_that_a_file_is_not_there(serve: Serve, connect: Connect, science: str) -> None:
    server = await serve()
    ran = await connect(server.url).command("download", science)
    assert ran.status == 1
    assert "404" in ran.err


async def test_the_service_of_2024_suits_the_clients_of_2024_alone(
    serve: Serve, connect: Connect, science: str, is_old: bool
) -> None:
    server = await serve(generation=STRICT_2024)
    client = connect(server.url)
    ran = await client.command("upload", client.file(science, BODY))
    assert (ran.status == 0) is is_old, ran.err
    ran = await client.command("query", "--instrument", "hi")
    assert (ran.status == 0) is is_old, ran.err
    assert ("table is not a valid query parameter. " in ran.err) is not is_old
    if is_old:
        assert science in ran.out
        assert (await connect(server.url).command("download", science)).status == 0


@pytest.mark.parametrize("version", ["0.10.1", "1.3.0"], indirect=True)
async def test_kernels_of_2024_lie_where_its_client_seeks_them(
    serve: Serve, connect: Connect, is_old: bool
) -> None:
    server = await serve(generation=STRICT_2024)
    client, other = connect(server.url), connect(server.url)
    assert (await client.command("upload", client.file(KERNEL, BODY))).status == 0
    assert ((await other.command("download", KERNEL)).status == 0) is is_old


async def test_kernels_of_2026_are_not_where_the_client_of_october_2024_seeks_them(
    serve: Serve, connect: Connect, version: str
) -> None:
    server = await serve(generation=STRICT_2026, keys=KEYS)
    await server.add(KERNEL, BODY)
    ran = await connect(server.url).command("download", KERNEL)
    assert (ran.status == 0) is (version != "0.10.1")  # it looked below spice/, those before and after below imap/


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", ["0.10.1"], indirect=True)  # the service of 2024 ran this one
async def test_the_service_of_2024_refuses_names_in_the_words_of_its_client(
    serve: Serve, connect: Connect, name: str
) -> None:
    server = await serve(generation=STRICT_2024)
    client = connect(server.url)
    said = await client.run("-c", f"import imap_data_access; imap_data_access.ScienceFilePath({name!r})")
    async with aiohttp.ClientSession() as session, session.get(f"{server.url}/upload/{name}") as answer:
        told = await answer.text()
        assert (answer.status == 200) is (said.status == 0)
    if said.status:
        theirs = said.err.partition("InvalidScienceFileError: ")[2]
        assert sets_in_order(told).splitlines() == sets_in_order(theirs.removesuffix("\n")).splitlines()


def sets_in_order(text: str) -> str:
    """Write sets as Python would if they had an order."""
    return re.sub(r"\{(.*?)\}", lambda found: str(sorted(found[1].split(", "))), text)


async def test_the_service_of_2026_hides_science_from_whoever_shows_no_key(
    serve: Serve, connect: Connect, science: str, keyed: str, is_old: bool
) -> None:
    server = await serve(generation=STRICT_2026, keys=KEYS)
    writer = connect(server.url + keyed, "writer")
    ran = await writer.command("upload", writer.file(science, BODY))
    assert ran.status == 0, ran.err
    stranger = connect(server.url)
    assert await stranger.names(instrument="hi") == []
    ran = await stranger.command("download", science)
    assert ran.status == 1
    assert "is not a part of a public release yet." in ran.err
    if not is_old:
        assert await writer.names(instrument="hi") == [science]
        reader = connect(server.url, "reader")
        assert (await reader.command("download", science)).status == 0
    await release(server.url)
    assert await stranger.names(instrument="hi") == [science]
    assert (await stranger.command("download", science)).status == 0
