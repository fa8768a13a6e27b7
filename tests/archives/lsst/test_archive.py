"""LSST's archive as any other: it searches, says where files are, and looks at what came."""

import asyncio
import io
import pickle
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from astropy.io import fits
from tests import canaries
from tests.archives.lsst.conftest import Pull, Script, Serve
from tests.contracts import MALFORMED

from imap_bulk import errors
from imap_bulk.archives.lsst import ImageQuery, LsstArchive, sums
from imap_bulk.archives.lsst.sums import Sums
from imap_bulk.model import Direction, Event, Outcome, Proof, Status, Transfer
from imap_bulk.settings import Settings

CALEXP = ImageQuery.of("L2", "DR1", "calexp")
ONE = ImageQuery.of("L2", "DR1", "calexp", ids=("5646240694",))
DEPLOYED = ImageQuery.of("", "", "calexp", ids=("5646240694",), deployed=True)
TONIGHT = ImageQuery.of("L1", "live", "raw")
Play = Callable[[], Awaitable[Script]]


def without_astropy() -> Sums | None:
    return None


def image(*names: str, checksum: bool = True) -> bytes:
    stream = io.BytesIO()
    pixels = np.ones((4, 5), "f4")
    parts = [fits.PrimaryHDU(), *(fits.ImageHDU(pixels, name=name) for name in names)]
    fits.HDUList(parts).writeto(stream, checksum=checksum)
    return stream.getvalue()


async def keys(archive: LsstArchive, query: ImageQuery) -> list[str]:
    async with archive:
        return [file.key async for file in archive.search(query)]


async def test_a_search_yields_each_image_once_over_all_pages(serve: Serve, settings: Settings) -> None:
    url = await serve(page_size=5)
    found = await keys(LsstArchive(url, settings=settings), CALEXP)
    assert len(found) == len(set(found)) == 8
    assert found[0] == "lsst/L2/DR1/calexp/5646240694.fits"


async def test_a_signed_url_brings_the_file(serve: Serve, settings: Settings) -> None:
    url = await serve()
    async with LsstArchive(url, settings=settings) as archive:
        file = await anext(aiter(archive.search(CALEXP)))
        transfer = Transfer(Direction.PULL, file.key, Path("x"), source=file.source)
        signed = await archive.sign_download(transfer)
        by_key = await archive.sign_download(Transfer(Direction.PULL, file.key, Path("x")))
    body = await asyncio.to_thread(lambda: urllib.request.urlopen(signed.url).read())
    assert body.startswith(b"SIMPLE  =")
    assert by_key == signed


async def test_what_is_listed_is_pulled_and_held_to_its_digest(
    serve: Serve, pull: Pull, settings: Settings
) -> None:
    pulled = await pull(LsstArchive(await serve(page_size=5), settings=settings), CALEXP)
    assert (pulled.result.done, pulled.result.verified) == (8, 8)
    assert pulled.files == sorted(pulled.outcomes)


async def test_an_archive_is_picklable_whenever_it_is_closed(serve: Serve, settings: Settings) -> None:
    archive = LsstArchive(await serve(), "token", settings)
    await keys(archive, ONE)
    copy = pickle.loads(pickle.dumps(archive))
    assert copy == archive
    assert await keys(copy, ONE) == ["lsst/L2/DR1/calexp/5646240694.fits"]


@pytest.mark.parametrize("url", ["", "127.0.0.1:8000", "ftp://x", "http://x:y", "http://a b", *MALFORMED])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(errors.Rejected, match="is no URL"):
        LsstArchive(url)


async def test_uploads_are_refused_before_any_request(play: Play) -> None:
    script = await play()
    async with LsstArchive(script.url) as archive:
        with pytest.raises(errors.ReadOnly, match="read-only"):
            await archive.sign_upload(Transfer(Direction.PUSH, "x", Path("x")))
    assert not script.requests


async def test_a_missing_image_is_not_found(serve: Serve, pull: Pull, settings: Settings) -> None:
    query = ImageQuery.of("L2", "DR1", "calexp", ids=("99",))
    pulled = await pull(LsstArchive(await serve(), settings=settings), query)
    assert type(pulled.only.error) is errors.NotFound
    assert "Image Not Found" in str(pulled.only.error)
    assert pulled.only.attempts == 1


async def test_12_images_at_page_size_5_are_resumed_after_an_interrupt(
    serve: Serve, pull: Pull, settings: Settings
) -> None:
    url = await serve(page_size=5, faults="unstable*4")
    for _ in range(4):  # with each reading tonight's list has one more
        await keys(LsstArchive(url, settings=settings), ImageQuery.of("L1", "live", "raw"))
    archive, done = LsstArchive(url, settings=settings), 0

    def interrupt(event: Event) -> None:
        nonlocal done
        done += isinstance(event, Outcome)
        if done == 5:
            running.cancel()

    running = asyncio.create_task(pull(archive, TONIGHT, interrupt))
    with pytest.raises(asyncio.CancelledError):
        await running
    pulled = await pull(archive, TONIGHT)
    assert (pulled.result.wanted, pulled.result.complete) == (12, True)
    assert pulled.result.skipped >= 5
    assert pulled.files == sorted(pulled.outcomes)


