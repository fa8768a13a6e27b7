"""Requests that take long: waited for, ended in time, and cancelled when nobody waits any more."""

import asyncio
import json
import logging
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from tests.archives.lsst.conftest import Pull, Script, Serve
from tests.archives.lsst.test_archive import image

from imap_bulk import errors
from imap_bulk.archives.lsst import ImageQuery, LsstArchive
from imap_bulk.archives.lsst.jobs import Patience
from imap_bulk.model import Status
from imap_bulk.settings import Settings

ONE = ImageQuery.of("L2", "DR1", "calexp", ids=("5646240694",), by_job=True)
FIRST = "654"
"""The id that the embedded archive gives first."""
Play = Callable[[], Awaitable[Script]]


@dataclass
class Watch:
    """A clock that moves when somebody sleeps."""

    now: float = 1e9
    slept: list[float] = field(default_factory=list)

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def status_of(url: str, job: str = FIRST) -> str:
    def ask() -> str:
        with urllib.request.urlopen(f"{url}/image/v0/{job}/status") as answer:
            return str(json.load(answer)[0]["status"])

    return await asyncio.to_thread(ask)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def patience(watch: Watch, deadline: float = 1e9) -> Patience:
    """Wait by the watch, whose hours are over sooner than an image is made."""
    return Patience(deadline, watch.sleep, watch.time)


async def test_an_image_is_waited_for_more_and_more_patiently(
    serve: Serve, pull: Pull, settings: Settings, watch: Watch
) -> None:
    url = await serve(job_delay=60.0, clock=watch.time)
    pulled = await pull(LsstArchive(url, settings=settings, patience=patience(watch)), ONE)
    assert pulled.only.status is Status.DONE
    assert watch.slept[:4] == [0.5, 0.75, 1.125, 1.6875]
    assert watch.slept[-1] == 10.0


async def test_another_attempt_makes_no_other_request(
    serve: Serve, pull: Pull, settings: Settings, watch: Watch
) -> None:
    url = await serve(faults="fits-truncated*1")
    pulled = await pull(LsstArchive(url, settings=settings, patience=patience(watch)), ONE)
    assert (pulled.only.status, pulled.only.attempts) == (Status.DONE, 2)
    with pytest.raises(urllib.error.HTTPError) as refused:
        await status_of(url, "655")
    refused.value.close()


async def test_a_request_that_fails_tells_why(serve: Serve, pull: Pull, settings: Settings, watch: Watch) -> None:
    url = await serve(faults="job-fails*1")
    pulled = await pull(LsstArchive(url, settings=settings, patience=patience(watch)), ONE)
    assert type(pulled.only.error) is not errors.DigestMismatch
    assert f"request {FIRST} failed: " in str(pulled.only.error)
    assert (pulled.only.attempts, pulled.files) == (1, [])


async def test_a_request_that_never_ends_is_cancelled_at_the_deadline(
    serve: Serve, pull: Pull, settings: Settings, watch: Watch
) -> None:
    url = await serve(faults="job-hangs*1")
    pulled = await pull(LsstArchive(url, settings=settings, patience=patience(watch, 60.0)), ONE)
    assert f"request {FIRST} was not done after 60 s and was cancelled" in str(pulled.only.error)
    assert sum(watch.slept) <= 60
    assert (pulled.only.attempts, await status_of(url)) == (1, "cancelled")


async def test_an_interrupt_cancels_the_request(serve: Serve, pull: Pull, settings: Settings) -> None:
    url, waiting = await serve(faults="job-hangs*1"), asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    archive = LsstArchive(url, settings=settings, patience=Patience(sleep=sleep))
    running = asyncio.create_task(pull(archive, ONE))
    await waiting.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await status_of(url) == "cancelled"


async def test_cutting_takes_the_same_way(serve: Serve, pull: Pull, settings: Settings, watch: Watch) -> None:
    query = ImageQuery.of("L2", "DR1", "calexp", ids=("5646240694",), by_job=True, plane="variance")
    pulled = await pull(LsstArchive(await serve(), settings=settings, patience=patience(watch)), query)
    assert pulled.files == ["lsst/L2/DR1/calexp/5646240694_variance.fits"]


@pytest.fixture
async def script(play: Play) -> Script:
    script = await play()
    script.says("POST /image/v0/L2/DR1/calexp/5646240694", 7, 202)
    script.says("GET /image/v0/7/status", [{"status": "Completed"}])
    script.says("GET /image/v0/7/results", ["image/v0/7/results/1.fits"])
    script.sends("GET /image/v0/7/results/1.fits", image("IMAGE", "MASK", "VARIANCE"))
    return script


async def test_a_result_may_be_a_path(script: Script, pull: Pull, settings: Settings) -> None:
    pulled = await pull(LsstArchive(script.url, settings=settings), ONE)
    assert pulled.only.status is Status.DONE
    assert not script.asked("DELETE")


async def test_an_estimate_that_does_not_come_costs_no_request(
    script: Script, pull: Pull, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    def cut(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.abort()
        return web.Response()

    script.answers["GET /image/v0/7/explain"] = cut
    with caplog.at_level(logging.INFO):
        pulled = await pull(LsstArchive(script.url, settings=settings), ONE)
    assert (pulled.only.status, pulled.only.attempts) == (Status.DONE, 1)
    assert "request 7" in caplog.text


@pytest.mark.parametrize(("results", "told"), [([], "0 results in place of one"), (["a", "b"], "one: a, b")])
async def test_other_than_one_result_is_a_failure(
    script: Script, pull: Pull, settings: Settings, results: list[str], told: str
) -> None:
    script.says("GET /image/v0/7/results", results)
    pulled = await pull(LsstArchive(script.url, settings=settings), ONE)
    assert told in str(pulled.only.error)
    assert pulled.only.attempts == 1


async def test_a_request_that_is_forgotten_is_made_again(script: Script, pull: Pull, settings: Settings) -> None:
    whole = image("IMAGE", "MASK", "VARIANCE")
    script.sends("GET /image/v0/7/results/1.fits", whole[:-2880])

    def forget(_: object) -> None:
        if len(script.asked("POST")) == 1 and len(script.asked("GET")) >= 3:
            script.says("GET /image/v0/7/results", {"exception": "NotReady", "message": "unknown"}, 404)
            script.says("POST /image/v0/L2/DR1/calexp/5646240694", {"requestId": 8}, 201)
            script.says("GET /image/v0/8/status", "done")
            script.says("GET /image/v0/8/results", {"result": ["image/v0/8/results/1.fits"]})
            script.sends("GET /image/v0/8/results/1.fits", whole)

    pulled = await pull(LsstArchive(script.url, settings=settings), ONE, forget)
    assert pulled.only.status is Status.DONE
    assert len(script.asked("POST")) == 2


async def test_only_the_archive_itself_is_asked_to_make_anything(
    play: Play, pull: Pull, settings: Settings
) -> None:
    script = await play()
    script.says("GET /meta/v0/image/L2/DR1/calexp", ["http://127.0.0.1:9/im1"])
    pulled = await pull(
        LsstArchive(script.url, settings=settings), ImageQuery.of("L2", "DR1", "calexp", by_job=True)
    )
    assert "not the archive's own" in str(pulled.only.error)
    assert not script.asked("POST")
