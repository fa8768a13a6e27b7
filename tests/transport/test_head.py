"""Heads of answers: those of the usual form are read line by line, and mean what the parser takes them for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.transport.head import Head, Unreadable

USUAL = (
    b'HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length: 5\r\nETag: "ab"\r\nConnection: keep-alive\r\n'
    b"X-Empty:\r\nX-Latin: caf\xe9 au lait\r\n\r\n"
)

NAMES = st.sampled_from(
    [
        b"Content-Length",
        b"content-length",
        b"Connection",
        b"Transfer-Encoding",
        b"Upgrade",
        b"ETag",
        b"X-A",
        b"x a",
        b"",
    ]
)
VALUES = st.one_of(
    st.sampled_from([b"5", b"0", b"+5", b"5, 5", b"close", b"Keep-Alive", b"chunked", b'"ab"', b" a\tb ", b""]),
    st.binary(max_size=6),
)
LINES = st.builds(
    lambda name, colon, value: name + colon + value, NAMES, st.sampled_from([b":", b": ", b" :", b""]), VALUES
)
STATUSES = st.sampled_from(
    [b"200 OK", b"302 Found", b"503 ", b"404", b"204 No", b"100 Wait", b"20x OK", b"999 Odd"]
)
STATUS_LINES = STATUSES.map(b"HTTP/1.1 ".__add__) | st.sampled_from([b"HTTP/1.0 200 OK", b"ICY 200 OK"])


def told(*pieces: bytes) -> tuple[object, ...] | None:
    """Tell what a head says, read in these pieces; None if it is no head."""
    head = Head()
    try:
        for piece in pieces:
            head.read(memoryview(piece))
    except Unreadable:
        return None
    return head.status, dict(head.headers), head.keeps_connection, head.length, head.is_chunked


def by_the_parser(head: bytes) -> tuple[object, ...] | None:
    """Tell what the parser makes of it: a head that does not come whole is not of the usual form."""
    return told(head[:9], head[9:])


def test_a_usual_head_tells_status_fields_length_and_that_the_connection_goes_on() -> None:
    fields = {
        "server": "nginx",
        "content-length": "5",
        "etag": '"ab"',
        "connection": "keep-alive",
        "x-empty": "",
        "x-latin": "caf\xe9 au lait",
    }
    assert told(USUAL) == by_the_parser(USUAL) == (200, fields, True, 5, False)


@given(STATUS_LINES, st.lists(LINES, max_size=5))
def test_any_head_means_what_the_parser_takes_it_for(status_line: bytes, lines: list[bytes]) -> None:
    head = b"\r\n".join([status_line, *lines, b"Content-Length: 5", b"", b""])
    assert told(head) == by_the_parser(head)


@pytest.mark.parametrize(
    "line",
    [
        b"Connection: close",
        b"Connection: upgrade",
        b"Transfer-Encoding: chunked",
        b"Content-Length: 6",
        b" folded",
        b"x: \0",
    ],
)
def test_a_head_with_an_unusual_line_means_what_the_parser_takes_it_for(line: bytes) -> None:
    head = USUAL.replace(b"X-Empty:", line)
    assert told(head) == by_the_parser(head)
