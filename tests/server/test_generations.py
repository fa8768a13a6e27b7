"""What the permissive archive allows beyond the service of 2026."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.canaries import API_KEY

from imap_bulk.server.app import Scope
from imap_bulk.server.imap.generations import PERMISSIVE, STRICT_2024

if TYPE_CHECKING:
    from tests.server.conftest import Start, Visitor

SCIENCE = "imap_mag_l2_norm-gse_20260115_v001.0002.cdf"
OF_2024 = "imap_glows_l1a_hist_20110920-repoint00012_v001.cdf"
KERNEL = "imap_2025_302_2025_303_001.ah.bc"
FIRST = "imap_swe_l0_sci_20240105_20240105_v00-01.pkts"


async def test_everything_counts_as_released_where_nobody_is_strict(start: Start) -> None:
    visitor = await start(generation=PERMISSIVE, keys={API_KEY: Scope.WRITE})
    await visitor.server.add(SCIENCE, b"")
    (record,) = await visitor.query("instrument=mag&released=true")
    assert record["released"] is True


async def test_a_repointing_may_be_written_as_in_a_name(visitor: Visitor) -> None:
    await visitor.server.add(OF_2024, b"")
    assert await visitor.names("repointing=repoint00012") == [OF_2024]


@pytest.mark.parametrize("place", ["spice", "imap/spice"])
async def test_kernels_are_found_where_either_generation_seeks_them(visitor: Visitor, place: str) -> None:
    await visitor.server.add(KERNEL, b"")
    assert (await visitor.ask(f"/download/{place}/ck/{KERNEL}")).status == 302


@pytest.mark.parametrize("generation", [PERMISSIVE, STRICT_2024], ids=lambda each: each.name)
async def test_legacy_names_are_uploaded_found_and_told_with_both_dates(start: Start, generation: Any) -> None:
    visitor = await start(generation=generation, legacy_names=True)
    answer = await visitor.ask(f"/upload/science/{FIRST}")
    assert (await visitor.send("PUT", answer.json, b"packets")).status == 200
    (record,) = await visitor.query("version=v00-01")
    assert (record["start_date"], record["end_date"], record["version"]) == ("20240105", "20240105", "v00-01")
    assert await visitor.query("version=v00-02") == []


async def test_a_legacy_version_is_a_400_where_legacy_names_are_not_taken(visitor: Visitor) -> None:
    assert (await visitor.ask("/query?version=v00-01")).status == 400
