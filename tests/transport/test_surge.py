"""Bodies that a thread sends: every byte once and in order, and an answer is heard in between."""

import asyncio
import contextlib
import hashlib
import os
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.transport.wire import MIB, PATIENT, SETTINGS, Server, answer, body_of, plain_and_tls, serving

from imap_bulk import errors
from imap_bulk.digest import Digest
from imap_bulk.engine.pace import Pace, Paces, Turn
from imap_bulk.engine.paced import PacedTransport
from imap_bulk.engine.source import Source
from imap_bulk.model import Direction, SignedUrl, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import THREAD_PIECE_BYTES, BeginSurge, Body, StorageTransport, Surge
from imap_bulk.transport.general import GeneralLane
from imap_bulk.transport.guard import OPEN


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(5)
        yield ours, theirs


@contextlib.contextmanager
def surging(ours: socket.socket) -> Iterator[Surge]:
    sock = ours.dup()
    with Surge(sock, sock.send, lambda _: None) as surge:
        yield surge


def received(theirs: socket.socket, size: int) -> bytes:
    body = bytearray()
    while len(body) < size:
        body += theirs.recv(size - len(body))
    return bytes(body)


# --- the thread's side


@given(sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=8))
def test_what_is_taken_was_sent_or_is_left_for_the_loop(sizes: list[int]) -> None:
    pieces = [os.urandom(size) for size in sizes]  # more than a socket holds, at times
    with connected() as (ours, theirs), surging(ours) as surge:
        given = list(iter_until(surge, pieces))
        sent = surge.taken - len(surge.rest)
        assert received(theirs, sent) + surge.rest == b"".join(given)
    assert surge.taken == sum(map(len, given))


def iter_until(surge: Surge, pieces: list[bytes]) -> Iterator[bytes]:
    """Send until no more should be."""
    for piece in pieces:
        yield piece
        if not surge.send(piece):
            return


def test_a_receiver_that_is_slow_is_left_to_the_loop() -> None:
    with connected() as (ours, _), surging(ours) as surge:
        assert not surge.send(bytes(8 * MIB))
    assert 0 < len(surge.rest) < 8 * MIB


def test_nobody_sends_on_who_is_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imap_bulk.transport.surge.MOST_SECONDS", 60.0)
    with connected() as (ours, theirs), surging(ours) as surge:
        assert surge.send(b"one")
        theirs.sendall(b"HTTP/1.1 403 Forbidden\r\n")
        assert not surge.send(b"two")
        assert received(theirs, 6) == b"onetwo"


def test_nothing_is_left_of_a_broken_connection_so_that_the_loop_reads_first() -> None:
    with connected() as (ours, theirs), surging(ours) as surge:
        theirs.close()
        assert not surge.send(b"one")
        assert surge.rest == b""


# --- a lane's side


