"""A search: submitted, looked at until it is over, cancelled when nobody waits; and every status of the API."""

import asyncio
from itertools import islice
from typing import Any

import pytest
from tests.archives.aurorax.conftest import Open
from tests.archives.aurorax.fake import Answer, FakeAurorax, answer, ephemeris, page, refusing, state

from imap_bulk import errors
from imap_bulk.archives.aurorax import AuroraxArchive, Chosen, EphemerisQuery, Polling
from imap_bulk.archives.aurorax.moments import read_moment
from imap_bulk.archives.aurorax.refusals import Maintenance, SearchFailed, SearchTookTooLong

QUERY = EphemerisQuery(
    chosen=Chosen(program=("swarm",)), start=read_moment("2019-01-01T00:00"), end=read_moment("2019-01-01T01:00")
)


async def found(archive: AuroraxArchive, query: EphemerisQuery = QUERY) -> list[Any]:
    async with archive:
        return [record async for record in archive.records(query)]


def looks(fake: FakeAurorax) -> int:
    return sum("/requests/" in path and not path.endswith("/data") for path in fake.paths("GET"))


def test_the_waits_grow_up_to_the_longest() -> None:
    waits = list(islice(Polling().waits(), 10))
    assert waits[:4] == [0.25, 0.375, 0.5625, 0.84375]
    assert waits[-2:] == [5.0, 5.0]


async def test_a_search_is_looked_at_until_it_is_over(archive_at: Open) -> None:
    fake = FakeAurorax([ephemeris(0), ephemeris(1)], looks=3)
    assert await found(await archive_at(fake)) == fake.records
    assert looks(fake) == 3


@pytest.mark.parametrize(
    "location",
    [
        "http://{host}/api/v1/{kind}/requests/{id}",
        "/api/v1/{kind}/requests/{id}",
        "requests/{id}/",
        "http://behind-the-proxy:8080/api/v1/{kind}/requests/{id}",
    ],
)
async def test_the_address_of_a_search_is_understood_however_it_is_told(archive_at: Open, location: str) -> None:
    fake = FakeAurorax([ephemeris()], location=location)
    assert len(await found(await archive_at(fake))) == 1


async def test_a_result_may_be_a_bare_array(archive_at: Open) -> None:
    assert len(await found(await archive_at(FakeAurorax([ephemeris()], wrapped=False)))) == 1


@pytest.mark.parametrize("told", [{"data_uri": "/x"}, {"completed_timestamp": "2025-02-03T17:25:23.500"}])
async def test_either_sign_says_that_a_search_is_over(archive_at: Open, told: dict[str, str]) -> None:
    fake = FakeAurorax([ephemeris()], overrides={"/search-0": [answer(200, state(**told))]})
    assert len(await found(await archive_at(fake))) == 1
    assert looks(fake) == 1


async def test_a_search_that_fails_without_data_ends_with_the_archives_words(archive_at: Open) -> None:
    failed = answer(200, state(("info", "begun"), ("error", "out of memory"), error_condition=True))
    fake = FakeAurorax(overrides={f"/search-{number}": [failed] for number in range(9)})
    with pytest.raises(SearchFailed, match="the archive gave the search up: out of memory"):
        await found(await archive_at(fake))
    assert len(fake.paths("POST")) == 3  # it was submitted anew, twice


async def test_an_expired_result_is_searched_for_again(archive_at: Open) -> None:
    fake = FakeAurorax([ephemeris()], overrides={"/data": [refusing(404, "NotFound")]})
    assert len(await found(await archive_at(fake))) == 1
    assert len(fake.paths("POST")) == 2


async def test_a_search_that_the_archive_forgot_is_submitted_again(archive_at: Open) -> None:
    fake = FakeAurorax([ephemeris()], overrides={"/search-0": [refusing(404, "NotFound")]})
    assert len(await found(await archive_at(fake))) == 1


async def test_fewer_records_than_were_announced_are_no_result(archive_at: Open) -> None:
    short = answer(200, {"result": []})
    fake = FakeAurorax([ephemeris()], overrides={"/data": [short]})
    assert len(await found(await archive_at(fake))) == 1
    assert len(fake.paths("POST")) == 2


async def test_a_search_that_takes_too_long_is_cancelled(archive_at: Open) -> None:
    fake = FakeAurorax(looks=10**9)
    polling = Polling(first=0.01, longest=0.01, timeout=0.05)
    with pytest.raises(SearchTookTooLong, match="took longer than 0 s and was cancelled; ask for less"):
        await found(await archive_at(fake, polling=polling))
    assert fake.is_cancelled
    assert len(fake.paths("POST")) == 1  # a second one would take as long


