"""Which kernels cover a time, as the SDC's `/metakernel` tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Visitor

LEAPSECONDS = "naif0012.tls"
UNVERSIONED = "earth_260101_260301_260201.bpc"
EARLY = "imap_2026_001_2026_003_001.ah.bc"
LATE = "imap_2026_005_2026_007_002.ah.bc"
JANUARY = "start_time=20260101&end_time=20260107"


@pytest.fixture
async def filled(visitor: Visitor) -> Visitor:
    for name in (
        LEAPSECONDS,
        UNVERSIONED,
        EARLY,
        LATE,
        LATE.replace("002.ah", "001.ah"),
        "imap_2026_001_2026_003_01.spin",
    ):
        await visitor.server.add(name, b"kernel")
    return visitor


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (JANUARY, [LEAPSECONDS, EARLY, LATE, UNVERSIONED]),
        ("start_time=20260106&end_time=20260107", [LEAPSECONDS, LATE, UNVERSIONED]),
        (f"{JANUARY}&file_types=leapseconds", [LEAPSECONDS]),
        ("start_time=820540869.184&end_time=820540870&file_types=attitude_history", [EARLY]),
    ],
)
async def test_the_newest_kernels_that_cover_a_time_are_listed(
    filled: Visitor, asked: str, names: list[str]
) -> None:
    assert (await filled.ask(f"/metakernel?{asked}&list_files=True")).json == names


async def test_a_metakernel_names_them_below_a_path(filled: Visitor) -> None:
    told = (await filled.ask(f"/metakernel?{JANUARY}&spice_path=/data/spice")).text
    assert told.startswith("KPL/MK\n")
    assert "PATH_VALUES = ( '/data/spice' )" in told
    assert f"    '$SPICE/lsk/{LEAPSECONDS}',\n    '$SPICE/ck/{EARLY}',\n    '$SPICE/ck/{LATE}',\n" in told


async def test_where_nothing_covers_a_time_there_is_a_404(visitor: Visitor) -> None:
    answer = await visitor.ask(f"/metakernel?{JANUARY}")
    assert (answer.status, answer.json) == (404, "No files found.")


async def test_gaps_are_told_where_coverage_is_required(filled: Visitor) -> None:
    answer = await filled.ask(f"/metakernel?{JANUARY}&require_coverage=True")
    assert answer.status == 422
    ((begin, end),) = answer.json["attitude_history"]
    assert end - begin == 86_401  # day 4, and the second before it
    assert "leapseconds" not in answer.json


async def test_an_unknown_parameter_is_refused(filled: Visitor) -> None:
    assert (await filled.ask(f"/metakernel?{JANUARY}&latest=true")).status == 400
