"""Faults on demand: by a header for one request, by an option for the first of every path."""

import io

import aiohttp
import pytest
from astropy.io import fits
from astropy.utils.exceptions import AstropyUserWarning
from tests.server.lsst.conftest import Astronomer, StartLsst

from imap_bulk.server.lsst.faults import FAULTS, TROUBLES, read_faults

CALEXP = "/image/v0/L2/DR1/calexp/5646240694"
SYNC = "/db/v0/tap/sync"


async def test_a_header_asks_for_one_fault(astronomer: Astronomer) -> None:
    answer = await astronomer.ask("/meta/v0/db", x_demo_fault="500-document")
    assert (answer.status, answer.json["exception"]) == (500, "RuntimeError")
    assert (await astronomer.ask("/meta/v0/db")).status == 200


async def test_an_option_gives_the_first_requests_of_every_path_a_fault(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(faults="500-html*2")
    for path in ("/meta/v0/db", "/meta/v0/image"):
        statuses = [(await astronomer.ask(path)).status for _ in range(4)]
        assert statuses == [500, 500, 200, 200]


async def test_a_broken_server_shows_a_page(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(CALEXP, x_demo_fault="500-html")
    assert (answer.status, answer.headers["Content-Type"]) == (500, "text/html; charset=utf-8")


async def test_the_query_service_has_words_of_its_own(astronomer: Astronomer) -> None:
    answer = await astronomer.query("SELECT 1", x_demo_fault="500-document")
    assert (answer.status, sorted(answer.json)) == (500, ["error", "message"])


async def test_a_truncated_image_is_told_as_if_it_were_whole(astronomer: Astronomer) -> None:
    whole = await astronomer.ask(CALEXP)
    answer = await astronomer.ask(CALEXP, x_demo_fault="fits-truncated")
    assert answer.status == 200
    assert whole.body.startswith(answer.body)
    assert len(answer.body) < len(whole.body)
    assert "Repr-Digest" not in answer.headers


async def test_an_image_with_a_wrong_bit_contradicts_its_datasum(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(CALEXP, x_demo_fault="fits-datasum")
    assert len(answer.body) == 636_480
    with (
        pytest.warns(AstropyUserWarning, match="(Checksum|Datasum) verification failed"),
        fits.open(io.BytesIO(answer.body), checksum=True) as units,
    ):
        assert units[3].data is not None


async def test_an_image_may_be_a_sentence(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(f"{CALEXP}/cutout?x=9&y=9&width=9&height=9", x_demo_fault="invalid-input")
    assert (answer.status, answer.text[:13]) == (200, "INVALID_INPUT")


async def test_results_of_jobs_meet_the_faults_of_images(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(faults="fits-truncated*1")
    urls = (await astronomer.results(await astronomer.post(CALEXP))).json
    first, second = await astronomer.ask(urls[0]), await astronomer.ask(urls[0])
    assert len(first.body) < len(second.body) == 636_480


async def test_a_query_may_be_answered_by_a_hint(astronomer: Astronomer) -> None:
    answer = await astronomer.query("SELECT 1", x_demo_fault="info")
    assert (answer.status, list(answer.json)) == (200, ["Info"])


async def test_metadata_may_stand_where_the_page_has_it(astronomer: Astronomer) -> None:
    answer = await astronomer.query("SELECT 1 AS one", x_demo_fault="page-form")
    elements = [{"datatype": "long", "name": "one"}]
    assert answer.json == {"result": {"metadata": {"elements": elements}, "table": {"data": [[1]]}}}


async def test_columns_may_have_lost_their_names(astronomer: Astronomer) -> None:
    answer = await astronomer.query("SELECT 1 AS one WHERE 0", x_demo_fault="empty-elements")
    assert answer.json == {"result": {"table": {"metadata": {"elements": []}, "data": []}}}


async def test_what_befalls_an_answer_on_its_way_is_shared_with_the_other_archive(astronomer: Astronomer) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await astronomer.ask(CALEXP, x_demo_fault="truncate-length")
    assert (await astronomer.ask(CALEXP, x_demo_fault="503-seconds")).headers["Retry-After"] == "1"
    whole = await astronomer.ask(CALEXP)
    assert (await astronomer.ask(CALEXP, x_demo_fault="flip")).body != whole.body


async def test_a_silent_server_stops_at_once(start_lsst: StartLsst) -> None:
    astronomer = await start_lsst(faults="stall-body*1", grace=5.0)
    async with astronomer.session.get(f"{astronomer.server.url}/meta/v0/db") as answer:
        assert answer.status == 200  # the fixture stops the server while half of the body is still to come


async def test_an_unknown_fault_in_a_header_is_refused(astronomer: Astronomer) -> None:
    answer = await astronomer.ask("/", x_demo_fault="nix")
    assert (answer.status, "500-document" in answer.text) == (400, True)


@pytest.mark.parametrize("spec", ["nix*1", "500-html", "500-html*x", "500-html*1,500-html*2", "500-html=0.5"])
def test_a_list_that_asks_for_no_fault_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="known faults are"):
        read_faults(spec)


def test_every_fault_has_a_line_of_help() -> None:
    assert all(FAULTS.values())
    assert set(TROUBLES) < set(FAULTS)
    assert read_faults(" 500-html*2, job-fails*1,") == {"500-html": 2, "job-fails": 1}