async def test_a_search_that_nobody_waits_for_any_more_is_cancelled(archive_at: Open) -> None:
    fake = FakeAurorax(looks=10**9)
    task = asyncio.create_task(found(await archive_at(fake)))
    await fake.second_look.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake.is_cancelled


@pytest.mark.parametrize(("wrong", "error"), [(page(200), errors.Garbled), (refusing(401), errors.AccessDenied)])
async def test_a_search_that_cannot_be_looked_at_any_more_is_cancelled(
    archive_at: Open, wrong: Answer, error: type[errors.BulkError]
) -> None:
    fake = FakeAurorax(overrides={f"/search-{number}": [wrong] * 3 for number in range(3)})
    with pytest.raises(error):
        await found(await archive_at(fake))
    submitted = [f"/ephemeris/requests/search-{number}" for number in range(len(fake.paths("POST")))]
    assert fake.paths("DELETE") == submitted


async def test_a_passing_fault_while_waiting_does_not_cost_the_search(archive_at: Open) -> None:
    faults = [refusing(503), page(502), answer(200, "nonsense")]
    fake = FakeAurorax([ephemeris()], overrides={"/search-0": faults})
    assert len(await found(await archive_at(fake, retries=3))) == 1
    assert len(fake.paths("POST")) == 1


STATUSES = [
    (400, "AssertionError", errors.Rejected, 1),
    (401, "NotAuthenticated", errors.AccessDenied, 1),
    (403, "NotPermitted", errors.AccessDenied, 1),
    (404, "NotFound", errors.NotFound, 1),
    (409, "Duplicate", errors.AlreadyArchived, 1),
    (409, "Conflict", errors.Rejected, 1),
    (418, "Other", errors.Rejected, 1),
    (429, "ToManyRequests", errors.Busy, 3),
    (500, "ApplicationError", errors.ServerFault, 3),
    (502, "Other", errors.ServerFault, 3),
    (503, "Unavailable", errors.Busy, 3),
]


@pytest.mark.parametrize(("status", "code", "error", "attempts"), STATUSES)
async def test_every_status_is_the_error_it_should_be(
    archive_at: Open, status: int, code: str, error: type[errors.BulkError], attempts: int
) -> None:
    fake = FakeAurorax(overrides={"/search": [refusing(status, code, "said so")] * 9})
    with pytest.raises(error, match="said so") as raised:
        await found(await archive_at(fake))
    assert type(raised.value) is error
    assert len(fake.paths("POST")) == attempts


@pytest.mark.parametrize(
    ("status", "error"), [(401, errors.AccessDenied), (404, errors.NotFound), (502, errors.ServerFault)]
)
async def test_a_proxys_page_in_place_of_an_error_is_told_as_one(
    archive_at: Open, status: int, error: type[errors.BulkError]
) -> None:
    fake = FakeAurorax(overrides={"/search": [page(status)] * 9})
    with pytest.raises(error, match="a web page titled 'Bad Gateway'"):
        await found(await archive_at(fake, retries=0))


@pytest.mark.parametrize("ends", [("/search",), ("/search-0", "/search-1", "/search-2"), ("/data",)])
async def test_a_page_with_status_200_is_never_an_answer(archive_at: Open, ends: tuple[str, ...]) -> None:
    fake = FakeAurorax([ephemeris()], overrides={end: [page(200)] * 9 for end in ends})
    with pytest.raises(errors.Garbled):
        await found(await archive_at(fake))


async def test_maintenance_is_told_and_not_tried_again(archive_at: Open) -> None:
    fake = FakeAurorax(overrides={"/search": [refusing(503, "Unavailable", "AuroraX is in maintenance mode")] * 9})
    with pytest.raises(Maintenance, match="run again when that is over"):
        await found(await archive_at(fake))
    assert len(fake.paths("POST")) == 1


async def test_a_busy_archive_is_asked_again_when_it_says(archive_at: Open) -> None:
    busy = refusing(429, "ToManyRequests", **{"Retry-After": "0"})
    fake = FakeAurorax([ephemeris()], overrides={"/search": [busy], "/search-0": [busy], "/data": [busy]})
    assert len(await found(await archive_at(fake))) == 1


async def test_an_error_inside_a_200_is_an_error(archive_at: Open) -> None:
    told = {"error": {"error_code": "NOTPERMITTED", "error_message": "not for you"}}
    fake = FakeAurorax(overrides={"/data": [answer(200, told)]})
    with pytest.raises(errors.AccessDenied, match="not for you"):
        await found(await archive_at(fake))
