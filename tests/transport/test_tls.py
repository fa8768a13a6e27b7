"""TLS below a lean connection: every byte once and in order, and only an end that was announced is the end."""

import asyncio
import itertools
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transport.peer import Peer, talking
from tests.transport.wire import MIB, answer, body_of, both_tls, collect, drained, serving

from imap_bulk import errors
from imap_bulk.transport import BeginSurge, Request, Response
from imap_bulk.transport.tls import client_context, secure

UNMEASURED = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"

Receive = Callable[[Response], Awaitable[bytes]]


# --- every byte, once and in order


@settings(deadline=None, max_examples=60)
@given(
    body=st.binary(max_size=40_000),
    records=st.lists(st.integers(1, 16_384), max_size=8),
    cuts=st.lists(st.integers(1, 6_000), max_size=24),
    tls=st.sampled_from([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]),
    receive=st.sampled_from([body_of, drained]),
)
def test_records_and_packets_may_end_anywhere(
    body: bytes, records: list[int], cuts: list[int], tls: ssl.TLSVersion, receive: Receive
) -> None:
    stream = answer(body)
    ends = [0, *(end for end in itertools.accumulate(records) if end < len(stream)), len(stream)]

    async def talk(peer: Peer) -> None:
        for _ in range(2):
            await peer.request()
            await peer.send(peer.sealed(*(stream[start:end] for start, end in itertools.pairwise(ends))))

    async def fetch_twice() -> None:
        async with talking(talk, tls, cuts) as (lane, request):
            assert await receive(await lane.send(request)) == body
            assert await receive(await lane.send(request)) == body

    asyncio.run(fetch_twice())


@both_tls
async def test_a_long_body_goes_out_whole(tls: ssl.TLSVersion) -> None:
    chunks = [bytes([number]) * 250_007 for number in range(80)]

    async def body(_: BeginSurge) -> AsyncGenerator[bytes, None]:
        for chunk in chunks:
            yield chunk

    sent = b"".join(chunks)
    async with serving(answer(), tls=tls) as (server, lane):
        await body_of(await lane.send(server.request(method="PUT", body=body, size=len(sent))))
        assert server.bodies == [sent]