async def test_an_unstable_list_loses_none_and_repeats_none(serve: Serve, settings: Settings) -> None:
    url = await serve(page_size=3, faults="unstable*4")
    found = await keys(LsstArchive(url, settings=settings), TONIGHT)
    assert len(found) == len(set(found))
    assert set(found) >= set(await keys(LsstArchive(url, settings=settings), TONIGHT)) - {found[0]}
    assert len(found) >= 8 + 3


async def test_an_unstable_list_can_be_refused(serve: Serve, settings: Settings) -> None:
    query = ImageQuery.of("L1", "live", "raw", stable=True)
    with pytest.raises(errors.Rejected, match="changes while it is read"):
        await keys(LsstArchive(await serve(), settings=settings), query)


async def test_a_list_without_metadata_is_that_of_the_image_service(play: Play) -> None:
    script = await play()
    script.answers["GET /meta/v0/image/L2/DR1/calexp"] = lambda _: web.Response(text="Not implemented yet")
    script.says("GET /image/v0/L2/DR1/calexp", {"results": [["/nfs/lsst/im1"], ["/nfs/lsst/im2"]]})
    assert await keys(LsstArchive(script.url), CALEXP) == [
        "lsst/L2/DR1/calexp/im1.fits",
        "lsst/L2/DR1/calexp/im2.fits",
    ]


async def test_where_no_images_are_listed_it_is_told_how_to_name_them(serve: Serve, settings: Settings) -> None:
    with pytest.raises(errors.NotFound, match=r"not implemented.*; name them by --id, with --deployed-form"):
        await keys(LsstArchive(await serve(genuine=True), settings=settings), CALEXP)


async def test_two_images_of_one_name_get_two_keys(play: Play) -> None:
    script = await play()
    script.says("GET /meta/v0/image/L2/DR1/calexp", ["/nfs/a/im1", "/nfs/b/im1", "/nfs/a/im1"])
    first, second = await keys(LsstArchive(script.url), CALEXP)
    assert first == "lsst/L2/DR1/calexp/im1.fits"
    assert second.startswith("lsst/L2/DR1/calexp/im1_")


@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_a_path_that_is_listed_begins_where_the_services_do(
    play: Play, pull: Pull, settings: Settings, prefix: str
) -> None:
    script = await play()
    script.says(f"GET {prefix}/meta/v0/image/L2/DR1/calexp", ["nfs/lsst/im1", f"{prefix}/nfs/lsst/im2"])
    for name in ("im1", "im2"):
        script.sends(f"GET {prefix}/nfs/lsst/{name}", image("IMAGE", "MASK", "VARIANCE"))
    pulled = await pull(LsstArchive(script.url + prefix, settings=settings), CALEXP)
    assert pulled.result.done == 2


async def test_dates_and_owners_narrow_the_list(serve: Serve, settings: Settings) -> None:
    query = ImageQuery.of("L2", "DR1", "calexp", owner="tom")
    found = await keys(LsstArchive(await serve(), settings=settings), query)
    assert len(found) == 4


async def test_an_error_with_a_document_is_not_asked_for_again(
    serve: Serve, pull: Pull, settings: Settings
) -> None:
    pulled = await pull(LsstArchive(await serve(faults="500-document*1"), settings=settings), ONE)
    assert type(pulled.only.error) is errors.Rejected
    assert pulled.only.attempts == 1


async def test_an_error_without_a_document_is_asked_for_again(
    serve: Serve, pull: Pull, settings: Settings
) -> None:
    pulled = await pull(LsstArchive(await serve(faults="500-html*1"), settings=settings), ONE)
    assert (pulled.only.status, pulled.only.attempts) == (Status.DONE, 2)


async def test_a_list_with_an_error_document_is_asked_for_once(serve: Serve, settings: Settings) -> None:
    archive = LsstArchive(await serve(faults="500-document*1"), settings=settings)
    with pytest.raises(errors.Rejected):
        await keys(archive, CALEXP)
    assert len(await keys(archive, CALEXP)) == 8  # the one fault is used up, so that once was enough


@pytest.mark.parametrize("fault", ["fits-truncated", "fits-datasum"])
@pytest.mark.parametrize("genuine", [False, True])
async def test_a_spoiled_file_never_gets_a_final_name(
    serve: Serve, pull: Pull, settings: Settings, fault: str, genuine: bool
) -> None:
    url = await serve(faults=f"{fault}*99", genuine=genuine)
    pulled = await pull(LsstArchive(url, settings=settings), DEPLOYED)
    assert type(pulled.only.error) is errors.DigestMismatch
    assert pulled.only.attempts == settings.retries + 1
    assert pulled.files == []


