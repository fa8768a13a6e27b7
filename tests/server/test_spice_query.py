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


@pytest.mark.parametrize("name", ["lsk/naif0012.tls", "imap/spice/lsk/naif0012.tls", "naif"])
async def test_a_kernel_is_not_found_by_anything_but_its_bare_name(visitor: Visitor, name: str) -> None:
    await archive(visitor, "naif0012.tls")
    assert await visitor.kernels(f"file_name={name}") == []


@pytest.mark.parametrize(("value", "count"), [("true", 1), ("TRUE", 1), ("1", 2), ("false", 2)])
async def test_latest_is_the_word_true_in_any_case(visitor: Visitor, value: str, count: int) -> None:
    await archive(visitor, "naif0012.tls", "naif0009.tls")
    assert len(await visitor.kernels(f"latest={value}")) == count


@pytest.mark.parametrize(
    ("kernel_type", "found"), [("leapseconds", True), ("attitude_history", False), ("nonsense", False)]
)
async def test_a_type_is_compared_exactly(visitor: Visitor, kernel_type: str, found: bool) -> None:
    await archive(visitor, "naif0012.tls")
    assert bool(await visitor.kernels(f"type={kernel_type}")) is found


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


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("/spin-table", "spin/imap_2025_274_2025_276_01.spin"),
        ("/repoint-table", "repoint/imap_2025_276_01.repoint.csv"),
        ("/thruster-table", "activities/imap_2025_274_2025_276_hist_01.sff"),
        ("/small-forces-table", "activities/imap_2025_274_2025_276_hist_01.sff"),
    ],
)
async def test_each_table_can_be_asked_for_itself(visitor: Visitor, route: str, name: str) -> None:
    await archive(visitor, name.rpartition("/")[2], "naif0012.tls")
    assert [row["file_path"] for row in await visitor.query("", route)] == [f"imap/spice/{name}"]
    assert [row["file_path"] for row in await visitor.query("end_date=20251003", route)] == [f"imap/spice/{name}"]
    assert await visitor.query("end_date=20251002", route) == []


@pytest.mark.parametrize(("date", "is_found"), [("20251001", True), ("20251002", False)])
async def test_a_table_is_asked_for_whole_days(visitor: Visitor, date: str, is_found: bool) -> None:
    await archive(visitor, "imap_2025_274_2025_276_01.spin")
    assert bool(await visitor.query(f"start_date={date}", "/spin-table")) is is_found
    assert bool(await visitor.query(f"type=spin&start_date={date}", "/spice-query")) is is_found


@pytest.mark.parametrize(("path", "is_found"), [("imap/spice/spin/", True), ("", False)])
async def test_a_file_of_a_table_is_found_by_its_path(visitor: Visitor, path: str, is_found: bool) -> None:
    name = "imap_2025_274_2025_276_01.spin"
    await archive(visitor, name)
    assert bool(await visitor.query(f"type=spin&file_name={path}{name}", "/spice-query")) is is_found
    assert bool(await visitor.query(f"file_path={path}{name}", "/spin-table")) is is_found


@pytest.mark.parametrize("path", ["/spice-query?type=spin&size=1", "/spin-table?size=1"])
async def test_the_parameters_of_a_table_are_told(visitor: Visitor, path: str) -> None:
    answer = await visitor.ask(path)
    assert answer.status == 400
    assert answer.json == (
        "size is not a valid query parameter. Valid query parameters are: ['file_path', 'start_date', "
        "'end_date', 'latest', 'start_ingest_date', 'end_ingest_date']"
    )


@pytest.mark.parametrize("name", ["version", "start_date", "end_date"])
async def test_an_unknown_parameter_is_told_with_the_valid_ones(visitor: Visitor, name: str) -> None:
    answer = await visitor.ask(f"/spice-query?{name}=1")
    assert answer.status == 400
    assert answer.json == (
        f"{name} is not a valid query parameter. Valid query parameters are: ['file_name', 'start_time', "
        "'end_time', 'type', 'latest', 'start_ingest_date', 'end_ingest_date']"
    )


@pytest.mark.parametrize(
    ("conditions", "complaint"),
    [
        ("start_time=x", "Invalid value for start_time: x"),
        ("end_ingest_date=2026", "Invalid value for end_ingest_date: 2026"),
        ("type=spin&start_time=x", "Expected start/end times in ET."),
        ("type=spin&start_date=x", "Invalid value for start_date: x"),
    ],
)
async def test_an_unreadable_value_is_a_400(visitor: Visitor, conditions: str, complaint: str) -> None:
    answer = await visitor.ask(f"/spice-query?{conditions}")
    assert (answer.status, answer.json) == (400, complaint)


async def test_no_parameters_at_all_are_a_500(visitor: Visitor) -> None:
    assert (await visitor.ask("/spice-query")).status == 500


async def test_a_kernel_without_a_version_is_the_latest_of_its_name(visitor: Visitor) -> None:
    name = "earth_260101_260301_260201.bpc"
    await visitor.server.add(name, b"kernel")
    assert await visitor.kernels("latest=true") == [f"pck/{name}"]
