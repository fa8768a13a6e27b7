"""The border: what aiohttp raises and what servers say becomes one of our errors."""

import json
import ssl
import time

import aiohttp
import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pytest_aiohttp.plugin import AiohttpServer

from imap_bulk import errors, http
from imap_bulk.http import Reply
from imap_bulk.settings import Settings
from imap_bulk.transport.api import ApiSession
from imap_bulk.transport.general import border


def xml(code: str, message: str) -> bytes:
    return f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.Rejected),
        (401, errors.AccessDenied),
        (403, errors.AccessDenied),
        (404, errors.NotFound),
        (408, errors.ServerFault),
        (409, errors.AlreadyArchived),
        (418, errors.Rejected),
        (429, errors.Busy),
        (500, errors.ServerFault),
        (502, errors.ServerFault),
        (503, errors.Busy),
        (504, errors.ServerFault),
        (599, errors.Rejected),
    ],
)
def test_an_api_status_has_one_meaning(status: int, error: type[errors.BulkError]) -> None:
    assert type(http.api_error(Reply(status, {}, b"why"), "a file")) is error


@pytest.mark.parametrize(
    ("status", "code", "error", "remedy"),
    [
        (403, "InvalidAccessKeyId", errors.AccessDenied, "check AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", errors.AccessDenied, "AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", errors.AccessDenied, "what that key may do"),
        (400, "ExpiredToken", errors.AccessDenied, "set AWS_SESSION_TOKEN"),
        (400, "InvalidToken", errors.AccessDenied, "set AWS_SESSION_TOKEN"),
        (400, "AuthorizationHeaderMalformed", errors.AccessDenied, "set AWS_REGION"),
        (301, "PermanentRedirect", errors.AccessDenied, "set AWS_REGION"),
        (403, "RequestTimeTooSkewed", errors.Rejected, "set this machine's clock"),
        (404, "NoSuchBucket", errors.NotFound, "make the bucket"),
        (400, "BadDigest", errors.Interrupted, "damaged on the way"),
        (400, "RequestTimeout", errors.Stalled, ""),
        (500, "InternalError", errors.ServerFault, ""),
        (503, "SlowDown", errors.Busy, ""),
        (400, "EntityTooLarge", errors.Rejected, ""),
    ],
)
def test_a_bucket_that_refuses_our_own_key_is_told_with_the_remedy(
    status: int, code: str, error: type[errors.BulkError], remedy: str
) -> None:
    told = http.bucket_error(status, {}, xml(code, "no"), "s3://bucket")
    assert (type(told), remedy in str(told)) == (error, True)
    assert str(told).startswith(f"s3://bucket: storage answered {status}: {code} no")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, xml("AccessDenied", "Request has expired"), errors.UrlExpired),
        (400, xml("AccessDenied", "The difference between the request time and …"), errors.UrlExpired),
        (400, xml("ExpiredToken", "The provided token has expired."), errors.UrlExpired),
        (403, xml("SignatureDoesNotMatch", "The request signature …"), errors.UrlExpired),
        (
            403,
            xml("AccessDenied", "There were headers present in the request which were not signed"),
            errors.Rejected,
        ),
        (403, xml("RequestTimeTooSkewed", "The difference …"), errors.Rejected),
        (404, xml("NoSuchKey", "The specified key does not exist."), errors.Vanished),
        (400, xml("BadDigest", "The Content-MD5 …"), errors.DigestMismatch),
        (400, xml("RequestTimeout", "Your socket connection …"), errors.Stalled),
        (400, xml("EntityTooLarge", "Your proposed upload …"), errors.Rejected),
        (503, xml("SlowDown", "Please reduce your request rate."), errors.Busy),
        (500, xml("InternalError", "We encountered …"), errors.ServerFault),
        (502, b"<html><title>Bad Gateway</title></html>", errors.ServerFault),
    ],
)
def test_storage_errors_are_told_apart(status: int, body: bytes, error: type[errors.BulkError]) -> None:
    assert type(http.storage_error(status, {}, body, "a file")) is error


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, errors.NotFound),
        (500, errors.Rejected),
        (400, errors.Rejected),
        (401, errors.AccessDenied),
        (403, errors.AccessDenied),
        (429, errors.Busy),
        (502, errors.ServerFault),
        (503, errors.Busy),
    ],
)
@pytest.mark.parametrize("name", ["exception", "error"])
def test_an_archive_that_sends_its_files_itself_speaks_for_itself(
    status: int, name: str, error: type[errors.BulkError]
) -> None:
    document = json.dumps({name: "OSError", "message": "Image Not Found"}).encode()
    found = http.storage_error(status, {}, document, "a file")
    assert type(found) is error
    assert str(found) == f"a file: the archive answered {status}: OSError: Image Not Found"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"message": "x"}', b'{"error": "x"}', b'{"error": {}, "message": "x"}', b"<Error/>"],
)
def test_what_explains_nothing_is_no_error_document(body: bytes) -> None:
    assert http.error_document(body) is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (json.dumps("imap/x already exists."), "imap/x already exists."),
        (json.dumps({"message": "Forbidden"}), "Forbidden"),
        (json.dumps({"error": "FileAlreadyExists", "message": "The file exists."}), "The file exists."),
        ("Invalid mission X. \nInvalid date. \n", "Invalid mission X. Invalid date."),
        ("<!DOCTYPE html><title>Sign in</title>", "a web page titled 'Sign in'"),
        ("https://host/x?X-Amz-Signature=secret", "https://host/x?…"),
    ],
)
def test_the_servers_own_words_are_repeated_in_one_line(body: str, words: str) -> None:
    assert Reply(400, {}, body.encode()).words == words


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1000000000", 1e9),
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2020 07:28:00 GMT", 0.0),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_on_the_servers_clock(header: str, seconds: float | None) -> None:
    headers = {"Retry-After": header, "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert http.retry_after(headers) == seconds


@given(st.text(), st.text())
def test_no_retry_after_makes_us_fail(header: str, date: str) -> None:
    seconds = http.retry_after({"Retry-After": header, "Date": date})
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (aiohttp.ServerTimeoutError(), errors.Stalled),
        (TimeoutError(), errors.Stalled),
        (aiohttp.ServerDisconnectedError(), errors.Interrupted),
        (aiohttp.ClientPayloadError(), errors.Interrupted),
        (ConnectionResetError(), errors.Interrupted),
        (aiohttp.InvalidURL("x"), errors.Rejected),
    ],
)
def test_what_aiohttp_raises_becomes_ours(raised: Exception, error: type[errors.BulkError]) -> None:
    with pytest.raises(error), border("asking"):
        raise raised


