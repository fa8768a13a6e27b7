"""The IMAP archive, as each generation of it answers."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer
from tests import canaries
from tests.archives.conftest import Open
from tests.archives.fake_imap import FakeImap, Row, ancillary, gateway, in_series, kernel, old_science, science
from tests.contracts import MALFORMED

from imap_bulk import errors
from imap_bulk.archives.imap import ImapArchive
from imap_bulk.archives.imap.query import ImapQuery
from imap_bulk.model import Direction, RemoteFile, SignedUrl, Transfer
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.archives.base import Archive

NAME = "imap_swe_l0_raw_20240105_v001.pkts"
KEY = f"imap/swe/l0/2024/01/{NAME}"
STORAGE = "https://sds-data-1.s3.us-west-2.amazonaws.com/imap%2Fswe/l0/%7Ea+b.pkts"
SIGNED = f"{STORAGE}?X-Amz-Date=20261122T102225Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=s%2Fs"
EXPIRES_AT = 1795342945.0 + 3600
FILE = Transfer(Direction.PULL, KEY, Path(NAME))
SECRET = canaries.API_KEY

Answer = Callable[[], web.Response]


def text(status: int, body: str, **headers: str) -> Answer:
    return lambda: web.Response(status=status, text=body, content_type="text/html", headers=headers)


def as_json(status: int, body: Any) -> Answer:
    return lambda: web.json_response(body, status=status)


def enveloped(status: int, body: Any, **headers: str) -> Answer:
    told = {"headers": headers} if headers else {}
    return as_json(200, {"statusCode": status, **told, "body": body})


def redirect(url: str, status: int = 302) -> Answer:
    return text(status, json.dumps({"download_url": url}), Location=url)


async def search(archive: ImapArchive, **conditions: Any) -> list[RemoteFile]:
    async with archive:
        return [file async for file in archive.search(ImapQuery.of(**conditions))]


async def keys(archive: ImapArchive, **conditions: Any) -> list[str]:
    return [file.key for file in await search(archive, **conditions)]


async def download(archive: ImapArchive) -> SignedUrl:
    async with archive:
        return await archive.sign_download(FILE)


async def upload(archive: ImapArchive) -> SignedUrl:
    async with archive:
        return await archive.sign_upload(replace(FILE, direction=Direction.PUSH))


# The archive as a value


def test_it_is_an_archive() -> None:
    archive: Archive = ImapArchive("https://api.imap-mission.com")
    assert archive.name == "https://api.imap-mission.com"


@pytest.mark.parametrize("behind", ["", "/", "/api-key", "/api-key/", "/authorized", "//"])
def test_the_name_is_the_bare_url(behind: str) -> None:
    assert ImapArchive(f"https://user:pass@api.example{behind}", SECRET).name == "https://api.example"


@pytest.mark.parametrize(
    "url", ["", "api.example", "s3://bucket", "https://", "http://[", "http://h:port", "http://a b", *MALFORMED]
)
def test_an_address_that_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(errors.Rejected, match="is no URL"):
        ImapArchive(url)


def test_the_repr_shows_no_secret() -> None:
    shown = repr(ImapArchive(f"https://user:{SECRET}@api.example", SECRET, SECRET))
    assert SECRET not in shown
    assert "https://api.example" in shown


async def test_a_closed_archive_is_a_plain_value(archive_at: Open) -> None:
    fake = FakeImap([science()])
    archive = await archive_at(fake, api_key=SECRET)
    await search(archive, instrument="mag")
    again = pickle.loads(pickle.dumps(archive))
    assert again == archive
    assert await keys(again, instrument="mag") == in_series(fake.rows)


async def test_an_archive_that_is_not_open_says_so(archive_at: Open) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await (await archive_at(FakeImap())).sign_download(FILE)


# Credentials and addresses


@pytest.mark.parametrize(
    ("given", "suffix", "path", "header"),
    [
        ({}, "", "/query", None),
        ({}, "/", "/query", None),
        ({}, "/api-key", "/api-key/query", None),
        ({"api_key": SECRET}, "", "/api-key/query", ("x-api-key", SECRET)),
        ({"api_key": SECRET}, "/", "/api-key/query", ("x-api-key", SECRET)),
        ({"api_key": SECRET}, "/api-key/", "/api-key/query", ("x-api-key", SECRET)),
        ({"api_key": f"{SECRET}\n"}, "", "/api-key/query", ("x-api-key", SECRET)),
        ({"access_token": SECRET}, "", "/authorized/query", ("Authorization", f"Bearer {SECRET}")),
        ({"access_token": SECRET}, "/authorized", "/authorized/query", ("Authorization", f"Bearer {SECRET}")),
        ({"api_key": SECRET, "access_token": "t"}, "", "/api-key/query", ("x-api-key", SECRET)),
    ],
)  # fmt: skip
async def test_credentials_choose_the_door(
    archive_at: Open, given: dict[str, str], suffix: str, path: str, header: tuple[str, str] | None
) -> None:
    fake = FakeImap()
    await search(await archive_at(fake, suffix=suffix, **given), instrument="mag")
    asked = fake.asked[0]
    told = {name.lower(): value for name, value in asked.headers.items()}
    assert asked.path == path
    assert {name: told[name] for name in ("x-api-key", "authorization") if name in told} == (
        {header[0].lower(): header[1]} if header else {}
    )


async def test_credentials_go_to_the_api_host_alone(archive_at: Open, aiohttp_server: AiohttpServer) -> None:
    storage = FakeImap()
    server = await aiohttp_server(storage.app())
    fake = FakeImap(always=redirect(str(server.make_url("/object?X-Amz-Signature=s"))))
    signed = await download(await archive_at(fake, api_key=SECRET))
    assert len(fake.asked) == 1
    assert storage.asked == []
    assert signed.headers == {}
    assert SECRET not in signed.url


# Searching


async def test_a_search_finds_records_with_all_they_say(archive_at: Open) -> None:
    row = science(brand_new_field=1)
    assert await search(await archive_at(FakeImap([row])), instrument="mag") == [
        RemoteFile(row["file_path"], meta=row)
    ]


async def test_a_search_names_its_table(archive_at: Open) -> None:
    fake = FakeImap([science(), ancillary("20260101", None, "v001")])
    assert await keys(await archive_at(fake), table="ancillary", instrument="mag") == in_series(fake.rows[1:])
    assert fake.queries == [{"table": "ancillary", "instrument": "mag"}]


async def test_an_archive_of_2024_is_asked_again_without_a_table_and_remembered(archive_at: Open) -> None:
    fake = FakeImap([old_science(), old_science(instrument="swe")], generation=2)
    assert len(await keys(await archive_at(fake), instrument="mag,swe")) == 2
    assert [("table" in asked) for asked in fake.queries] == [True, False, False]


async def test_what_an_archive_was_is_forgotten_when_it_closes(archive_at: Open) -> None:
    fake = FakeImap([old_science()], generation=2)
    archive = await archive_at(fake)
    for _ in range(2):
        await search(archive, instrument="mag")
    assert [("table" in asked) for asked in fake.queries] == [True, False, True, False]


async def test_latest_is_left_to_the_archive_of_today(archive_at: Open) -> None:
    rows = [science(version=version) for version in ("v001.0003", "v002.0001", "v002.0002")]
    fake = FakeImap(rows)
    assert await keys(await archive_at(fake), instrument="mag", version="latest") == in_series(rows[2:])
    assert fake.queries[0]["latest"] == "true"


async def test_latest_of_one_major_version_is_its_greatest_minor(archive_at: Open) -> None:
    rows = [science(version=version) for version in ("v001.0001", "v001.0002", "v002.0001")]
    archive = await archive_at(FakeImap(rows))
    assert await keys(archive, version="latest", major_version=1) == in_series(rows[1:2])


async def test_latest_is_chosen_here_for_an_archive_of_2024(archive_at: Open) -> None:
    rows = [old_science(version=version, repointing=n) for version in ("v002", "v010", "v009") for n in (1, 2)]
    found = await keys(await archive_at(FakeImap(rows, generation=2)), instrument="mag", version="latest")
    assert sorted(found) == in_series(row for row in rows if row["version"] == "v010")


async def test_latest_ancillary_files_may_begin_on_one_day_and_end_on_several(archive_at: Open) -> None:
    rows = [
        ancillary("20260101", end, version) for end in ("20260131", "20260228") for version in ("v001", "v002")
    ]
    found = await keys(await archive_at(FakeImap(rows)), table="ancillary", instrument="mag", version="latest")
    assert sorted(found) == in_series(row for row in rows if row["version"] == "v002")


async def test_files_that_share_the_latest_version_all_stay(archive_at: Open) -> None:
    rows = [ancillary("20260101", None, "v002", extension) for extension in ("cdf", "csv")]
    found = await keys(await archive_at(FakeImap(rows)), table="ancillary", instrument="mag", version="latest")
    assert sorted(found) == in_series(rows)


async def test_ingestion_dates_are_filtered_here_for_an_archive_of_2024(archive_at: Open) -> None:
    rows = [old_science(f"2024010{n}", ingestion_date=f"2024-07-0{n} 15:42:23") for n in range(1, 6)]
    archive = await archive_at(FakeImap(rows, generation=2))
    found = await keys(archive, instrument="mag", ingestion_start_date="20240702", ingestion_end_date="20240704")
    assert sorted(found) == in_series(rows[1:4])


async def test_ingestion_dates_that_nobody_knows_are_refused(archive_at: Open) -> None:
    archive = await archive_at(FakeImap([old_science(ingestion_date=None)], generation=2))
    with pytest.raises(errors.BadQuery, match="leave the ingestion dates out"):
        await search(archive, instrument="mag", ingestion_start_date="20240702")


async def test_an_archive_of_2024_has_no_ancillary_files(archive_at: Open) -> None:
    with pytest.raises(errors.BadQuery, match="science files alone"):
        await search(await archive_at(FakeImap(generation=2)), table="ancillary", instrument="mag")


async def test_a_filename_finds_its_record(archive_at: Open) -> None:
    rows = [science(version="v001.0001"), science(version="v001.0002")]
    found = await keys(await archive_at(FakeImap(rows)), filename=rows[0]["file_path"].rpartition("/")[2])
    assert found == in_series(rows[:1])


async def test_a_kernel_lies_below_the_spice_directory(archive_at: Open) -> None:
    fake = FakeImap([kernel("ck/imap_2025_274_2025_276_001.ah.bc")])
    found = await keys(await archive_at(fake, api_key=SECRET), filename="imap_2025_274_2025_276_001.ah.bc")
    assert found == ["imap/spice/ck/imap_2025_274_2025_276_001.ah.bc"]
    assert fake.asked[0].path == "/api-key/spice-query"


async def test_kernels_are_filtered_by_version_here(archive_at: Open) -> None:
    rows = [kernel(f"ck/imap_{n}.bc", version=n) for n in (1, 10, 12)]
    assert await keys(await archive_at(FakeImap(rows)), table="spice", version="v010") == [
        "imap/spice/ck/imap_10.bc"
    ]


async def test_the_last_day_of_spice_ingestion_is_whole_and_the_last(archive_at: Open) -> None:
    times = ["2026-04-05, 00:00:00", "2026-04-06, 23:57:54", "2026-04-07, 00:00:00"]
    rows = [kernel(f"ck/imap_{n}.bc", ingestion_date=time) for n, time in enumerate(times)]
    found = await keys(await archive_at(FakeImap(rows)), table="spice", ingestion_end_date="20260406")
    assert found == ["imap/spice/ck/imap_0.bc", "imap/spice/ck/imap_1.bc"]


async def test_kernels_are_found_by_the_days_they_cover(archive_at: Open) -> None:
    archive = await archive_at(FakeImap([kernel("ck/a.bc")]))  # 1 Oct 23:00 to 3 Oct 01:00
    assert len(await keys(archive, table="spice", start_date="20251002", end_date="20251002")) == 1
    assert len(await keys(archive, table="spice", start_date="20251003", end_date="20251003")) == 1
    assert await keys(archive, table="spice", start_date="20251004") == []
    assert await keys(archive, table="spice", end_date="20250930") == []


G1_ROW = "('mag', 'l0', 'burst', '20230112', '20230113', 'v01-{}', 'pkts')"
G1_ANSWER = f"[{G1_ROW.format('01')}, {G1_ROW.format('02')}]"
G1_KEY = "imap/mag/l0/2023/01/imap_mag_l0_burst_20230112_20230113_v01-{}.pkts"


@pytest.mark.parametrize("answer", [text(200, G1_ANSWER), as_json(200, G1_ANSWER), enveloped(200, G1_ANSWER)])
async def test_the_tuples_of_the_first_generation_are_read(archive_at: Open, answer: Answer) -> None:
    found = await search(await archive_at(FakeImap(always=answer)), instrument="mag")
    assert [file.key for file in found] == [G1_KEY.format("01"), G1_KEY.format("02")]
    assert found[0].meta["version"] == "v01-01"


async def test_latest_of_the_first_generation_is_chosen_here(archive_at: Open) -> None:
    archive = await archive_at(FakeImap(always=text(200, G1_ANSWER)))
    assert await keys(archive, instrument="mag", version="latest") == [G1_KEY.format("02")]


@pytest.mark.parametrize(
    "answer",
    [
        enveloped(200, [science()]),
        enveloped(200, json.dumps([science()]), **{"Content-Type": "application/json"}),
        as_json(200, json.dumps([science()])),
        text(200, json.dumps([science()])),
    ],
)
async def test_an_answer_may_come_in_an_envelope_or_as_text(archive_at: Open, answer: Answer) -> None:
    assert await keys(await archive_at(FakeImap(always=answer)), instrument="mag") == in_series([science()])


@pytest.mark.parametrize("answer", [text(200, "[]"), as_json(200, "[]"), enveloped(200, [])])
async def test_nothing_is_an_answer_too(archive_at: Open, answer: Answer) -> None:
    assert await keys(await archive_at(FakeImap(always=answer)), instrument="mag") == []


@pytest.mark.parametrize(
    "answer",
    [
        text(200, "<html><title>Log in</title></html>"),
        as_json(200, {"message": "hello"}),
        as_json(200, [["mag"]]),
        as_json(200, "hello"),
        text(200, "[('mag', 'l0')]"),
        text(200, "[((((((()))))))]"),
        as_json(200, None),
    ],
)
async def test_what_is_no_list_of_records_is_refused(archive_at: Open, answer: Answer) -> None:
    with pytest.raises(errors.Garbled, match="check the URL"):
        await search(await archive_at(FakeImap(always=answer)), instrument="mag")


@pytest.mark.parametrize("path", [None, "", 7])
async def test_a_record_without_a_path_is_refused_by_name(archive_at: Open, path: object) -> None:
    row: Row = {"file_path": path, "instrument": "swapi"}
    with pytest.raises(errors.Rejected, match=r"without a file path: .*swapi"):
        await search(await archive_at(FakeImap(always=as_json(200, [row]))), instrument="mag")


REFUSALS: list[tuple[Answer, type[errors.BulkError], str]] = [
    (as_json(400, "size is not a valid query parameter."), errors.Rejected, "size is not a valid"),
    (as_json(400, "Invalid 'version' value. Use format"), errors.Rejected, "Invalid 'version' value"),
    (lambda: gateway(401, "Unauthorized"), errors.AccessDenied, r"Unauthorized.*IMAP_API_KEY"),
    (lambda: gateway(403, "Forbidden"), errors.AccessDenied, "Forbidden"),
    (lambda: gateway(403, "Missing Authentication Token"), errors.NotFound, "no such endpoint"),
    (lambda: gateway(404, "Not Found"), errors.NotFound, "no such endpoint"),
    (lambda: gateway(429, "Too Many Requests"), errors.Busy, "Too Many Requests"),
    (lambda: gateway(500, "Internal Server Error"), errors.ServerFault, "Internal Server Error"),
    (lambda: gateway(502, "Internal server error"), errors.ServerFault, "Internal server error"),
    (lambda: gateway(503, "Service Unavailable"), errors.Busy, "Service Unavailable"),
    (lambda: gateway(504, "Endpoint request timed out"), errors.ServerFault, "Endpoint request timed out"),
    (enveloped(400, "Invalid mission."), errors.Rejected, "Invalid mission"),
    (enveloped(500, json.dumps({"message": "Oh"})), errors.ServerFault, "Oh"),
    (text(302, "", Location="https://login.example/"), errors.Garbled, "answered 302"),
]


@pytest.mark.parametrize(("answer", "kind", "words"), REFUSALS)
async def test_a_refused_search_is_told_in_the_words_of_the_archive(
    archive_at: Open, answer: Answer, kind: type[errors.BulkError], words: str
) -> None:
    archive = await archive_at(FakeImap(always=answer), retries=0)
    with pytest.raises(kind, match=words) as caught:
        await search(archive, filename="naif0012.tls")
    assert type(caught.value) is kind
    assert "filename=naif0012.tls" in str(caught.value)


async def test_an_empty_search_without_a_key_has_a_hint(archive_at: Open) -> None:
    assert "IMAP_API_KEY" in str((await archive_at(FakeImap())).hint_when_empty())
    assert (await archive_at(FakeImap(), api_key=SECRET)).hint_when_empty() is None
    assert (await archive_at(FakeImap(), access_token=SECRET)).hint_when_empty() is None


# Files that are named without a search


# Signing downloads


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_location_is_taken_byte_for_byte(archive_at: Open, status: int) -> None:
    signed = await download(await archive_at(FakeImap(always=redirect(SIGNED, status))))
    assert signed == SignedUrl("GET", SIGNED, expires_at=EXPIRES_AT)


async def test_a_redirect_in_an_envelope_is_one(archive_at: Open) -> None:
    answer = enveloped(302, {"download_url": SIGNED}, location=SIGNED)
    assert (await download(await archive_at(FakeImap(always=answer)))).url == SIGNED


async def test_a_url_that_does_not_say_when_it_expires_is_fine(archive_at: Open) -> None:
    assert (await download(await archive_at(FakeImap(always=redirect(STORAGE))))).expires_at is None


async def test_a_key_is_percent_encoded_and_keeps_its_slashes(archive_at: Open) -> None:
    fake = FakeImap(always=redirect(SIGNED))
    async with await archive_at(fake, api_key=SECRET) as archive:
        await archive.sign_download(replace(FILE, key="imap/a b/../%2e?#ä~.cdf"))
    assert fake.asked[0].path == "/api-key/download/imap/a%20b/../%252e%3F%23%C3%A4~.cdf"


async def test_a_404_for_what_was_just_listed_is_doubted(archive_at: Open) -> None:
    archive = await archive_at(FakeImap(rows=[science()]))
    async with archive:
        async for file in archive.search(ImapQuery.of(instrument="swe,mag,glows")):
            with pytest.raises(errors.Vanished, match="has listed it"):
                await archive.sign_download(Transfer(Direction.PULL, file.key, Path(file.name)))
            return
    pytest.fail("nothing was listed")


@pytest.mark.parametrize("location", ["s3://sds-data/imap/swe/x.pkts", "/relative", "", "https://", "x?secret=1"])
async def test_a_location_that_leads_nowhere_is_refused(archive_at: Open, location: str) -> None:
    with pytest.raises((errors.Rejected, errors.Garbled), match="is no http") as caught:
        await download(await archive_at(FakeImap(always=redirect(location))))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            text(404, "File not found, make sure you include the full path"),
            errors.NotFound,
            "File not found, make",
        ),
        (
            text(403, f"The file {KEY} is not a part of a public release yet."),
            errors.AccessDenied,
            "public release",
        ),
        (text(400, "No file requested for download."), errors.Rejected, "No file requested"),
        (lambda: gateway(401, "Unauthorized"), errors.AccessDenied, "Unauthorized"),
        (lambda: gateway(429, "Too Many Requests"), errors.Busy, "Too Many Requests"),
        (lambda: gateway(500, "Internal Server Error"), errors.ServerFault, "Internal Server Error"),
        (lambda: gateway(503, "Service Unavailable"), errors.Busy, "Service Unavailable"),
        (text(200, "<html><title>Log in</title></html>"), errors.Garbled, "Log in"),
        (enveloped(404, "File not found, make sure"), errors.NotFound, "File not found"),
    ],
)
async def test_a_refused_download_is_told_in_the_words_of_the_archive(
    archive_at: Open, answer: Answer, kind: type[errors.BulkError], words: str
) -> None:
    fake = FakeImap(always=answer)
    with pytest.raises(kind, match=words) as caught:
        await download(await archive_at(fake))
    assert type(caught.value) is kind
    assert NAME in str(caught.value)
    assert len(fake.asked) == 1  # the engine retries the whole attempt


# Signing uploads


@pytest.mark.parametrize(
    "answer", [as_json(200, SIGNED), text(200, SIGNED), text(200, json.dumps(SIGNED)), enveloped(200, SIGNED)]
)
async def test_an_upload_url_comes_as_a_string(archive_at: Open, answer: Answer) -> None:
    fake = FakeImap(always=answer)
    signed = await upload(await archive_at(fake, api_key=SECRET))
    assert signed == SignedUrl("PUT", SIGNED, expires_at=EXPIRES_AT)
    assert fake.asked[0].path == f"/api-key/upload/{NAME}"


async def test_a_signed_tag_is_sent_empty(archive_at: Open) -> None:
    url = SIGNED.replace("SignedHeaders=host", "SignedHeaders=host%3Bx-amz-tagging")
    signed = await upload(await archive_at(FakeImap(always=as_json(200, url)), api_key=SECRET))
    assert signed == SignedUrl("PUT", url, {"x-amz-tagging": ""}, EXPIRES_AT)


async def test_other_signed_headers_are_refused_by_name(archive_at: Open) -> None:
    url = SIGNED.replace("SignedHeaders=host", "SignedHeaders=content-md5;host;x-amz-meta-a")
    with pytest.raises(errors.Rejected, match="content-md5, x-amz-meta-a"):
        await upload(await archive_at(FakeImap(always=as_json(200, url)), api_key=SECRET))


@pytest.mark.parametrize(
    "answer",
    [
        text(200, "<html><title>Log in</title></html>"),
        as_json(200, {"url": SIGNED}),
        as_json(200, "s3://bucket/x"),
        as_json(200, None),
        text(200, f"{SIGNED}\n<html>"),
    ],
)
async def test_an_answer_that_is_no_url_is_refused(archive_at: Open, answer: Answer) -> None:
    with pytest.raises((errors.Rejected, errors.Garbled), match="is no http"):
        await upload(await archive_at(FakeImap(always=answer), api_key=SECRET))


EXISTS = {"error": "FileAlreadyExists", "message": f"The file '{KEY}' already exists. Rename it or remove"}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (as_json(409, f"{KEY} already exists."), errors.AlreadyArchived, f"{KEY} already exists"),
        (as_json(409, EXISTS), errors.AlreadyArchived, "already exists. Rename it"),
        (enveloped(409, f"{KEY} already exists."), errors.AlreadyArchived, "already exists"),
        (
            as_json(403, "Upload access denied. Your API key has read-only permissions."),
            errors.AccessDenied,
            "read-only",
        ),
        (lambda: gateway(403, "Forbidden"), errors.AccessDenied, "Forbidden"),
        (lambda: gateway(404, "Not Found"), errors.NotFound, "no such endpoint"),
        (text(400, "Invalid data level l9. Please choose from {'l0'} \n"), errors.Rejected, "Invalid data level"),
        (as_json(400, "error: NAME does not match ancillary"), errors.Rejected, "does not match ancillary"),
        (lambda: gateway(503, "Service Unavailable", Retry_After="7"), errors.Busy, "Service Unavailable"),
    ],
)
async def test_a_refused_upload_is_told_in_the_words_of_the_archive(
    archive_at: Open, answer: Answer, kind: type[errors.BulkError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        await upload(await archive_at(FakeImap(always=answer), api_key=SECRET))
    assert type(caught.value) is kind
    assert getattr(caught.value, "retry_after", 7) == 7
    assert NAME in str(caught.value)


async def test_an_upload_without_a_key_says_that_production_wants_one(archive_at: Open) -> None:
    with pytest.raises(errors.AccessDenied, match="only under an API key"):
        await upload(await archive_at(FakeImap()))


# Looking at what came


@pytest.mark.parametrize(
    "head",
    [
        b"<!DOCTYPE html><html>", b"\n <html lang=en>", b"\xef\xbb\xbf<HTML>", b"<!-- x --><!doctype HTML>",
        b"<Error><Code>NoSuchKey</Code>", b'<?xml version="1.0" encoding="UTF-8"?>\n<Error>',
    ],
)  # fmt: skip
def test_a_page_in_place_of_a_file_is_refused(tmp_path: Path, head: bytes) -> None:
    part = tmp_path / "part"
    part.write_bytes(head + b" " * 4096)
    with pytest.raises(errors.Garbled, match="in place of the file"):
        ImapArchive("https://api.example").accept(FILE, part)


@pytest.mark.parametrize(
    ("key", "head"),
    [
        (KEY, b""),
        (KEY, b"\x08\x2a\xc0\x00<html>"),
        (KEY, b"<htmlish"),
        ("imap/spice/lsk/naif0012.tls", b"KPL/LSK\n"),
        ("a/report.html", b"<!doctype html>"),
        ("a/report.xml", b"<Error>"),
        ("a/model.xml", b'<?xml version="1.0"?><model/>'),
    ],
)
def test_a_file_that_may_be_one_is_accepted(tmp_path: Path, key: str, head: bytes) -> None:
    part = tmp_path / "part"
    part.write_bytes(head)
    ImapArchive("https://api.example", settings=Settings()).accept(replace(FILE, key=key), part)