@pytest.mark.parametrize("fault", ["fits-truncated", "fits-datasum"])
async def test_a_file_that_was_spoiled_on_its_way_is_fetched_again(
    serve: Serve, pull: Pull, settings: Settings, fault: str
) -> None:
    pulled = await pull(LsstArchive(await serve(faults=f"{fault}*1"), settings=settings), ONE)
    assert (pulled.only.status, pulled.only.attempts) == (Status.DONE, 2)
    assert fits.getdata(pulled.root / pulled.only.transfer.key, "IMAGE").shape == (200, 256)


async def test_refused_input_is_no_image(serve: Serve, pull: Pull, settings: Settings) -> None:
    pulled = await pull(LsstArchive(await serve(faults="invalid-input*1"), settings=settings), ONE)
    assert type(pulled.only.error) is errors.Rejected
    assert "INVALID_INPUT" in str(pulled.only.error)
    assert pulled.files == []


async def test_the_checksums_within_prove_a_file_that_nothing_else_does(
    serve: Serve, pull: Pull, settings: Settings
) -> None:
    pulled = await pull(LsstArchive(await serve(genuine=True), settings=settings), DEPLOYED)
    assert pulled.only.verified_by is Proof.FITS
    assert pulled.result.verified == 1


async def test_without_astropy_the_outcome_says_form(serve: Serve, pull: Pull, settings: Settings) -> None:
    archive = LsstArchive(await serve(genuine=True), settings=settings, load_sums=without_astropy)
    pulled = await pull(archive, DEPLOYED)
    assert pulled.only.verified_by is Proof.FORM
    assert pulled.result.verified == 0


@pytest.mark.parametrize(
    ("load", "status", "error"),
    [(sums.load, Status.DONE, type(None)), (without_astropy, Status.FAILED, errors.Unverified)],
)
async def test_a_proof_that_was_required_takes_astropy(
    serve: Serve, pull: Pull, load: Callable[[], Sums | None], status: Status, error: type
) -> None:
    strict = Settings(retries=0, require_verified=True)
    pulled = await pull(LsstArchive(await serve(genuine=True), settings=strict, load_sums=load), DEPLOYED)
    assert (pulled.only.status, type(pulled.only.error)) == (status, error)


@pytest.mark.parametrize(
    ("body", "proof"),
    [
        (image("IMAGE", "MASK", "VARIANCE"), Proof.FITS),
        (image("IMAGE", "MASK", "VARIANCE", checksum=False), Proof.FORM),
    ],
)
async def test_only_checksums_that_are_there_prove_anything(
    play: Play, pull: Pull, settings: Settings, body: bytes, proof: Proof
) -> None:
    script = await play()
    script.sends("GET /image/v0/L2/DR1/calexp/5646240694", body)
    pulled = await pull(LsstArchive(script.url, settings=settings), ONE)
    assert pulled.only.verified_by is proof


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (image("IMAGE"), "has no MASK and no VARIANCE"),
        (image(), "has no IMAGE"),
        (b'[{"status": "processing"}]', "ask by --async"),
    ],
)
async def test_an_image_without_what_was_asked_for_is_refused(
    play: Play, pull: Pull, settings: Settings, body: bytes, problem: str
) -> None:
    script = await play()
    script.sends("GET /image/v0/L2/DR1/calexp/5646240694", body)
    pulled = await pull(LsstArchive(script.url, settings=settings), ONE)
    assert problem in str(pulled.only.error)
    assert (pulled.only.attempts, pulled.files) == (1, [])


async def test_the_token_goes_to_the_archive(play: Play, pull: Pull, settings: Settings) -> None:
    script = await play()
    script.says("GET /meta/v0/image/L2/DR1/calexp", ["im1"])
    script.sends("GET /im1", image("IMAGE", "MASK", "VARIANCE"))
    pulled = await pull(LsstArchive(script.url, canaries.ACCESS_TOKEN, settings), CALEXP)
    assert pulled.result.done == 1
    told = {request.headers.get("Authorization") for request in script.requests}
    assert told == {f"Bearer {canaries.ACCESS_TOKEN}"}


async def test_the_token_goes_nowhere_else(play: Play, pull: Pull, settings: Settings, lane: str) -> None:
    script, other = await play(), await play()
    script.says("GET /meta/v0/image/L2/DR1/calexp", [f"{other.url}/im1", "im2"])
    for name in ("im1", "im2"):
        other.sends(f"GET /{name}", image("IMAGE", "MASK", "VARIANCE"))
    script.answers["GET /im2"] = lambda _: web.Response(status=302, headers={"Location": f"{other.url}/im2"})
    given = Settings(retries=0, wait_base=0, fsync=False, transport=lane)
    pulled = await pull(LsstArchive(script.url, canaries.ACCESS_TOKEN, given), CALEXP)
    assert pulled.result.done == len(other.requests) == 2
    for request in other.requests:
        canaries.assert_clean("\n".join(f"{name}: {value}" for name, value in request.headers.items()))


def test_an_archive_shows_no_token() -> None:
    archive = LsstArchive("http://tom:secret@127.0.0.1:1/api", "token")
    assert repr(archive) == "<LsstArchive http://127.0.0.1:1/api with a token>"
