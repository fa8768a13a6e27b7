"""Jobs go the way of the page: asked for, explained, looked at, fetched from; cancelled, or failing."""

import io

import pytest
from astropy.io import fits
from tests.server.conftest import Clock
from tests.server.lsst.conftest import Astronomer, StartLsst

from imap_bulk.server.lsst import jobs

CALEXP = "/image/v0/L2/DR1/calexp/5646240694"
BOX = "/cutout?x=9&y=9&width=9&height=9"


async def test_i1_a_post_is_answered_by_a_number_and_a_place(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(CALEXP + BOX, "POST")
    assert answer.status == 202
    number = answer.json["id"]
    assert answer.headers["Location"] == f"{astronomer.server.url}/image/v0/{number}"
    assert (await astronomer.told(f"/image/v0/{number}"))["id"] == number


async def test_i2_a_job_tells_what_it_costs(astronomer: Astronomer) -> None:
    assert await astronomer.told(await astronomer.post(CALEXP) + "/explain") == "1 image, about 614400 bytes"


async def test_i3_a_job_tells_how_far_it_is(start_lsst: StartLsst, clock: Clock) -> None:
    clock.set("2026-01-20 12:00:00")
    astronomer = await start_lsst(job_delay=100.0)
    job = await astronomer.post(CALEXP + BOX)
    while (await astronomer.status(job)) == "queued":
        pass
    told = {"status": "running", "startTime": "2026/01/20 12:00:00", "progress": "0%"}
    assert await astronomer.told(f"{job}/status") == [told]
    clock.now += 34
    assert await astronomer.told(f"{job}/status") == [told | {"progress": "34%"}]
    answer = await astronomer.ask(f"{job}/results")
    assert (answer.status, answer.json["exception"]) == (404, "NotReady")
    clock.now += 66
    await astronomer.results(job)
    assert await astronomer.told(f"{job}/status") == [told | {"status": "done", "progress": "100%"}]


@pytest.mark.parametrize("path", [CALEXP, CALEXP + BOX, f"{CALEXP}{BOX}&plane=mask"])
async def test_i4_a_job_brings_what_get_would_have(astronomer: Astronomer, path: str) -> None:
    job = await astronomer.post(path)
    urls = (await astronomer.results(job)).json
    assert urls == [f"{job}/results/1.fits"]
    at_once, later = await astronomer.ask(path), await astronomer.ask(urls[0])
    assert later.body == at_once.body
    for name in ("ETag", "Repr-Digest", "Content-Length", "Content-Type"):
        assert later.headers[name] == at_once.headers[name]
    part = await astronomer.ask(urls[0], range="bytes=2880-")
    assert (part.status, part.body) == (206, at_once.body[2880:])


async def test_a_job_for_a_list_brings_its_images(astronomer: Astronomer) -> None:
    job = await astronomer.post("/image/v0/L2/DR1/calexp?start=6&count=5&plane=mask")
    urls = (await astronomer.results(job)).json
    assert len(urls) == 2
    with fits.open(io.BytesIO((await astronomer.ask(urls[0])).body)) as units:
        assert [unit.name for unit in units] == ["PRIMARY", "MASK"]
    job = await astronomer.post("/image/v0/L2/DR1/calexp?start=99")
    assert (await astronomer.results(job)).json == []


@pytest.mark.parametrize(("path", "status"), [("/image/v0/L2/DR1/calexp/1", 404), (f"{CALEXP}/cutout?x=1", 400)])
async def test_what_cannot_be_done_is_refused_at_once(astronomer: Astronomer, path: str, status: int) -> None:
    assert (await astronomer.ask(path, "POST")).status == status


async def test_a_cancelled_job_brings_nothing(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(job_delay=100.0)
    job = await astronomer.post(CALEXP)
    assert (await astronomer.ask(job, "DELETE")).status == 204
    assert await astronomer.status(job) == "cancelled"
    assert (await astronomer.ask(f"{job}/results")).status == 404
    assert (await astronomer.ask(f"{job}/results/1.fits")).status == 404


async def test_a_job_that_fails_answers_with_its_error(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(faults="job-fails*1")
    answer = await astronomer.results(await astronomer.post(CALEXP))
    assert (answer.status, answer.json["exception"]) == (500, "RuntimeError")
    assert (await astronomer.results(await astronomer.post(CALEXP))).status == 200


async def test_a_job_that_never_ends_can_be_cancelled(start_lsst: StartLsst, clock: Clock) -> None:
    astronomer = await start_lsst(faults="job-hangs*1")
    job = await astronomer.post(CALEXP)
    clock.now += 1e9
    assert await astronomer.status(job) in ("queued", "running")
    await astronomer.ask(job, "DELETE")
    assert await astronomer.status(job) == "cancelled"


@pytest.mark.parametrize("path", ["", "/status", "/explain", "/results", "/results/1.fits"])
async def test_an_unknown_job_is_not_found(astronomer: Astronomer, path: str) -> None:
    answer = await astronomer.ask(f"/image/v0/99999999999999999999{path}")
    assert (answer.status, answer.json["exception"]) == (404, "NotFound")


@pytest.mark.parametrize("path", ["0.fits", "2.fits", "1.json", "99999999999999999999.fits"])
async def test_a_result_that_is_none_is_not_found(astronomer: Astronomer, path: str) -> None:
    job = await astronomer.post(CALEXP + BOX)
    await astronomer.results(job)
    assert (await astronomer.ask(f"{job}/results/{path}")).status == 404


async def test_the_oldest_jobs_that_are_over_are_forgotten(
    astronomer: Astronomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_MOST_BYTES", 700_000)
    first, second = await astronomer.post(CALEXP), await astronomer.post(CALEXP)
    await astronomer.results(first)
    await astronomer.results(second)
    third = await astronomer.post(CALEXP)
    assert (await astronomer.ask(f"{first}/status")).status == 404
    assert (await astronomer.results(second)).status == 200
    assert (await astronomer.results(third)).status == 200
