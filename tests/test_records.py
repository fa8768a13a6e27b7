"""The push of records, from beginning to end, against the embedded AuroraX and against one that refuses."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
from pytest_aiohttp.plugin import AiohttpServer
from tests.archives.aurorax.fake import FakeAurorax, refusing

from imap_bulk import errors
from imap_bulk.archives.aurorax import AuroraxArchive, Chosen, EphemerisQuery, Kind, Polling
from imap_bulk.archives.aurorax.moments import read_moment
from imap_bulk.archives.aurorax.records import Records, read_records
from imap_bulk.archives.aurorax.sources import SourceDraft
from imap_bulk.model import Event, Outcome, Plan, Proof, Result, Status
from imap_bulk.records import PushWishes, forget, push_records
from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer
from imap_bulk.settings import Settings

TEST_SOURCE = 400
UPLOAD = "/data_sources/400/ephemeris"
QUICK = PushWishes(verify=True, verify_wait=0.01)


def epoch(number: int) -> str:
    return f"2020-01-{number // 1440 + 1:02}T{number // 60 % 24:02}:{number % 60:02}:00"


def ephemeris(numbers: Iterable[int], **told: Any) -> Records:
    lines = [json.dumps({"epoch": epoch(number), **told}).encode() for number in numbers]
    return read_records([("r.jsonl", lines)], Kind.EPHEMERIS)


class Pusher:
    """Pushes to one archive from one data directory; remembers what was reported."""

    def __init__(self, url: str, data_dir: Path) -> None:
        self._url = url
        self.data_dir = data_dir
        self.events: list[Event] = []
        self.warnings: list[str] = []

    def archive(self, *, retries: int = 0, overwrite: bool = False) -> AuroraxArchive:
        settings = Settings(wait_base=0, retries=retries, overwrite=overwrite)
        return AuroraxArchive(self._url, settings=settings, polling=Polling(first=0.01, longest=0.02))

    async def push(
        self,
        records: Records,
        wishes: PushWishes | None = None,
        source: int | tuple[str, str, str] = TEST_SOURCE,
        *,
        create: SourceDraft | None = None,
        dry_run: bool = False,
        **settings: Any,
    ) -> Result:
        self.events = []
        return await push_records(
            self.archive(**settings), records, source, self.data_dir, self.events.append, wishes or PushWishes(),
            create=create, warn=self.warnings.append, dry_run=dry_run,
        )  # fmt: skip

    @property
    def plan(self) -> Plan:
        (plan,) = (event for event in self.events if isinstance(event, Plan))
        return plan

    def failed(self) -> list[str]:
        outcomes = [event for event in self.events if isinstance(event, Outcome)]
        return [outcome.transfer.key for outcome in outcomes if outcome.status is Status.FAILED]


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Pusher]:
    options = AuroraxOptions(tmp_path / "aurorax", search_delay=0.0, ingest_delay=0.05, grace=0.2)
    async with AuroraxServer(options) as server:
        yield Pusher(server.url, tmp_path / "data")


@pytest.fixture
def fake() -> FakeAurorax:
    return FakeAurorax()


@pytest.fixture
async def pusher(fake: FakeAurorax, aiohttp_server: AiohttpServer, tmp_path: Path) -> Pusher:
    server = await aiohttp_server(fake.app())
    return Pusher(str(server.make_url("")), tmp_path / "data")


async def test_what_was_pushed_is_found_by_a_search(embedded: Pusher) -> None:
    result = await embedded.push(ephemeris(range(1200), metadata={"a": 1}), QUICK)
    assert (result.wanted, result.done, result.verified, result.failed) == (1200, 1200, 1200, 0)
    assert {event.verified_by for event in embedded.events if isinstance(event, Outcome)} == {Proof.SEARCH}
    moments: dict[str, Any] = {"start": read_moment("2020-01-01T00:00"), "end": read_moment("2020-01-02T00:00")}
    async with embedded.archive() as archive:
        query = EphemerisQuery(chosen=Chosen(program=("test-program",)), **moments)
        found = [record async for record in archive.records(query)]
    assert {record["epoch"] for record in found} == {epoch(number) for number in range(1200)}
    assert found[0]["metadata"] == {"a": 1}


async def test_products_are_pushed_by_the_names_of_their_source(embedded: Pusher) -> None:
    lines = [
        json.dumps(
            {
                "start": "2020-01-01T00:00:00",
                "end": "2020-01-01T23:59:00",
                "url": f"https://files.example/{number}.jpg",
                "data_product_type": "keogram",
            }
        ).encode()
        for number in range(3)
    ]
    records = read_records([("p.jsonl", lines)], Kind.PRODUCTS)
    source = ("test-program", "test-platform", "test-instrument-type")
    assert (await embedded.push(records, QUICK, source)).verified == 3


async def test_of_ten_thousand_records_seven_bad_ones_are_found_by_their_lines(
    fake: FakeAurorax, pusher: Pusher
) -> None:
    bad = (0, 499, 500, 4321, 4322, 7777, 9999)
    fake.bad = {epoch(number) for number in bad}
    result = await pusher.push(ephemeris(range(10_000)))
    assert (result.wanted, result.done, result.failed, result.cancelled) == (10_000, 9_993, 7, 0)
    assert sorted(pusher.failed()) == sorted(f"r.jsonl line {number + 1}" for number in bad)
    assert len(fake.uploaded) == 9_993


async def test_a_second_run_sends_only_the_rest(fake: FakeAurorax, pusher: Pusher) -> None:
    fake.bad = {epoch(7)}
    await pusher.push(ephemeris(range(1000)))
    fake.bad, fake.uploaded = (), {}
    result = await pusher.push(ephemeris(range(1000)))
    assert (result.done, result.skipped, pusher.plan.files, pusher.plan.skipped) == (1, 999, 1, 999)
    assert list(fake.uploaded) == [epoch(7)]


async def test_what_needs_no_sending_is_counted_before_the_plan_is_told(pusher: Pusher) -> None:
    await pusher.push(ephemeris(range(3)))
    await pusher.push(ephemeris(range(5)))
    plan = pusher.events.index(pusher.plan)  # a meter counts what ends behind it as a part of it
    statuses = [event.status for event in pusher.events[plan:] if isinstance(event, Outcome)]
    assert statuses == [Status.DONE] * pusher.plan.files == [Status.DONE] * 2


async def test_two_pushes_of_the_same_records_at_once_are_both_complete(pusher: Pusher) -> None:
    slow = Pusher(pusher.archive().name, pusher.data_dir)
    both = await asyncio.gather(
        slow.push(ephemeris(range(2000)), PushWishes(most_per_batch=50, in_flight=1)),
        pusher.push(ephemeris(range(2000))),
    )
    assert [(result.done + result.skipped, result.cancelled) for result in both] == [(2000, 0)] * 2


async def test_a_record_that_was_corrected_is_sent_again_and_so_is_what_it_was_before(
    fake: FakeAurorax, pusher: Pusher
) -> None:
    for metadata in ({"a": 1}, {"a": 2}, {"a": 1}):
        assert (await pusher.push(ephemeris([0], metadata=metadata))).done == 1
    assert fake.uploaded[epoch(0)]["metadata"] == {"a": 1}


async def test_overwrite_sends_everything_again(fake: FakeAurorax, pusher: Pusher) -> None:
    await pusher.push(ephemeris(range(3)))
    assert (await pusher.push(ephemeris(range(3)), overwrite=True)).done == 3


async def test_what_was_deleted_is_no_longer_taken_for_accepted(pusher: Pusher) -> None:
    await pusher.push(ephemeris(range(3)))
    forget(pusher.archive(), Kind.EPHEMERIS, {"identifier": TEST_SOURCE}, pusher.data_dir)
    assert (await pusher.push(ephemeris(range(3)))).done == 3


async def test_a_dry_run_sends_nothing(fake: FakeAurorax, pusher: Pusher) -> None:
    await pusher.push(ephemeris(range(3)), dry_run=True)
    assert (pusher.plan.files, fake.paths("POST")) == (3, [])
    assert not pusher.data_dir.exists()


@pytest.mark.parametrize("status", [401, 403])
async def test_without_access_all_ends_at_once_and_is_counted(
    fake: FakeAurorax, pusher: Pusher, status: int
) -> None:
    fake.overrides[UPLOAD] = [refusing(status)] * 99
    with pytest.raises(errors.AccessDenied):
        await pusher.push(ephemeris(range(2500)))
    (result,) = (event for event in pusher.events if isinstance(event, Result))
    assert (result.wanted, result.done, result.cancelled) == (2500, 0, 2500)
    assert len(fake.paths("POST")) <= PushWishes().in_flight


async def test_a_batch_that_fails_in_passing_fails_alone(fake: FakeAurorax, pusher: Pusher) -> None:
    fake.overrides[UPLOAD] = [refusing(502)]
    result = await pusher.push(ephemeris(range(1000)))
    assert (result.done, result.failed, result.passing) == (500, 500, 500)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_duplicate_is_a_success_unless_it_is_wished_otherwise(
    fake: FakeAurorax, pusher: Pusher, fails: bool
) -> None:
    fake.overrides[UPLOAD] = [refusing(409, "Duplicate")]
    result = await pusher.push(ephemeris([0]), PushWishes(fail_on_duplicate=fails))
    assert (result.skipped, result.failed) == ((0, 1) if fails else (1, 0))


async def test_records_that_no_search_shows_are_told_by_their_lines_and_sent_again(
    fake: FakeAurorax, pusher: Pusher
) -> None:
    fake.records = [{"epoch": epoch(0)}]
    wishes = PushWishes(verify=True, verify_wait=0.01, verify_timeout=0.03)
    result = await pusher.push(ephemeris(range(2)), wishes)
    assert (result.done, result.verified, result.failed, result.passing) == (1, 1, 1, 1)
    assert pusher.failed() == ["r.jsonl line 2"]
    fake.uploaded = {}
    assert (await pusher.push(ephemeris(range(2)))).skipped == 1
    assert list(fake.uploaded) == [epoch(1)]


async def test_a_search_that_fails_is_no_news_of_what_was_accepted(fake: FakeAurorax, pusher: Pusher) -> None:
    fake.records = [{"epoch": epoch(0)}]
    fake.overrides["/ephemeris/search"] = [refusing(502)]
    assert (await pusher.push(ephemeris([0]), QUICK)).verified == 1
    fake.overrides["/ephemeris/search"] = [refusing(502)] * 99
    result = await pusher.push(ephemeris([1]), PushWishes(verify=True, verify_wait=0.01, verify_timeout=0.03))
    assert (result.failed, result.passing, result.cancelled) == (1, 1, 0)
    assert (await pusher.push(ephemeris([1]))).skipped == 1


async def test_a_bad_record_for_this_source_stops_all_before_anything_is_sent(
    fake: FakeAurorax, pusher: Pusher
) -> None:
    with pytest.raises(errors.BadManifest, match="line 1: is of elsewhere/q/r"):
        await pusher.push(ephemeris([0], program="elsewhere"))
    assert fake.paths("POST") == []


async def test_a_source_that_is_missing_is_added_if_that_is_wished(embedded: Pusher) -> None:
    names: dict[str, Any] = {"program": "new", "platform": "here", "instrument_type": "camera"}
    triple = ("new", "here", "camera")
    with pytest.raises(errors.NotFound, match="no data source new/here/camera"):
        await embedded.push(ephemeris([0]), QUICK, triple)
    draft = SourceDraft(**names, source_type="ground", display_name="New")
    assert (await embedded.push(ephemeris([0]), QUICK, triple, create=draft)).verified == 1
