"""Pulls from AuroraX through the engine, from the embedded archive or a fake one."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer
from tests.archives.aurorax.conftest import Open
from tests.archives.aurorax.fake import FakeAurorax, answer, ephemeris, product, refusing, state

from imap_bulk import bulk, errors
from imap_bulk.archives.aurorax import (
    AuroraxArchive,
    Chosen,
    Condition,
    ConjunctionQuery,
    EphemerisQuery,
    Polling,
    ProductQuery,
    Query,
)
from imap_bulk.archives.aurorax.moments import read_bound
from imap_bulk.model import Event, Outcome, Proof, Result
from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer
from imap_bulk.settings import Settings

SWARM = Chosen(program=("swarm",))


def days(first: str, last: str) -> dict[str, Any]:
    return {"start": read_bound("start", first, is_end=False), "end": read_bound("end", last, is_end=True)}


async def pull(archive: AuroraxArchive, query: Query, data_dir: Path) -> tuple[Result, list[Outcome]]:
    events: list[Event] = []
    settings = Settings(wait_base=0, retries=2, fsync=False, breaker_wait_max=0.05)
    result = await bulk.pull(archive, archive.search(query), data_dir, settings, events.append)
    return result, [event for event in events if isinstance(event, Outcome)]


def records(path: Path) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(path.read_bytes())["result"]
    return told


async def month(archive: AuroraxArchive, data_dir: Path, last: str, n_days: int) -> None:
    result, outcomes = await pull(archive, EphemerisQuery(chosen=SWARM, **days("20190101", last)), data_dir)
    assert (result.done, result.failures, result.unverified) == (3 * n_days, (), 3 * n_days)
    assert {outcome.verified_by for outcome in outcomes} == {Proof.COUNT}
    for platform in ("swarma", "swarmb", "swarmc"):
        files = sorted((data_dir / "aurorax/ephemeris/swarm" / platform / "footprint").iterdir())
        epochs = [record["epoch"] for file in files for record in records(file)]
        assert len(set(epochs)) == len(epochs) == n_days * 1440


async def test_days_of_three_sources_come_at_once_and_are_complete(
    archive: AuroraxArchive, tmp_path: Path
) -> None:
    await month(archive, tmp_path / "pulled", "20190103", 3)


@pytest.mark.soak
async def test_a_month_of_three_sources_comes_at_once_and_is_complete(
    archive: AuroraxArchive, tmp_path: Path
) -> None:
    await month(archive, tmp_path / "pulled", "20190131", 31)


async def test_filtered_ephemeris_stands_beside_all_of_it(archive: AuroraxArchive, tmp_path: Path) -> None:
    swarma = Chosen(program=("swarm",), platform=("swarma",))
    where = (Condition.of("nbtrace_region = north polar cap"),)
    for conditions in ((), where):
        query = EphemerisQuery(chosen=swarma, where=conditions, **days("20190101", "20190101"))
        result, _ = await pull(archive, query, tmp_path / "pulled")
        assert result.done == 1
    some, every = sorted(map(records, (tmp_path / "pulled").rglob("2019*.json")), key=len)
    assert {record["metadata"]["nbtrace_region"] for record in some} == {"north polar cap"}
    assert 0 < len(some) < len(every) == 1440


async def test_keograms_and_movies_come_with_their_form_looked_at(archive: AuroraxArchive, tmp_path: Path) -> None:
    query = ProductQuery(chosen=Chosen(program=("auroramax",)), **days("20200101", "20200101"))
    result, outcomes = await pull(archive, query, tmp_path / "pulled")
    assert (result.done, {outcome.verified_by for outcome in outcomes}) == (3, {Proof.FORM})
    assert len(list((tmp_path / "pulled/aurorax/auroramax/yellowknife/DSLR/keogram/2020/01").iterdir())) == 2


async def test_conjunctions_come_in_one_document(archive: AuroraxArchive, tmp_path: Path) -> None:
    blocks = {"ground": [Chosen(program=("themis-asi",))], "space": [SWARM]}
    query = ConjunctionQuery.of(blocks, **days("20200101", "20200101"))
    result, _ = await pull(archive, query, tmp_path / "pulled")
    assert result.done == 1
    (path,) = (tmp_path / "pulled/aurorax/conjunctions").iterdir()
    assert all(record["min_distance"] <= 300 for record in records(path))


async def test_a_synchronous_search_finds_the_same(archive: AuroraxArchive) -> None:
    for query in (
        EphemerisQuery(chosen=SWARM, **days("2019-01-01T00:00", "2019-01-01T00:05")),
        ProductQuery(chosen=Chosen(program=("trex",)), **days("20200101", "20200102")),
    ):
        async with archive:
            found = [record async for record in archive.records(query)]
            assert await archive.records_at_once(query) == found
            assert found


@pytest.mark.parametrize("kind", ["ephemeris", "data_products", "conjunctions"])
async def test_a_search_is_told_in_words(archive: AuroraxArchive, kind: str) -> None:
    range_ = days("20200101", "20200101")
    queries: dict[str, Query] = {
        "ephemeris": EphemerisQuery(chosen=SWARM, **range_),
        "data_products": ProductQuery(chosen=SWARM, **range_),
        "conjunctions": ConjunctionQuery.of({"ground": [SWARM], "space": [SWARM]}, **range_),
    }
    async with archive:
        assert "swarm" in await archive.described(queries[kind])


# What goes wrong


def some_ephemeris() -> EphemerisQuery:
    return EphemerisQuery(chosen=Chosen(platform=("swarma",)), **days("20190101", "20190101"))


async def test_a_page_never_becomes_a_file(
    archive_at: Open, aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    """The host of files redirects what it has not to its home page, which it sends with status 200."""

    async def host(request: web.Request) -> web.Response:
        if request.path != "/":
            raise web.HTTPFound("/")
        return web.Response(text="<!DOCTYPE html><title>Home</title>", content_type="text/html")

    app = web.Application()
    app.router.add_get("/{name:.*}", host)
    url = str((await aiohttp_server(app)).make_url("/20200201.jpg"))
    archive = await archive_at(FakeAurorax([product(url)]))
    query = ProductQuery(chosen=Chosen(program=("trex",)), **days("20200201", "20200201"))
    result, _ = await pull(archive, query, tmp_path / "pulled")
    assert isinstance(result.failures[0].error, errors.Garbled)
    assert not list((tmp_path / "pulled").rglob("*.jpg"))


async def test_an_address_that_is_not_whole_fails_alone(archive_at: Open, tmp_path: Path) -> None:
    archive = await archive_at(FakeAurorax([product("test.jpg")]))
    query = ProductQuery(chosen=Chosen(program=("trex",)), **days("20200201", "20200201"))
    result, _ = await pull(archive, query, tmp_path / "pulled")
    assert (result.wanted, result.failed, result.passing) == (1, 1, 0)
    assert "give --file-base-url" in str(result.failures[0].error)


@pytest.mark.parametrize(
    "overrides",
    [
        {"/data": [refusing(404, "NotFound")]},
        {"/data": [answer(200, {"result": []})]},
        {"/data": [answer(200, "nonsense")]},
        {"/data": [lambda: web.Response(text="<html>", content_type="text/html")]},
        {"/data": [refusing(503, "Unavailable")]},
        {"/search-0": [answer(200, state(("error", "x"), error_condition=True))]},
        {"/search": [refusing(502)]},
    ],
    ids=["expired", "too few records", "no result", "page", "busy", "failed search", "bad gateway"],
)
async def test_what_goes_wrong_once_is_made_good(archive_at: Open, tmp_path: Path, overrides: Any) -> None:
    fake = FakeAurorax([ephemeris(minute) for minute in range(3)], overrides=overrides)
    result, _ = await pull(await archive_at(fake), some_ephemeris(), tmp_path / "pulled")
    assert result.done == 1
    (path,) = (tmp_path / "pulled").rglob("20190101.json")
    assert len(records(path)) == 3


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (answer(200, {"result": []}), errors.DigestMismatch),
        (answer(200, {"error": {"error_code": "NotPermitted", "error_message": "no"}}), errors.AccessDenied),
    ],
)
async def test_what_stays_wrong_leaves_no_file(archive_at: Open, tmp_path: Path, fault: Any, error: Any) -> None:
    fake = FakeAurorax([ephemeris()], overrides={"/data": [fault] * 9})
    result, _ = await pull(await archive_at(fake), some_ephemeris(), tmp_path / "pulled")
    assert isinstance(result.failures[0].error, error)
    assert not list((tmp_path / "pulled").rglob("*.json"))


async def test_many_faults_at_once_cost_time_and_nothing_else(tmp_path: Path) -> None:
    faults = (
        "bad-gateway*2,failed-search*1,expired-result*1,result-error*1,cut-body*3,bare-array*2,"
        "relative-location*2,page-for-file*2"
    )
    options = AuroraxOptions(tmp_path / "aurorax", search_delay=0.0, grace=0.2, faults=faults)
    settings = Settings(wait_base=0, retries=9, breaker_wait_max=0.05)
    async with AuroraxServer(options) as server:
        archive = AuroraxArchive(server.url, settings=settings, polling=Polling(first=0.01, longest=0.02))
        for query, count in (
            (EphemerisQuery(chosen=SWARM, **days("20190101", "20190102")), 6),
            (ProductQuery(chosen=Chosen(program=("trex",)), **days("20200101", "20200102")), 12),
        ):
            result = await bulk.pull(archive, archive.search(query), tmp_path / "pulled", settings)
            assert (result.done, result.failures) == (count, ())
    for path in (tmp_path / "pulled" / "aurorax").rglob("*.json"):
        told = json.loads(path.read_bytes())
        assert len(told if isinstance(told, list) else told["result"]) == 1440
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in (tmp_path / "pulled").rglob("*.png"))


async def test_an_interrupted_pull_cancels_its_searches(archive_at: Open, tmp_path: Path) -> None:
    fake = FakeAurorax(looks=10**9)
    archive = await archive_at(fake)
    task = asyncio.create_task(pull(archive, some_ephemeris(), tmp_path / "pulled"))
    await fake.second_look.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert fake.is_cancelled
