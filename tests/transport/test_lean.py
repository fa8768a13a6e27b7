"""The lean lane on a bare socket: what it sends, which connections it uses again, and what it makes of answers."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.transport.wire import MIB, SETTINGS, answer, body_of, plain_and_tls, server_context, serving

from imap_bulk import errors
from imap_bulk.transport import BeginSurge, Request, read
from imap_bulk.transport.buffers import HEAD_BYTES, PIECE_BYTES
from imap_bulk.transport.guard import OPEN
from imap_bulk.transport.lean import LeanLane
from imap_bulk.transport.origin import split

# --- what goes out


async def test_the_target_goes_out_byte_for_byte() -> None:
    async with serving(answer()) as (server, lane):
        await body_of(await lane.send(server.request("/a%7Eb/%2f?X=%2B+1&y#part")))
        assert server.heads[0].startswith("GET /a%7Eb/%2f?X=%2B+1&y HTTP/1.1\r\n")
        assert f"\r\nHost: 127.0.0.1:{server.port}\r\n" in server.heads[0]
        assert "\r\nUser-Agent: test\r\n" in server.heads[0]


@pytest.mark.parametrize("url", ["/a b", "/a\r\nX: y", "/a\x00", "/ä"])
async def test_what_would_break_a_request_is_not_sent(url: str) -> None:
    async with serving(answer()) as (server, lane):
        with pytest.raises(errors.Rejected):
            await lane.send(server.request(url))
        with pytest.raises(errors.Rejected):
            await lane.send(server.request(headers={"X-Tag": "a\r\nX-Other: b"}))
        assert server.heads == []


@plain_and_tls
async def test_a_body_goes_out_under_its_length(tls: ssl.TLSVersion | None) -> None:
    async def body(_: BeginSurge) -> AsyncGenerator[bytes, None]:
        yield b"one"
        yield b"two" * MIB

    async with serving(answer(), tls=tls) as (server, lane):
        size = 3 + 3 * MIB
        await body_of(await lane.send(server.request(method="PUT", body=body, size=size)))
        assert server.bodies == [b"one" + b"two" * MIB]


@plain_and_tls
async def test_a_refusal_is_heard_though_the_connection_broke_before_it_was_read(
    tls: ssl.TLSVersion | None,
) -> None:
    has_refused = threading.Event()

    async def body(_: BeginSurge) -> AsyncGenerator[bytes, None]:
        yield b"first"
        await asyncio.sleep(0)  # sent; from here on the loop reads nothing until it has met the break
        assert has_refused.wait(5)
        yield bytes(MIB)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as executor:
        refusing = executor.submit(refuse_and_reset, listening, tls, has_refused)
        url = f"{'https' if tls else 'http'}://127.0.0.1:{listening.getsockname()[1]}/x"
        async with LeanLane(SETTINGS, {}, OPEN) as lane:
            with await lane.send(Request("PUT", url, {}, body, 5 + MIB)) as response:
                assert (response.status, await read(response, 10)) == (403, b"no")
        refusing.result()


def refuse_and_reset(listening: socket.socket, tls: ssl.TLSVersion | None, has_refused: threading.Event) -> None:
    """Read the beginning of a request, refuse it, and reset the connection, so that the rest cannot be sent."""
    accepted, _ = listening.accept()
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else the reset overtakes the refusal
    sock = server_context(tls).wrap_socket(accepted, server_side=True) if tls else accepted
    with sock:
        received = b""
        while not received.endswith(b"first"):
            received += sock.recv(1 << 16)
        sock.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    has_refused.set()


async def test_a_body_that_ends_too_soon_is_a_failure() -> None:
    async def body(_: BeginSurge) -> AsyncGenerator[bytes, None]:
        yield b"one"

    async with serving(answer()) as (server, lane):
        with pytest.raises(errors.Interrupted, match="ended too soon"):
            await lane.send(server.request(method="PUT", body=body, size=4))


async def test_what_the_body_raises_is_raised() -> None:
    async def body(_: BeginSurge) -> AsyncGenerator[bytes, None]:
        yield b"one"
        raise errors.SourceChanged("it changed")

    async with serving(answer()) as (server, lane):
        with pytest.raises(errors.SourceChanged):
            await lane.send(server.request(method="PUT", body=body, size=6))


# --- which connections are used again


@plain_and_tls
async def test_a_connection_is_used_again(tls: ssl.TLSVersion | None) -> None:
    async with serving(answer(b"1"), answer(b"2"), answer(b"3"), tls=tls) as (server, lane):
        assert [await body_of(await lane.send(server.request())) for _ in range(3)] == [b"1", b"2", b"3"]
        assert server.connections == 1


@plain_and_tls
async def test_a_connection_that_was_closed_meanwhile_is_replaced_without_a_word(
    tls: ssl.TLSVersion | None,
) -> None:
    async with serving(answer(b"1"), None, answer(b"2"), tls=tls) as (server, lane):
        assert await body_of(await lane.send(server.request())) == b"1"
        assert await body_of(await lane.send(server.request())) == b"2"
        assert server.connections == 2


async def test_a_server_that_closes_every_connection_is_a_failure() -> None:
    async with serving(None, None) as (server, lane):
        with pytest.raises(errors.Interrupted):
            await lane.send(server.request())
        assert server.connections == 1


@plain_and_tls
@pytest.mark.parametrize(
    "first",
    [
        answer(b"body and more", length=4),
        answer(b"body", Connection="close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_a_connection_in_doubt_is_not_used_again(first: bytes, tls: ssl.TLSVersion | None) -> None:
    async with serving(first, answer(b"next"), tls=tls) as (server, lane):
        assert await body_of(await lane.send(server.request())) == b"body"
        assert await body_of(await lane.send(server.request())) == b"next"
        assert server.connections == 2


async def test_a_body_that_was_not_read_takes_its_connection_along() -> None:
    async with serving(answer(bytes(MIB)), answer(b"next")) as (server, lane):
        (await lane.send(server.request())).close()
        assert await body_of(await lane.send(server.request())) == b"next"
        assert server.connections == 2


# --- what comes back


@plain_and_tls
@pytest.mark.parametrize("size", [0, 1, HEAD_BYTES - 200, HEAD_BYTES, PIECE_BYTES, 3 * PIECE_BYTES + 1])
async def test_a_body_of_any_length_comes_whole(size: int, tls: ssl.TLSVersion | None) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    async with serving(answer(content[:size]), answer(b"next"), tls=tls) as (server, lane):
        assert await body_of(await lane.send(server.request())) == content[:size]
        assert await body_of(await lane.send(server.request())) == b"next"
        assert server.connections == 1


@plain_and_tls
@pytest.mark.parametrize("content", [b"", b"body"])
async def test_a_body_that_is_here_already_is_handed_over_at_once(
    content: bytes, tls: ssl.TLSVersion | None
) -> None:
    async with serving(answer(content), answer(b"next"), tls=tls) as (server, lane):
        with await lane.send(server.request()) as response:
            assert response.at_hand() == content
            assert await response.piece() == b""
        assert await body_of(await lane.send(server.request())) == b"next"
        assert server.connections == 1


@pytest.mark.parametrize(
    "half",
    [
        answer(b"half", length=8),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhalf",
    ],
)
async def test_of_a_body_that_is_not_all_here_nothing_is_handed_over_at_once(half: bytes) -> None:
    async with serving(half, None) as (server, lane):
        with await lane.send(server.request()) as response:
            assert response.at_hand() is None
            assert bytes(await response.piece()) == b"half"


async def test_a_body_in_chunks_comes_whole() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n" * 3 + b"0\r\n\r\n"
    async with serving(chunked, answer(b"next")) as (server, lane):
        assert await body_of(await lane.send(server.request())) == b"hello" * 3
        assert await body_of(await lane.send(server.request())) == b"next"
        assert server.connections == 1


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async with serving(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbody", None) as (server, lane):
        response = await lane.send(server.request())
        with response, pytest.raises(errors.Stalled):  # this one never closes
            await read(response, MIB)


async def test_what_came_before_a_cut_is_handed_over_first() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"half", length=8))
        writer.close()

    listening = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with LeanLane(SETTINGS, {}, OPEN) as lane:
        with await lane.send(Request("GET", f"http://127.0.0.1:{port}/x")) as response:
            assert bytes(await response.piece()) == b"half"
            with pytest.raises(errors.Interrupted, match="before the body did"):
                await response.piece()
    listening.close()


async def test_headers_are_found_in_any_case_and_repeated_ones_are_a_list() -> None:
    raw = b'HTTP/1.1 200 OK\r\nETag: "1"\r\nx-twice: a\r\nX-Twice: b\r\ncontent-length: 0\r\n\r\n'
    async with serving(raw) as (server, lane):
        with await lane.send(server.request()) as response:
            assert response.headers.get("etag") == response.headers["ETAG"] == '"1"'
            assert response.headers.get("X-TWICE") == "a, b"
            assert "Etag" in response.headers
            assert response.headers.get("X-None") is None


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES,
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100,
    ],
)
async def test_an_answer_that_is_no_answer_is_a_passing_failure(nonsense: bytes) -> None:
    async with serving(nonsense) as (server, lane):
        with pytest.raises(errors.TransientError):
            await body_of(await lane.send(server.request()))


async def test_an_interim_answer_is_skipped() -> None:
    async with serving(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer(b"body")) as (server, lane):
        assert await body_of(await lane.send(server.request())) == b"body"


async def test_silence_is_given_up() -> None:
    async with serving(answer(b"half", length=8)) as (server, lane):
        with await lane.send(server.request()) as response, pytest.raises(errors.Stalled, match="silent"):
            await read(response, MIB)


async def test_a_head_that_drips_is_given_up() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for byte in b"HTTP/1.1 200 OK\r\n" * 20:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with LeanLane(SETTINGS, {}, OPEN) as lane:
        with pytest.raises(errors.Stalled):
            await lane.send(Request("GET", f"http://127.0.0.1:{port}/x"))
    listening.close()


# --- addresses


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("http://h:1/a/b?x=/y", ("http://h:1", "/a/b?x=/y")),
        ("http://h?x=1/2", ("http://h", "/?x=1/2")),
        ("https://h", ("https://h", "/")),
        ("https://h/#part", ("https://h", "/")),
        ("https://[::1]:8/a#b?c", ("https://[::1]:8", "/a")),
    ],
)
def test_a_url_is_cut_into_origin_and_target(url: str, parts: tuple[str, str]) -> None:
    assert split(url) == parts


@given(st.text())
def test_no_url_brings_a_second_line_into_a_request(url: str) -> None:
    try:
        base, target = split(url)
    except errors.Rejected:
        return
    assert (base + target).isprintable()
    assert " " not in base + target
