from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.canaries import API_KEY, READ_KEY

from imap_bulk.server.app import Scope
from imap_bulk.server.imap.generations import STRICT_2026

if TYPE_CHECKING:
    from tests.server.conftest import Answer, Start, Visitor

SCIENCE = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
SCIENCE_KEY = f"imap/mag/l2/2026/01/{SCIENCE}"
ANCILLARY = "imap_mag_l2-calibration_20240101_20240201_v001.csv"
ANCILLARY_KEY = f"imap/ancillary/mag/{ANCILLARY}"
KERNEL = "imap_2025_302_2025_303_001.ah.bc"


@pytest.fixture
async def present(start: Start) -> Visitor:
    visitor = await start(generation=STRICT_2026, keys={READ_KEY: Scope.READ, API_KEY: Scope.WRITE})
    for name in (SCIENCE, ANCILLARY, KERNEL):
        await visitor.server.add(name, name.encode())
    return visitor


async def release(visitor: Visitor, conditions: str, key: str = API_KEY) -> Answer:
    return await visitor.ask(f"/api-key/release?{conditions}", x_api_key=key)


MANIFEST = "imap_mag_data-release-001_20260101_20260131_v001.txt"


async def test_a_manifest_releases_what_it_lists_and_takes_it_back(present: Visitor) -> None:
    await present.server.add(MANIFEST, f"{SCIENCE_KEY}\n\n{ANCILLARY_KEY}\n".encode())
    answer = await release(present, f"release_type=early-release&manifest_file={MANIFEST}")
    assert answer.json == "Successfully early released 1 science files and 1 ancillary files."
    assert await present.names("instrument=mag") == [SCIENCE]
    assert (await present.ask(f"/download/{SCIENCE_KEY}")).status == 302
    answer = await release(present, f"release_type=unrelease&manifest_file={MANIFEST}")
    assert answer.json == "Successfully unreleased 1 science files and 1 ancillary files."
    assert await present.names("instrument=mag") == []
    assert (await present.ask(f"/download/{ANCILLARY_KEY}")).status == 403


MONTH = "release_type=release&release_number=1&instrument=mag&start_date=20260101&end_date=20260131"


async def test_a_release_by_dates_takes_the_newest_version(present: Visitor) -> None:
    newest = SCIENCE.replace("v001.0002", "v001.0003")
    await present.server.add(newest, b"")
    answer = await release(present, MONTH)
    assert answer.json == "Successfully released 1 science files and 0 ancillary files."
    assert await present.names("instrument=mag") == [newest]


async def test_a_release_by_dates_leaves_out_what_a_manifest_lists(present: Visitor) -> None:
    await present.server.add(MANIFEST, SCIENCE_KEY.encode())
    answer = await release(present, f"{MONTH}&exclude_file={MANIFEST}")
    assert answer.status == 400
    assert answer.json == (
        "No files to release for the specified mag, 2026-01-01 00:00:00 to 2026-01-31 00:00:00, and 1."
    )


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ("release_type=now", "'now' is not a valid release_type. Valid options are: ['release', 'unrelease', "),
        ("release_type=release", "'release_number' query parameter is required when 'release_type' is 'release'."),
        ("release_type=unrelease&size=1", "'size' is not a valid query parameter. Valid query parameters are: ["),
    ],
)
async def test_a_release_that_makes_no_sense_is_a_400(present: Visitor, conditions: str, said: str) -> None:
    answer = await release(present, conditions)
    assert answer.status == 400
    assert answer.json.startswith(said)


@pytest.mark.parametrize(
    ("listed", "kind", "said"),
    [
        ("", "early-release", "No files found in the manifest file."),
        (KERNEL, "unrelease", "The manifest file does not contain any science or ancillary files."),
    ],
)
async def test_a_manifest_without_products_is_a_400(present: Visitor, listed: str, kind: str, said: str) -> None:
    await present.server.add(MANIFEST, listed.encode())
    answer = await release(present, f"release_type={kind}&manifest_file={MANIFEST}")
    assert (answer.status, answer.json) == (400, said)


@pytest.mark.parametrize(
    "conditions",
    [
        "instrument=mag",
        "release_type=unrelease",
        "release_type=unrelease&manifest_file=nonsense",
        f"release_type=unrelease&manifest_file={MANIFEST}",  # it was never archived
    ],
)
async def test_a_release_without_what_it_needs_is_a_500(present: Visitor, conditions: str) -> None:
    assert (await release(present, conditions)).status == 500


async def test_a_reader_may_not_release(present: Visitor) -> None:
    answer = await release(present, MONTH, READ_KEY)
    assert (answer.status, answer.json) == (403, "Release operation denied. Your API key has read permissions.")