class Reader(asyncio.BufferedProtocol):
    """Reads ten bytes at a time, and does `then`."""

    def __init__(self, then: Callable[["Reader"], None]) -> None:
        self.then = then
        self.received = bytearray()
        self.buffer = memoryview(bytearray(10))
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.received += self.buffer[:nbytes]
        self.then(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(exc)

    async def read(self, request: Request) -> Exception | None:
        """Connect, and read until the connection ends; return why it did."""
        sock = socket.create_connection(("127.0.0.1", urlsplit(request.url).port or 0))
        sock.setblocking(False)
        await secure(sock, client_context(), "127.0.0.1", self)
        async with asyncio.timeout(2):
            return await self.lost


async def test_what_a_paused_reader_was_not_given_it_gets_when_it_goes_on() -> None:
    def then(reader: Reader) -> None:
        reader.transport.pause_reading()
        reader.transport.resume_reading()
        reader.transport.pause_reading()  # of these, the last one counts
        asyncio.get_running_loop().call_soon(reader.transport.resume_reading)

    content = bytes(range(250)) * 4

    async def talk(peer: Peer) -> None:
        await peer.send(peer.sealed(content[:505], content[505:]) + peer.close_notify())
        await peer.silence()

    async with talking(talk) as (_, request):
        reader = Reader(then)
        assert await reader.read(request) is None
        assert reader.received == content


async def test_a_reader_that_fails_when_it_goes_on_loses_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    def then(reader: Reader) -> None:
        if len(reader.received) > 10:
            raise ZeroDivisionError
        reader.transport.pause_reading()
        asyncio.get_running_loop().call_soon(reader.transport.resume_reading)

    async def talk(peer: Peer) -> None:
        await peer.send(peer.sealed(bytes(100)))
        await peer.silence()

    async with talking(talk) as (_, request):
        assert isinstance(await Reader(then).read(request), ZeroDivisionError)
    assert "ZeroDivisionError" in caplog.text


# --- ends


@both_tls
@pytest.mark.parametrize("size", [0, 4, 3 * MIB])
async def test_a_body_without_a_length_ends_where_the_other_side_says_so(tls: ssl.TLSVersion, size: int) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(peer.sealed(UNMEASURED, b"x" * size) + peer.close_notify())
        await peer.silence()

    async with talking(talk, tls) as (lane, request):
        assert await body_of(await lane.send(request)) == b"x" * size


@both_tls
async def test_a_body_without_a_length_that_is_cut_off_is_not_whole(tls: ssl.TLSVersion) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(peer.sealed(UNMEASURED, b"body"))

    async with talking(talk, tls) as (lane, request):
        with pytest.raises(errors.Interrupted, match="before the body did"):
            await body_of(await lane.send(request))


async def test_an_end_within_a_record_is_not_the_end_of_the_body() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(peer.sealed(UNMEASURED, b"body")[:-1])

    async with talking(talk) as (lane, request):
        with pytest.raises(errors.Interrupted, match="before the body did"):
            await body_of(await lane.send(request))


@both_tls
@pytest.mark.parametrize("is_announced", [True, False])
async def test_what_came_before_an_end_is_handed_over_first(tls: ssl.TLSVersion, is_announced: bool) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(peer.sealed(answer(b"half", length=8)) + (peer.close_notify() if is_announced else b""))

    async with talking(talk, tls) as (lane, request):
        with await lane.send(request) as response:
            assert bytes(await response.piece()) == b"half"
            with pytest.raises(errors.Interrupted, match="before the body did"):
                await response.piece()


@both_tls
@pytest.mark.parametrize("is_announced", [True, False])
async def test_an_end_that_a_thread_meets_is_met_by_the_loop(tls: ssl.TLSVersion, is_announced: bool) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(peer.sealed(answer(b"", length=2 * MIB)))
        await peer.send(peer.sealed(bytes(MIB)) + (peer.close_notify() if is_announced else b""))

    async with talking(talk, tls) as (lane, request):
        with pytest.raises(errors.Interrupted, match="before the body did"):
            await drained(await lane.send(request))


@both_tls
@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_connection_that_ended_while_it_was_idle_is_replaced_without_a_word(
    tls: ssl.TLSVersion, is_announced: bool
) -> None:
    bodies = [b"1", b"2"]

    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(peer.sealed(answer(bodies.pop(0))) + (peer.close_notify() if is_announced else b""))

    async with talking(talk, tls) as (lane, request):
        assert await body_of(await lane.send(request)) == b"1"
        assert await body_of(await lane.send(request)) == b"2"


# --- what is damaged on the way


@both_tls
@pytest.mark.parametrize("floods", [False, True])
async def test_of_a_damaged_record_nothing_is_handed_over(tls: ssl.TLSVersion, floods: bool) -> None:
    taken = bytearray()

    async def talk(peer: Peer) -> None:
        await peer.request()
        sound = peer.sealed(answer(b"x" * MIB, length=3 * MIB))
        damaged = bytearray(peer.sealed(b"y" * MIB))
        damaged[len(damaged) // 2] ^= 1
        await peer.send(sound + damaged + peer.sealed(b"z" * MIB))
        await peer.silence()

    async with talking(talk, tls) as (lane, request):
        with pytest.raises(errors.Interrupted, match="before the body did"):
            await collect(await lane.send(request), taken, floods=floods)
    assert taken.startswith(b"x" * MIB)
    assert set(taken[MIB:]) <= set(b"y")
    assert len(taken) < 2 * MIB


async def test_damage_behind_the_end_is_no_harm_to_the_body() -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        whole, damaged = peer.sealed(answer()), bytearray(peer.sealed(b"more"))
        damaged[-1] ^= 1
        await peer.send(whole + damaged)
        await peer.silence()

    async with talking(talk) as (lane, request):
        assert await body_of(await lane.send(request)) == b"body"
        assert await body_of(await lane.send(request)) == b"body"