def surging_body(body: bytes, surges: list[Surge], cut: int = THREAD_PIECE_BYTES) -> Body:
    """Send the first piece by the loop, and then what a thread takes by a thread."""

    async def pieces(begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        left = [body[start : start + cut] for start in range(0, len(body), cut)]
        while left:
            yield left.pop(0)
            if left and (surge := begin_surge()):
                surges.append(surge)
                with surge:
                    await asyncio.to_thread(pour, surge, left)

    return pieces


def pour(surge: Surge, left: list[bytes]) -> None:
    while left and surge.send(left.pop(0)):
        pass


@plain_and_tls
@pytest.mark.parametrize(
    ("size", "cut"), [(1, 1), (100_000, 1000), (20 * MIB + 1, THREAD_PIECE_BYTES), (20 * MIB, MIB)]
)
async def test_a_body_of_any_length_arrives_whole_and_its_connection_is_used_again(
    size: int, cut: int, tls: ssl.TLSVersion | None
) -> None:
    body, surges = os.urandom(size), list[Surge]()
    async with serving(answer(), answer(b"next"), tls=tls, settings=PATIENT) as (server, lane):
        asked = server.request(method="PUT", body=surging_body(body, surges, cut), size=size)
        assert await body_of(await lane.send(asked)) == b"body"
        assert await body_of(await lane.send(server.request())) == b"next"
    assert (server.bodies[0], server.connections) == (body, 1)
    assert bool(surges) == (size > cut)


@plain_and_tls
async def test_what_a_thread_leaves_is_sent_by_the_loop_before_what_follows(tls: ssl.TLSVersion | None) -> None:
    pieces, surges = [os.urandom(size) for size in (1000, 48 * MIB, 1000)], list[Surge]()

    async def body(begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        first, long, last = pieces
        yield first
        if surge := begin_surge():
            surges.append(surge)
            with surge:
                surge.send(long)  # on the loop, so that nobody reads meanwhile: more than sockets hold
        else:
            yield long
        yield last

    async with serving(answer(), tls=tls, settings=PATIENT) as (server, lane):
        await body_of(await lane.send(server.request(method="PUT", body=body, size=sum(map(len, pieces)))))
    assert server.bodies == [b"".join(pieces)]
    assert surges
    assert surges[0].rest


@plain_and_tls
async def test_an_early_answer_is_heard_and_the_rest_not_sent(tls: ssl.TLSVersion | None) -> None:
    surges = list[Surge]()
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"
    async with serving(tls=tls, settings=PATIENT) as (server, lane):
        server.refusal = refusal
        endless = server.request(method="PUT", body=endless_body(surges), size=1 << 40)
        with await lane.send(endless) as response:
            assert response.status == 403
    assert surges


def endless_body(surges: list[Surge]) -> Body:
    async def pieces(begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        while True:
            yield bytes(THREAD_PIECE_BYTES)
            if surge := begin_surge():
                surges.append(surge)
                with surge:
                    await asyncio.to_thread(pour, surge, [bytes(THREAD_PIECE_BYTES)] * 1000)

    return pieces


@plain_and_tls
async def test_a_connection_may_be_closed_while_a_thread_sends(tls: ssl.TLSVersion | None) -> None:
    has_begun, is_closed = threading.Event(), threading.Event()

    def pour_late(surge: Surge) -> None:
        has_begun.set()
        assert is_closed.wait(5)
        surge.send(bytes(THREAD_PIECE_BYTES))

    async def body(begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        yield b"begin"
        while not (surge := begin_surge()):
            yield b"more"  # until the tickets of TLS 1.3 are read
        with surge:
            await asyncio.to_thread(pour_late, surge)
        yield b"end"

    async with serving(answer(), tls=tls, settings=PATIENT) as (server, lane):
        sending = asyncio.create_task(lane.send(server.request(method="PUT", body=body, size=1 << 40)))
        await asyncio.to_thread(has_begun.wait, 5)
        await lane.__aexit__()
        is_closed.set()
        with pytest.raises(errors.Interrupted):
            await sending


async def test_a_connection_that_breaks_under_a_thread_is_a_passing_failure() -> None:
    async with serving(settings=PATIENT) as (server, lane):
        server.refusal = b""  # closes in the midst
        with pytest.raises(errors.Interrupted):
            await lane.send(server.request(method="PUT", body=endless_body([]), size=1 << 40))


async def test_the_general_lane_sends_without_threads() -> None:
    asked: list[Surge | None] = []

    async def body(begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        yield b"one"
        asked.append(begin_surge())
        yield b"two"

    async with serving(answer(), settings=PATIENT) as (server, _), GeneralLane(SETTINGS, {}, OPEN) as lane:
        await body_of(await lane.send(server.request(method="PUT", body=body, size=6)))
    assert (asked, server.bodies) == ([None], [b"onetwo"])


# --- the pace


async def put(server: Server, settings: Settings, body: Body, size: int) -> None:
    storage = StorageTransport(settings, f"http://127.0.0.1:{server.port}")
    async with PacedTransport(storage, Paces(settings)) as transport:
        with await transport.put(SignedUrl("PUT", server.request().url), body, size):
            pass


async def test_where_bytes_a_second_are_limited_no_thread_sends() -> None:
    surges = list[Surge]()
    async with serving(answer(), settings=PATIENT) as (server, _):
        body = os.urandom(2 * MIB)
        await put(server, Settings(limit_rate=1e9), surging_body(body, surges), len(body))
    assert (server.bodies, surges) == ([body], [])


async def test_what_a_thread_sent_counts_for_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, surges, end = list[int](), list[Surge](), Pace.end

    def told(pace: Pace, turn: Turn, error: BaseException | None) -> None:
        counted.append(turn.bytes)
        end(pace, turn, error)

    monkeypatch.setattr(Pace, "end", told)
    async with serving(answer(), settings=PATIENT) as (server, _):
        await put(server, Settings(), surging_body(bytes(2 * MIB), surges), 2 * MIB)
    assert surges
    assert counted == [2 * MIB]


# --- a file


@pytest.mark.parametrize("size", [MIB + 1, 3 * MIB, 20 * MIB + 17])
async def test_a_file_goes_up_whole_and_by_threads_as_well(tmp_path: Path, size: int) -> None:
    content, sent = os.urandom(size), list[int]()
    path = tmp_path / "file"
    path.write_bytes(content)
    digest = Digest("sha256", hashlib.sha256(content).hexdigest())
    source = Source(Transfer(Direction.PUSH, "key", path, size, digest), MIB, sent.append, ("md5",))
    surges = list[Surge]()

    def body(begin_surge: BeginSurge) -> AsyncGenerator[bytes, None]:
        def noted() -> Surge | None:
            surge = begin_surge()
            surges.extend([surge] if surge else [])
            return surge

        return source.chunks(noted)

    async with serving(answer(), settings=PATIENT) as (server, lane):
        await body_of(await lane.send(server.request(method="PUT", body=body, size=size)))
    assert server.bodies == [content]
    assert sum(surge.taken for surge in surges) > 0
    assert await source.digest("md5") == Digest("md5", hashlib.md5(content).hexdigest())
    assert (sent, sent[-1]) == (sorted(sent), size)


async def test_a_file_that_grows_is_not_complete_for_storage(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * MIB))

    def grow(_: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    source = Source(Transfer(Direction.PUSH, "key", path), MIB, grow, ("md5",))
    async with serving(answer(), settings=PATIENT) as (server, lane):
        with pytest.raises(errors.SourceChanged, match="nothing was stored"):
            await lane.send(server.request(method="PUT", body=source.chunks, size=source.size))
    assert server.bodies == []


async def test_a_file_that_is_another_one_in_its_midst_is_not_complete_for_storage(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(3 * MIB))
    wished = Digest("sha256", hashlib.sha256(bytes(3 * MIB)).hexdigest())

    def change(_: int) -> None:
        with path.open("r+b") as file:
            file.seek(2 * MIB)
            file.write(b"!")

    source = Source(replace(Transfer(Direction.PUSH, "key", path), digest=wished), MIB, change, ())
    async with serving(answer(), settings=PATIENT) as (server, lane):
        with pytest.raises(errors.SourceChanged):
            await lane.send(server.request(method="PUT", body=source.chunks, size=source.size))
    assert server.bodies == []
