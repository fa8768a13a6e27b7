"""Data sources and availability, against the embedded archive."""

from datetime import date
from typing import Any

import pytest
from tests.archives.aurorax.conftest import Open
from tests.archives.aurorax.fake import FakeAurorax, answer, page

from imap_bulk import errors
from imap_bulk.archives.aurorax import AuroraxArchive, Chosen, Kind
from imap_bulk.archives.aurorax.availability import Available, availability
from imap_bulk.archives.aurorax.sources import SourceDraft, triple_of

SWARM = Chosen(program=("swarm",))
NEW = SourceDraft(
    program="new", platform="here", instrument_type="camera", source_type="ground", display_name="New"
)


async def test_sources_are_listed_by_identifier_without_internal_ones(archive: AuroraxArchive) -> None:
    async with archive:
        every = await archive.sources.listed(Chosen())
        swarm = await archive.sources.listed(Chosen(program=("swarm",), platform=("swarma", "swarmc")))
    identifiers = [record["identifier"] for record in every]
    assert identifiers == sorted(identifiers)
    assert identifiers[0] > 0
    assert [record["platform"] for record in swarm] == ["swarma", "swarmc"]


async def test_a_source_is_found_by_its_names_and_by_its_number(archive: AuroraxArchive) -> None:
    async with archive:
        named = await archive.sources.named(("trex", "gillam", "RGB ASI"))
        assert named == await archive.sources.get(103)
        assert (await archive.sources.get(103, stats=True))["stats"]["data_product_count"] > 0
        with pytest.raises(errors.NotFound, match="No Data Source record found"):
            await archive.sources.get(12345678)


async def test_a_source_is_added_changed_and_deleted(archive: AuroraxArchive) -> None:
    async with archive:
        added = await archive.sources.add(NEW)
        with pytest.raises(errors.AlreadyArchived, match="duplicate"):
            await archive.sources.add(NEW)
        changed = await archive.sources.update(added["identifier"], SourceDraft(display_name="Newer"))
        assert (triple_of(changed), changed["display_name"]) == (("new", "here", "camera"), "Newer")
        await archive.sources.delete(added["identifier"])
        with pytest.raises(errors.NotFound):
            await archive.sources.get(added["identifier"])


async def test_a_source_with_data_is_not_deleted(archive: AuroraxArchive) -> None:
    async with archive:
        with pytest.raises(errors.Rejected, match="Conflict"):
            await archive.sources.delete(3)


async def test_a_change_sends_only_what_is_changed(archive_at: Open) -> None:
    fake = FakeAurorax(overrides={"/data_sources/3": [answer(200, {"identifier": 3})]})
    async with await archive_at(fake, api_key="k") as archive:
        await archive.sources.update(3, SourceDraft(display_name="x", maintainers=[]))
    assert [(asked.method, asked.body) for asked in fake.asked] == [
        ("PATCH", {"display_name": "x", "maintainers": []})
    ]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"program": "x" * 201}, "`program` has 201 characters; AuroraX takes 200: shorten it"),
        ({"platform": "x" * 51}, "takes 50"),
        ({"instrument_type": "x" * 201}, "takes 200"),
        ({"display_name": "x" * 51}, "takes 50"),
        ({"display_name": " "}, "`display_name` of a data source is empty"),
        ({"source_type": "sea"}, "unknown source type 'sea'; use one of ground"),
        ({"colour": "red"}, "a data source has no 'colour'; use data_product_metadata_schema"),
    ],
)
def test_what_the_service_would_choke_on_is_not_sent(told: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.BadQuery, match=said):
        SourceDraft.of(told)


def test_a_new_source_must_be_complete() -> None:
    with pytest.raises(
        errors.BadQuery, match="needs `platform`, `instrument_type`, `source_type`, `display_name` too"
    ):
        SourceDraft(program="p").whole()


async def test_a_page_in_place_of_an_answer_to_a_change_is_no_success(archive_at: Open) -> None:
    fake = FakeAurorax(overrides={"/data_sources/3": [page(200)] * 9})
    async with await archive_at(fake) as archive:
        with pytest.raises(errors.Garbled, match="does a login page stand between"):
            await archive.sources.delete(3)


async def test_availability_counts_by_source_and_day(archive: AuroraxArchive) -> None:
    async with archive:
        chosen = Chosen(program=("swarm",), platform=("swarma", "swarmb"))
        found = await availability(archive.api, Kind.EPHEMERIS, chosen, date(2019, 1, 1), date(2019, 1, 2))
    assert {each.triple[1]: dict(each.counts) for each in found} == {
        platform: {"2019-01-01": 1440, "2019-01-02": 1440} for platform in ("swarma", "swarmb")
    }


async def test_days_without_records_are_missing(archive: AuroraxArchive) -> None:
    async with archive:
        found = await availability(archive.api, Kind.EPHEMERIS, SWARM, date(2006, 12, 31), date(2007, 1, 1))
    assert {day for each in found for day in each.missing(date(2006, 12, 31), date(2007, 1, 1))} <= {"2006-12-31"}
    assert list(Available({}, {"2020-01-02": 5, "2020-01-03": 0}).missing(date(2020, 1, 1), date(2020, 1, 3))) == [
        "2020-01-01", "2020-01-03",
    ]  # fmt: skip


@pytest.mark.parametrize("told", [{}, [{}], [{"data_source": {}, "available_ephemeris": {"2020-01-01": "x"}}]])
async def test_an_answer_that_is_no_count_is_garbled(archive_at: Open, told: Any) -> None:
    fake = FakeAurorax(overrides={"/availability/ephemeris": [answer(200, told)] * 9})
    async with await archive_at(fake) as archive:
        with pytest.raises(errors.Garbled):
            await availability(archive.api, Kind.EPHEMERIS, SWARM, date(2019, 1, 1), date(2019, 1, 2))


async def test_ephemeris_and_products_are_deleted_by_the_names_of_their_source(archive_at: Open) -> None:
    gone = answer(200, {})
    fake = FakeAurorax(overrides={"/3/ephemeris": [answer(202, {})], "/3/data_products": [gone]})
    async with await archive_at(fake) as archive:
        source = await archive.sources.get(3)
        await archive.sources.delete_ephemeris(source, "2020-01-01T00:00:00", "2020-01-31T23:59:59")
        await archive.sources.delete_products(source, ["https://files.example/a.jpg"])
    names = {"program": "swarm", "platform": "swarma", "instrument_type": "footprint"}
    assert [asked.body for asked in fake.asked if asked.method == "DELETE"] == [
        {**names, "start": "2020-01-01T00:00:00", "end": "2020-01-31T23:59:59"},
        {**names, "urls": ["https://files.example/a.jpg"]},
    ]
