"""A query too large to be answered is asked in parts: all files, each once, and no more requests than needed."""

import random
from datetime import date, timedelta
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.archives.conftest import Open
from tests.archives.fake_imap import (
    FakeImap,
    Row,
    ancillary,
    gateway,
    in_series,
    kernel,
    matches,
    old_science,
    science,
)

from imap_bulk.archives.imap import ImapArchive
from imap_bulk.archives.imap.params import params
from imap_bulk.archives.imap.query import ImapQuery
from imap_bulk.archives.imap.split import parts
from imap_bulk.errors import Busy, Rejected, ServerFault
from imap_bulk.transport import api

TODAY = date(2026, 11, 22)
DAYS = st.dates().map(lambda day: f"{day.year:04}{day.month:02}{day.day:02}")


async def keys(archive: ImapArchive, **conditions: Any) -> list[str]:
    async with archive:
        return [file.key async for file in archive.search(ImapQuery.of(**conditions))]


def scattered(seed: int, count: int = 120) -> list[Row]:
    """Make science records on a few crowded days and some lonely ones, over more than a century."""
    chance = random.Random(seed)
    crowded = [date(2026, 1, 1) + timedelta(chance.randrange(400)) for _ in range(3)]
    rows: dict[str, Row] = {}
    for _ in range(count):
        lonely = date(1958, 1, 1) + timedelta(chance.randrange(40000))
        day = chance.choice([*crowded, lonely])
        names = {"instrument": chance.choice(["mag", "swe", "hit"]), "data_level": chance.choice(["l1a", "l2"])}
        row = science(day.strftime("%Y%m%d"), descriptor=f"d{chance.randrange(9)}", **names)
        rows[row["file_path"]] = row
    return list(rows.values())


@pytest.mark.parametrize("seed", range(8))
async def test_the_parts_bring_everything_once(archive_at: Open, seed: int) -> None:
    fake = FakeImap(scattered(seed), most_rows=9)
    found = await keys(await archive_at(fake), version="v001.0001")
    assert sorted(found) == in_series(fake.rows)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 413])
async def test_every_way_of_failing_by_size_splits(archive_at: Open, status: int) -> None:
    fake = FakeImap(scattered(1), most_rows=30, size_status=status)
    assert sorted(await keys(await archive_at(fake), instrument="mag,swe,hit")) == in_series(fake.rows)


async def test_splitting_works_in_2024_too(archive_at: Open) -> None:
    rows = [old_science(f"202401{day:02}", descriptor=name) for day in range(1, 29) for name in ("a", "b")]
    fake = FakeImap(rows, generation=2, most_rows=5, size_status=502)
    assert sorted(await keys(await archive_at(fake), instrument="mag")) == in_series(rows)


async def test_splitting_leaves_latest_as_it_is(archive_at: Open) -> None:
    days = [f"202601{day:02}" for day in range(1, 21)]
    rows = [old_science(day, version) for day in days for version in ("v001", "v002", "v003")]
    for fake in FakeImap(rows, generation=2, most_rows=7), FakeImap(rows, generation=2):
        found = await keys(await archive_at(fake), instrument="mag", version="latest")
        assert sorted(found) == in_series(old_science(day, "v003") for day in days)


async def test_ancillary_files_are_split_by_date_and_instrument(archive_at: Open) -> None:
    rows = [ancillary("20250101", end, "v001") for end in (None, "20250102", "20250103")]
    rows += [ancillary(f"202602{day:02}", None, "v001") for day in range(1, 20)]
    fake = FakeImap(rows, most_rows=4)
    assert sorted(await keys(await archive_at(fake), table="ancillary", extension="csv")) == in_series(rows)


async def test_kernels_are_split_by_ingestion_so_that_those_without_a_coverage_stay(archive_at: Open) -> None:
    timeless = {"min_date_j2000": None, "max_date_j2000": None}
    rows = [kernel(f"lsk/naif{n:04}.tls", kernel_type="leapseconds", **timeless) for n in range(5)]
    times = [f"2026-04-{day:02}, 00:00:00" for day in range(1, 29)]
    rows += [kernel(f"ck/imap_2025_{100 + n}.bc", ingestion_date=time) for n, time in enumerate(times)]
    fake = FakeImap(rows, most_rows=6)
    found = await keys(await archive_at(fake), table="spice", type="kernels")
    assert sorted(found) == sorted(f"imap/spice/{row['file_name']}" for row in rows)


async def test_kernels_of_one_day_are_split_by_type(archive_at: Open) -> None:
    rows = [
        kernel(f"ck/{kind}_{n}.bc", kernel_type=kind) for kind in ("spacecraft_clock", "metakernel") for n in "abc"
    ]
    fake = FakeImap(rows, most_rows=3)
    assert len(await keys(await archive_at(fake), table="spice", ingestion_start_date="20260101")) == 6


async def test_a_size_fault_is_believed_after_the_second_time(archive_at: Open) -> None:
    fake = FakeImap([science()], overrides=[gateway(500, "Internal Server Error")])
    assert len(await keys(await archive_at(fake), instrument="mag")) == 1
    assert len(fake.asked) == 2
    assert fake.queries[0] == fake.queries[1]


