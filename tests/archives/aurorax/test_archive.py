"""AuroraX as an archive: what it finds, where it sends the engine, and what it lets pass."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import canaries
from tests.archives.aurorax.conftest import Open
from tests.archives.aurorax.fake import FakeAurorax, answer, ephemeris, product, refused, refusing
from tests.contracts import MALFORMED

from imap_bulk import errors
from imap_bulk.archives.aurorax import (
    AuroraxArchive,
    Chosen,
    Condition,
    ConjunctionQuery,
    EphemerisQuery,
    ProductQuery,
    Query,
)
from imap_bulk.archives.aurorax.moments import read_bound
from imap_bulk.archives.aurorax.products import parts
from imap_bulk.model import Direction, Proof, RemoteFile, Transfer

if TYPE_CHECKING:
    from imap_bulk.archives.base import Archive

KEY = canaries.API_KEY
SWARM = Chosen(program=("swarm",))
URL = "https://files.example/20200201__gill_full-keogram.jpg"


def days(first: str, last: str) -> dict[str, Any]:
    return {
        "start": read_bound("start", first, is_end=False),
        "end": read_bound("end", last, is_end=True),
    }


def products(**given: Any) -> ProductQuery:
    return ProductQuery(**{"chosen": Chosen(program=("trex",)), **days("20200201", "20200229"), **given})


def conjunctions(name: str = "") -> ConjunctionQuery:
    told = {"ground": [{}], "space": [{}], "start": "2020-01-01T00:00:00", "end": "2020-01-02T00:00:00"}
    return ConjunctionQuery(json.dumps(told), name)


async def search(archive: AuroraxArchive, query: Query) -> list[RemoteFile]:
    async with archive:
        return [file async for file in archive.search(query)]


def transfer(file: RemoteFile) -> Transfer:
    return Transfer(Direction.PULL, file.key, Path(file.name), source=file.source)


async def the_file(archive: AuroraxArchive, query: Query) -> Transfer:
    (file,) = [file async for file in archive.search(query)]
    return transfer(file)


# The archive as a value


def test_it_is_an_archive() -> None:
    archive: Archive = AuroraxArchive()
    assert archive.name == "https://api.aurorax.space"


@pytest.mark.parametrize("behind", ["", "/", "/api/v1", "/api/v1/"])
def test_the_name_is_the_bare_url(behind: str) -> None:
    assert AuroraxArchive(f"https://user:pass@api.example{behind}", KEY).name == "https://api.example"


@pytest.mark.parametrize(
    "url", ["", "api.example", "s3://bucket", "https://", "http://[", "http://h:port", *MALFORMED]
)
def test_an_address_that_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(errors.Rejected, match="is no URL"):
        AuroraxArchive(url)


def test_the_repr_shows_no_secret() -> None:
    assert KEY not in repr(AuroraxArchive(f"https://user:{KEY}@api.example", KEY))


async def test_a_closed_archive_is_a_plain_value(archive_at: Open) -> None:
    archive = await archive_at(FakeAurorax(), api_key=KEY)
    query = EphemerisQuery(chosen=SWARM, **days("20190101", "20190101"))
    before = await search(archive, query)
    again = pickle.loads(pickle.dumps(archive))
    assert again == archive
    assert await search(again, query) == before


async def test_an_archive_that_is_not_open_says_so() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await AuroraxArchive().sources.get(3)


async def test_it_takes_no_files() -> None:
    with pytest.raises(errors.ReadOnly, match="push records of them"):
        await AuroraxArchive().sign_upload(Transfer(Direction.PUSH, "k", Path("k")))


# Ephemeris


async def test_ephemeris_is_a_file_a_day_and_source_and_nothing_is_searched_yet(archive_at: Open) -> None:
    fake = FakeAurorax()
    files = await search(await archive_at(fake), EphemerisQuery(chosen=SWARM, **days("20190101", "20190102")))
    assert [file.key for file in files] == [
        f"aurorax/ephemeris/swarm/{platform}/footprint/{day}.json"
        for platform in ("swarma", "swarmb")
        for day in ("20190101", "20190102")
    ]
    assert {asked.path for asked in fake.asked} == {"/api/v1/data_sources"}


async def test_a_file_may_be_a_month(archive_at: Open) -> None:
    query = EphemerisQuery(chosen=Chosen(platform=("swarma",)), window="month", **days("20190101", "20190331"))
    files = await search(await archive_at(FakeAurorax()), query)
    assert [file.name for file in files] == ["201901.json", "201902.json", "201903.json"]


async def test_internal_sources_have_no_files(archive_at: Open) -> None:
    query = EphemerisQuery(chosen=Chosen(program=("adhoc",)), **days("20190101", "20190101"))
    assert await search(await archive_at(FakeAurorax()), query) == []


async def test_the_search_of_a_file_is_submitted_when_it_is_signed(archive_at: Open) -> None:
    fake = FakeAurorax([ephemeris()])
    archive = await archive_at(fake, api_key=KEY)
    where = (Condition("nbtrace_region", "in", ("north polar cap",)),)
    query = EphemerisQuery(chosen=Chosen(platform=("swarma",)), where=where, **days("20190101", "20190101"))
    async with archive:
        (file,) = [file async for file in archive.search(query)]
        signed = await archive.sign_download(transfer(file))
    assert signed.url == f"{archive.name}/api/v1/ephemeris/requests/search-0/data"
    (asked,) = [asked for asked in fake.asked if asked.method == "POST"]
    assert asked.body == query.body(
        Chosen(program=("swarm",), platform=("swarma",), instrument_type=("footprint",)), (query.start, query.end)
    )
    assert not any(KEY in text for asked in fake.asked for text in asked.headers.values())


async def test_a_document_is_held_to_the_number_of_records_that_was_announced(
    archive_at: Open, tmp_path: Path
) -> None:
    archive = await archive_at(FakeAurorax([ephemeris(0), ephemeris(1)]))
    (tmp_path / "whole").write_text(json.dumps({"result": [ephemeris(0), ephemeris(1)]}))
    (tmp_path / "short").write_text(json.dumps({"result": [ephemeris(0)]}))
    async with archive:
        file = await the_file(archive, conjunctions())
        await archive.sign_download(file)
        assert archive.accept(file, tmp_path / "whole") is Proof.COUNT
        with pytest.raises(errors.DigestMismatch, match="1 records came, the archive has announced 2"):
            archive.accept(file, tmp_path / "short")


async def test_a_document_of_an_unknown_number_is_held_to_its_form(archive_at: Open, tmp_path: Path) -> None:
    fake = FakeAurorax(overrides={"/search-0": [answer(200, {"search_result": {"data_uri": "/x"}})]})
    (tmp_path / "whole").write_text("[]")
    async with await archive_at(fake) as archive:
        file = await the_file(archive, conjunctions())
        await archive.sign_download(file)
        assert archive.accept(file, tmp_path / "whole") is Proof.FORM


async def test_conjunctions_are_one_document_named_after_their_query(archive_at: Open) -> None:
    archive = await archive_at(FakeAurorax())
    one, named = (await search(archive, conjunctions()))[0], (await search(archive, conjunctions("my query")))[0]
    mark = one.name.removesuffix(".json")
    assert (len(mark), named.key) == (8, f"aurorax/conjunctions/my_query-{mark}.json")


# Data products


async def test_a_product_is_fetched_from_its_own_address_as_it_is(archive_at: Open) -> None:
    async with await archive_at(FakeAurorax([product(f"{URL}?a=%2F")]), api_key=KEY) as archive:
        signed = await archive.sign_download(await the_file(archive, products()))
    assert (signed.url, signed.headers) == (f"{URL}?a=%2F", {})


@pytest.mark.parametrize(
    "url", ["test.jpg", "ftp://files.example/x.jpg", "//files.example/x.jpg", "http://", "http://[::1/x.jpg"]
)
async def test_an_address_that_is_not_whole_is_said_to_be_none(archive_at: Open, url: str) -> None:
    async with await archive_at(FakeAurorax([product(url)])) as archive:
        file = await the_file(archive, products())
        with pytest.raises(errors.Rejected, match=r"is no whole http.* give --file-base-url"):
            await archive.sign_download(file)


async def test_an_address_may_be_completed(archive_at: Open) -> None:
    query = products(file_base_url="https://files.example/sort/")
    (file,) = await search(await archive_at(FakeAurorax([product("a/test.jpg")])), query)
    assert file.source == "https://files.example/sort/a/test.jpg"


@pytest.mark.parametrize(
    ("name", "content", "proof"),
    [
        ("a.jpg", b"\xff\xd8\xff\xe0....", Proof.FORM),
        ("a.PNG", b"\x89PNG\r\n\x1a\n....", Proof.FORM),
        ("a.gif", b"GIF89a...", Proof.FORM),
        ("a.mp4", b"\0\0\0\x18ftypmp42", Proof.FORM),
        ("a.pgm.gz", b"\x1f\x8b", None),
    ],
)
def test_a_product_is_looked_at(tmp_path: Path, name: str, content: bytes, proof: Proof | None) -> None:
    (tmp_path / name).write_bytes(content)
    file = Transfer(Direction.PULL, name, tmp_path / name, source=URL)
    assert AuroraxArchive().accept(file, tmp_path / name) is proof


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jpg", b"<!DOCTYPE html><html>"),
        ("a.dat", b"\xef\xbb\xbf\n<!-- x -->\n<HTML lang=en>"),
        ("a.jpg", b"not an image"),
        ("a.mp4", b"\x89PNG\r\n\x1a\n"),
        ("a.dat", b""),
    ],
)
def test_a_page_or_another_kind_of_file_is_no_product(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(errors.Garbled):
        AuroraxArchive().accept(Transfer(Direction.PULL, name, tmp_path / name, source=URL), tmp_path / name)


async def test_a_range_that_is_too_long_is_searched_in_parts_that_overlap(archive_at: Open) -> None:
    too_long = refusing(400, "AssertionError", "The time span of a search is limited")
    fake = FakeAurorax([product(URL)], overrides={"/search": [too_long]})
    assert len(await search(await archive_at(fake), products())) == 1
    whole, first, second = (asked.body for asked in fake.asked if asked.method == "POST")
    assert (first["start"], second["end"]) == (whole["start"], whole["end"])
    assert first["end"] > second["start"]


@pytest.mark.parametrize("number", range(2, 8))
def test_a_product_of_a_day_is_within_a_part_wherever_it_lies(number: int) -> None:
    query = products(**days("20200201", f"2020020{number}"))
    one, other = parts(query, errors.Rejected("the archive answered 400: the span is too long"))
    for day in range(1, number + 1):
        told = days(f"2020020{day}", f"2020020{day}")
        assert told["end"] <= one.end or told["start"] >= other.start


async def test_a_result_that_is_too_long_to_be_read_is_asked_for_in_parts(
    archive: AuroraxArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    swarm = EphemerisQuery(chosen=Chosen(platform=("swarma",)), **days("20190101", "20190102"))
    monkeypatch.setattr("imap_bulk.archives.aurorax.archive.RESULT_BYTES", 200_000)
    async with archive:
        epochs = [record["epoch"] async for record in archive.records(swarm)]
        monkeypatch.setattr("imap_bulk.archives.aurorax.archive.RESULT_BYTES", 20_000)
        found = [record["url"] async for record in archive.records(products())]
    assert (len(epochs), epochs) == (2 * 1440, sorted(set(epochs)))
    monkeypatch.undo()
    async with archive:
        whole = [record["url"] async for record in archive.records(products())]
    assert (len(found), set(found)) == (len(whole), set(whole))


async def test_a_refusal_for_another_reason_is_final(archive_at: Open) -> None:
    fake = FakeAurorax(overrides={"/search": [lambda: refused(400, "AssertionError", "unknown program")]})
    with pytest.raises(errors.Rejected, match="unknown program"):
        await search(await archive_at(fake), products())


async def test_a_record_without_an_address_is_garbled(archive_at: Open) -> None:
    fake = FakeAurorax([replace_url(product(URL))])
    with pytest.raises(errors.Garbled, match="no data product"):
        await search(await archive_at(fake, retries=0), products())


def replace_url(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "url"}


async def test_a_transfer_that_no_search_has_planned_is_refused(archive_at: Open) -> None:
    async with await archive_at(FakeAurorax()) as archive:
        with pytest.raises(errors.Rejected, match="pull by filters"):
            await archive.sign_download(replace(transfer(RemoteFile("aurorax/x.json")), source=""))