def test_a_full_disk_is_no_network_fault() -> None:
    with pytest.raises(OSError, match="No space"), border("downloading"):
        raise OSError(28, "No space left on device")


def test_a_login_page_is_no_json() -> None:
    page = Reply(200, {}, b"<html><title>Sign in</title></html>")
    with pytest.raises(errors.Garbled, match="login page"):
        http.decode_json(page, "the query")


@pytest.mark.parametrize("body", [b'["\\ud800"]', b'{"\\uDBFF": 1}', b'["\xed\xa0\x80"]'])
def test_half_a_character_is_no_answer(body: bytes) -> None:
    with pytest.raises(errors.Garbled):
        http.decode_json(Reply(200, {}, body), "the query")
    assert http.decode_json(Reply(200, {}, b'["\\ud83d\\ude80", "\\\\ud800"]'), "x") == ["\U0001f680", "\\ud800"]


async def test_a_certificate_that_nobody_trusts_says_where_to_name_a_ca_bundle(
    aiohttp_server: AiohttpServer,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(context)
    server = await aiohttp_server(web.Application(), ssl=context)
    async with ApiSession(f"https://localhost:{server.port}", {}, Settings()) as session:
        with pytest.raises(errors.Rejected, match="SSL_CERT_FILE"):
            await session.get("/query")


@pytest.mark.parametrize("date", ["Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 -0000"])
def test_a_date_without_a_zone_is_of_greenwich(monkeypatch: pytest.MonkeyPatch, date: str) -> None:
    monkeypatch.setenv("TZ", "America/Denver")
    time.tzset()
    try:
        assert http.unix_time(date) == 784111777.0  # RFC 9110 5.6.7 has asctime understood as well
    finally:
        monkeypatch.undo()
        time.tzset()
