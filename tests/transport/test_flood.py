"""Bodies that a thread receives: every byte once and in order, and nothing of the next answer."""

import asyncio
import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.transport.wire import MIB, answer, body_of, drained, plain_and_tls, serving

from imap_bulk import errors
from imap_bulk.engine.pace import Paces
from imap_bulk.engine.pace.pace import Pace, Turn
from imap_bulk.engine.paced import PacedTransport
from imap_bulk.model import SignedUrl
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport
from imap_bulk.transport.buffers import MARGIN_BYTES, PIECE_BYTES
from imap_bulk.transport.flood import Flood


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def flooding(ours: socket.socket, buffer: memoryview, start: int, end: int, due: int) -> Flood:
    sock = ours.dup()
    return Flood(sock, sock.recv_into, buffer, start, end, due)


@given(here=st.integers(0, 70_000), sent=st.integers(0, 70_000), due=st.integers(1, 150_000), closes=st.booleans())
def test_what_is_due_is_handed_over_once_and_in_order(here: int, sent: int, due: int, closes: bool) -> None:
    stream = os.urandom(here + sent)
    buffer = memoryview(bytearray(PIECE_BYTES + MARGIN_BYTES))
    buffer[:here] = stream[:here]
    taken = bytearray()
    with connected() as (ours, theirs):
        theirs.sendall(stream[here:])
        if closes:
            theirs.close()
        flood = flooding(ours, buffer, 0, here, due)
        flood.drain(taken.extend)
        flood.close()
    assert taken == stream[:due]
    assert flood.taken == len(taken)
    excess = bytes(buffer[flood.start : flood.end])
    assert excess == stream[due:][: len(excess)]
    assert bool(excess) == (len(stream) > due and here != due), "what came behind the end is noticed with it"


def test_a_body_that_comes_slowly_is_left_to_the_loop() -> None:
    with connected() as (ours, _):
        flood = flooding(ours, memoryview(bytearray(PIECE_BYTES)), 0, 0, MIB)
        flood.drain(lambda _: None)
        flood.close()
    assert flood.taken == 0


def test_a_slow_disk_has_a_thread_for_moments_only() -> None:
    here = 256 << 10
    with connected() as (ours, theirs):
        theirs.sendall(b"more")
        flood = flooding(ours, memoryview(bytearray(PIECE_BYTES)), 0, here, MIB)
        flood.drain(lambda _: time.sleep(0.06))
        flood.close()
    assert flood.taken == here


def test_what_cannot_be_written_is_not_counted_as_taken() -> None:
    def full(_: memoryview) -> None:
        raise OSError("no space left")

    with connected() as (ours, theirs):
        theirs.sendall(b"body")
        flood = flooding(ours, memoryview(bytearray(PIECE_BYTES)), 0, 0, 4)
        with pytest.raises(OSError, match="no space"):
            flood.drain(full)
        flood.close()
    assert flood.taken == 0


@plain_and_tls
@pytest.mark.parametrize("size", [1, 100_000, MIB, 20 * MIB + 1])
async def test_a_body_of_any_length_comes_whole_and_its_connection_is_used_again(
    size: int, tls: ssl.TLSVersion | None
) -> None:
    body = os.urandom(size)
    async with serving(answer(body), answer(b"next"), tls=tls) as (server, lane):
        assert await drained(await lane.send(server.request())) == body
        assert await body_of(await lane.send(server.request())) == b"next"
    assert server.connections == 1


@plain_and_tls
async def test_a_connection_that_brings_more_than_was_announced_is_not_used_again(
    tls: ssl.TLSVersion | None,
) -> None:
    body = os.urandom(2 * MIB)
    async with serving(answer(body) + b"more", answer(b"next"), tls=tls) as (server, lane):
        assert await drained(await lane.send(server.request())) == body
        assert await body_of(await lane.send(server.request())) == b"next"
    assert server.connections == 2


@plain_and_tls
async def test_a_connection_is_not_used_again_when_its_body_was_left(tls: ssl.TLSVersion | None) -> None:
    async with serving(answer(bytes(2 * MIB), length=3 * MIB), answer(b"next"), tls=tls) as (server, lane):
        with await lane.send(server.request()) as response:
            flood = response.flood()
            assert flood
            await asyncio.to_thread(flood.drain, lambda _: None)
        assert await body_of(await lane.send(server.request())) == b"next"
    assert server.connections == 2


async def test_what_came_before_a_cut_is_handed_over_first() -> None:
    async with serving(answer(b"x" * MIB, length=2 * MIB), None) as (server, lane):
        with await lane.send(server.request()) as response:
            flood = response.flood()
            assert flood
            taken = bytearray()
            await asyncio.to_thread(flood.drain, taken.extend)
            assert taken == b"x" * MIB
            with pytest.raises(errors.Stalled):
                await response.piece()


@plain_and_tls
async def test_a_connection_may_be_closed_while_a_thread_receives_from_it(tls: ssl.TLSVersion | None) -> None:
    has_begun, is_closed = threading.Event(), threading.Event()

    def take(_: memoryview) -> None:
        has_begun.set()
        assert is_closed.wait(5)

    async with serving(answer(bytes(4 * MIB), length=8 * MIB), tls=tls) as (server, lane):
        response = await lane.send(server.request())
        flood = response.flood()
        assert flood
        draining = asyncio.create_task(asyncio.to_thread(flood.drain, take))
        await asyncio.to_thread(has_begun.wait, 5)
        await lane.__aexit__()
        is_closed.set()
        await draining
        with pytest.raises(errors.Interrupted):
            await body_of(response)


async def test_where_bytes_a_second_are_limited_no_thread_receives() -> None:
    async with serving(answer(b"x" * MIB)) as (server, _):
        settings = Settings(limit_rate=1e9)
        storage = StorageTransport(settings, f"http://127.0.0.1:{server.port}")
        async with PacedTransport(storage, Paces(settings)) as transport:
            url = SignedUrl("GET", server.request().url)
            with await transport.get(url, {}) as response:
                assert response.flood() is None
                assert await response.piece()


async def test_what_a_thread_received_counts_for_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[int] = []
    end = Pace.end

    def told(pace: Pace, turn: Turn, error: BaseException | None) -> None:
        learnt.append(turn.bytes)
        end(pace, turn, error)

    monkeypatch.setattr(Pace, "end", told)
    async with serving(answer(b"x" * MIB)) as (server, _):
        storage = StorageTransport(Settings(), f"http://127.0.0.1:{server.port}")
        async with PacedTransport(storage, Paces(Settings())) as transport:
            with await transport.get(SignedUrl("GET", server.request().url), {}) as response:
                flood = response.flood()
                assert flood
                await asyncio.to_thread(flood.drain, lambda _: None)
    assert learnt == [MIB]
