from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Clock, Visitor

ATTITUDE = "imap_2025_274_2025_276_001.ah.bc"


async def archive(visitor: Visitor, *names: str) -> None:
    for name in names:
        await visitor.server.add(name, name.encode())


async def test_a_kernel_record_tells_what_the_name_tells(visitor: Visitor) -> None:
    await archive(visitor, ATTITUDE)
    (record,) = await visitor.query("type=attitude_history", "/spice-query")
    assert {name: value for name, value in record.items() if value is not None} == {
        "file_name": f"ck/{ATTITUDE}",
        "file_root": "imap_2025_274_2025_276_.ah.bc",
        "kernel_type": "attitude_history",
        "version": 1,
        "min_date_j2000": pytest.approx(812548869.184),
        "max_date_j2000": pytest.approx(812808068.184),
        "min_date_datetime": "2025-10-01, 00:00:00",
        "max_date_datetime": "2025-10-03, 23:59:59",
        "ingestion_date": "2026-01-20, 12:00:00",
        "timestamp": 1768910400,
    }
    assert {name for name, value in record.items() if value is None} == {
        "file_intervals_j2000",
        "file_intervals_datetime",
        "min_date_sclk",
        "max_date_sclk",
        "file_intervals_sclk",
        "sclk_kernel",
        "lsk_kernel",
    }


@pytest.mark.parametrize(
    ("name", "file_root", "version"),
    [
        ("naif0012.tls", "naif.tls", 12),
        ("imap_sclk_0147.tsc", "imap_sclk_.tsc", 147),
        ("imap_recon_20250101_20250201_v02.bsp", "imap_recon_20250101_20250201_v.bsp", 2),
        ("earth_000101_260101_251101.bpc", "earth_000101_260101_251101.bpc", None),
        ("imap_sclk_1234567890123456789012.tsc", "imap_sclk_.tsc", None),
    ],
)
async def test_the_root_is_the_name_without_its_version(
    visitor: Visitor, name: str, file_root: str, version: int | None
) -> None:
    await archive(visitor, name)
    (record,) = await visitor.query("type=kernels", "/spice-query")
    assert (record["file_root"], record["version"]) == (file_root, version)


async def test_latest_keeps_the_greatest_version_of_each_root(visitor: Visitor) -> None:
    await archive(visitor, ATTITUDE, "imap_2025_274_2025_276_010.ah.bc", "naif0012.tls", "naif0009.tls")
    assert await visitor.kernels("latest=true") == ["ck/imap_2025_274_2025_276_010.ah.bc", "lsk/naif0012.tls"]


async def test_the_greatest_version_is_sought_in_the_whole_table(visitor: Visitor, clock: Clock) -> None:
    await archive(visitor, "naif0012.tls")
    clock.set("2026-02-01 00:00:00")
    await archive(visitor, "naif0011.tls")
    assert await visitor.kernels("latest=true&start_ingest_date=20260201") == []


async def test_kernels_are_all_but_the_tables(visitor: Visitor) -> None:
    await archive(visitor, "naif0012.tls", "imap_2025_274_2025_276_01.spin", "imap_2025_276_01.repoint.csv")
    assert await visitor.kernels("type=kernels") == ["lsk/naif0012.tls"]


async def test_one_kernel_is_found_by_its_name(visitor: Visitor) -> None:
    await archive(visitor, ATTITUDE, "naif0012.tls")
    assert await visitor.kernels("file_name=naif0012.tls") == ["lsk/naif0012.tls"]


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ("start_time=812808068", True),
        ("start_time=812808069", False),
        ("end_time=812548870", True),
        ("end_time=812548869", False),
    ],
)
async def test_coverage_is_sought_in_seconds_past_j2000(visitor: Visitor, conditions: str, found: bool) -> None:
    await archive(visitor, ATTITUDE)
    assert bool(await visitor.kernels(conditions)) is found


async def test_an_ingestion_date_means_the_midnight_it_begins_with(visitor: Visitor, clock: Clock) -> None:
    clock.set("2026-03-05 00:00:00")
    await archive(visitor, "naif0011.tls")
    clock.set("2026-03-05 00:00:01")
    await archive(visitor, "naif0012.tls")
    assert await visitor.kernels("end_ingest_date=20260305") == ["lsk/naif0011.tls"]
    assert len(await visitor.kernels("start_ingest_date=20260305")) == 2


async def test_spin_files_come_from_a_table_of_their_own(visitor: Visitor) -> None:
    await archive(visitor, "imap_2025_274_2025_276_01.spin")
    assert await visitor.query("type=spin&start_time=812548870", "/spice-query") == [
        {
            "file_path": "imap/spice/spin/imap_2025_274_2025_276_01.spin",
            "start_date": "2025-10-01, 00:00:00",
            "end_date": "2025-10-03, 00:00:00",
            "version": "01",
            "ingestion_date": "2026-01-20, 12:00:00",
        }
    ]


async def test_repoint_files_have_no_start(visitor: Visitor) -> None:
    await archive(visitor, "imap_2025_276_01.repoint.csv")
    (record,) = await visitor.query("type=repoint&start_time=999999999", "/spice-query")
    assert "start_date" not in record


async def test_an_unknown_parameter_is_told_with_the_valid_ones(visitor: Visitor) -> None:
    answer = await visitor.ask("/spice-query?version=1")
    assert answer.status == 400
    assert answer.json == (
        "version is not a valid query parameter. Valid query parameters are: ['file_name', 'start_time', "
        "'end_time', 'type', 'latest', 'start_ingest_date', 'end_ingest_date']"
    )


@pytest.mark.parametrize(
    ("conditions", "complaint"),
    [
        ("start_time=x", "Invalid value for start_time: x"),
        ("end_ingest_date=2026", "Invalid value for end_ingest_date: 2026"),
        ("type=spin&start_time=x", "Expected start/end times in ET."),
    ],
)
async def test_an_unreadable_value_is_a_400(visitor: Visitor, conditions: str, complaint: str) -> None:
    answer = await visitor.ask(f"/spice-query?{conditions}")
    assert (answer.status, answer.json) == (400, complaint)


async def test_no_parameters_at_all_are_a_500(visitor: Visitor) -> None:
    assert (await visitor.ask("/spice-query")).status == 500