async def test_parts_that_fail_like_the_whole_are_split_at_once(archive_at: Open) -> None:
    rows = [science("20260101", descriptor=f"d{n}") for n in range(4)]
    rows += [science("20260103", descriptor=f"d{n}") for n in range(4)]
    fake = FakeImap(rows, most_rows=4)
    await keys(await archive_at(fake), start_date="20260101", end_date="20260104")
    windows = [(asked["start_date"], asked["end_date"]) for asked in fake.queries]
    assert windows == [("20260101", "20260104")] * 2 + [("20260101", "20260102"), ("20260103", "20260104")]


async def test_two_different_faults_are_no_size_fault(archive_at: Open) -> None:
    faults = [gateway(500, "Internal Server Error"), gateway(502, "Bad Gateway")]
    fake = FakeImap([science()], overrides=faults)
    assert len(await keys(await archive_at(fake), instrument="mag")) == 1
    assert len(fake.asked) == 3


@pytest.mark.parametrize("status", [429, 503])
async def test_throttling_is_retried_and_never_split(archive_at: Open, status: int) -> None:
    fake = FakeImap(always=lambda: gateway(status, "Slow down", Retry_After="0"))
    with pytest.raises(Busy, match="Slow down"):
        await keys(await archive_at(fake, retries=3), instrument="mag")
    assert len(fake.asked) == 4
    assert all("start_date" not in asked for asked in fake.queries)


async def test_a_fault_that_no_splitting_heals_is_raised_in_the_words_of_the_archive(archive_at: Open) -> None:
    fake = FakeImap(always=lambda: gateway(500, "the database is gone"))
    with pytest.raises(ServerFault, match="the database is gone"):
        await keys(await archive_at(fake), instrument="mag")
    assert len(fake.asked) < 60


async def test_a_file_that_cannot_be_listed_alone_is_not_split(archive_at: Open) -> None:
    fake = FakeImap(always=lambda: gateway(500, "Internal Server Error"))
    with pytest.raises(ServerFault):
        await keys(await archive_at(fake, retries=2), filename="naif0012.tls")
    assert len(fake.asked) == 3


async def test_splitting_needs_no_retries(archive_at: Open) -> None:
    fake = FakeImap(scattered(2), most_rows=20)
    assert len(await keys(await archive_at(fake, retries=0), version="v001.0001")) == len(fake.rows)


async def test_an_answer_longer_than_can_be_read_is_split(
    archive_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "ANSWER_LIMIT_BYTES", 9000)
    fake = FakeImap(scattered(3))
    assert len(await keys(await archive_at(fake), version="v001.0001")) == len(fake.rows)


async def test_an_endless_answer_to_the_smallest_question_is_refused(
    archive_at: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "ANSWER_LIMIT_BYTES", 10)
    fake = FakeImap(always=lambda: web.Response(text="x" * 11))
    with pytest.raises(Rejected, match="longer than"):
        await keys(await archive_at(fake), filename="naif0012.tls")


async def test_a_file_listed_in_two_parts_comes_once(archive_at: Open) -> None:
    same = [science()]
    fake = FakeImap(overrides=[web.json_response(same), web.json_response(same)])
    assert await keys(await archive_at(fake), instrument="mag,swe") == in_series(same)


def test_an_open_query_is_cut_at_launch_and_tomorrow_first() -> None:
    windows = [(part.start_date, part.end_date) for part in parts(ImapQuery.of(instrument="mag"), TODAY)]
    assert windows == [(None, "20250923"), ("20250924", "20261122"), ("20261123", None)]


def test_an_open_end_that_still_fails_is_closed() -> None:
    before = parts(ImapQuery.of(end_date="20250923"), TODAY)
    assert (before[0].start_date, before[-1].end_date) == ("00010101", "20250923")
    after = parts(ImapQuery.of(start_date="20261123"), TODAY)
    assert (after[0].start_date, after[-1].end_date) == ("20261123", "99991231")


def test_a_day_is_split_by_instrument_then_by_level_then_not_at_all() -> None:
    day = {"start_date": "20260101", "end_date": "20260101"}
    by_instrument = parts(ImapQuery.of(**day), TODAY)
    assert {part.instrument for part in by_instrument} >= {("mag",), ("swe",)}
    by_level = parts(by_instrument[0], TODAY)
    assert {part.data_level for part in by_level} >= {("l0",), ("l3e",)}
    assert parts(by_level[0], TODAY) == ()


@given(st.none() | DAYS, st.none() | DAYS, DAYS)
def test_windows_neither_overlap_nor_leave_a_gap(start: str | None, end: str | None, day: str) -> None:
    if start and end and start > end:
        start, end = end, start
    query = ImapQuery.of(start_date=start, end_date=end, version="latest")
    row = science(day)

    def takes(asked: ImapQuery) -> bool:
        told = params(asked, has_tables=True)
        return matches(row, {name: told[name] for name in ("start_date", "end_date") if name in told})

    smaller = [part for part in parts(query, TODAY) if not part.instrument]
    assert sum(takes(part) for part in smaller) == (takes(query) if smaller else 0)
    assert all(part != query for part in smaller)


@given(st.none() | DAYS, DAYS)
def test_splitting_comes_to_an_end(start: str | None, day: str) -> None:
    query = ImapQuery.of(start_date=start, data_level="l1a", instrument="mag")
    for _ in range(40):
        smaller = parts(query, TODAY)
        if not smaller:
            return
        query = next((part for part in smaller if (part.end_date or "99991231") >= day), smaller[-1])
    pytest.fail("still splitting")
