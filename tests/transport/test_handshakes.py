"""Handshakes that fail, each told as what it is, and handshakes that nobody waits for any longer."""

import asyncio
import gc
import logging
import socket
import ssl
import struct
from dataclasses import replace

import pytest
import trustme
from tests.transport.peer import Handle, Peer, listening, talking
from tests.transport.wire import SETTINGS, answer, body_of, both_tls, server_context

from imap_bulk import errors
from imap_bulk.transport import Request
from imap_bulk.transport.guard import OPEN
from imap_bulk.transport.lean import LeanLane
from imap_bulk.transport.names import Address


@both_tls
@pytest.mark.parametrize(
    ("name", "authority", "said"),
    [("elsewhere.example", None, "another host's"), ("127.0.0.1", trustme.CA(), "not trusted")],
)
async def test_a_certificate_that_proves_nothing_is_refused(
    tls: ssl.TLSVersion, name: str, authority: trustme.CA | None, said: str
) -> None:
    given = {"authority": authority} if authority else {}
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=server_context(tls, name, **given))
    port = server.sockets[0].getsockname()[1]
    async with LeanLane(SETTINGS, {}, OPEN) as lane:
        with pytest.raises(errors.Rejected, match=said):
            await lane.send(Request("GET", f"https://127.0.0.1:{port}/x"))
    server.close()


async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


class Hasty(Peer):
    """Says its part of the handshake, and is gone: the last word of the other side cannot be sent."""

    async def send(self, encrypted: bytes) -> None:
        if encrypted:
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.writer.write(encrypted)
            self.writer.transport.abort()


async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await Hasty(reader, writer, ssl.TLSVersion.TLSv1_3).shake_hands()


@pytest.mark.parametrize(
    ("handle", "kind", "said"),
    [
        (hang_up, errors.Interrupted, "no connection to"),
        (speak_http, errors.Rejected, "nobody speaks TLS there"),
        (break_off, errors.Interrupted, "no connection to"),
    ],
)
async def test_a_handshake_that_fails_is_told_as_what_it_is(
    handle: Handle, kind: type[errors.BulkError], said: str
) -> None:
    async with listening(handle) as port, LeanLane(SETTINGS, {}, OPEN) as lane:
        with pytest.raises(kind, match=said):
            await lane.send(Request("GET", f"https://127.0.0.1:{port}/x"))


async def test_a_handshake_that_nobody_answers_is_given_up() -> None:
    async def keep_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    hurried = replace(SETTINGS, connect_timeout=0.1)
    async with listening(keep_silent) as port, LeanLane(hurried, {}, OPEN) as lane:
        with pytest.raises(errors.Stalled, match="no connection came about in time"):
            await lane.send(Request("GET", f"https://127.0.0.1:{port}/x"))


@pytest.mark.parametrize("steps", range(12))
async def test_a_handshake_can_be_given_up_at_any_moment(steps: int, caplog: pytest.LogCaptureFixture) -> None:
    async def talk(peer: Peer) -> None:
        await peer.request()
        await peer.send(peer.sealed(answer()))
        await peer.silence()

    async def at_once(_: str) -> list[Address]:
        return [Address(socket.AF_INET, "127.0.0.1")]

    async with talking(talk) as (_, request), LeanLane(SETTINGS, {}, OPEN, at_once) as lane:
        sending = asyncio.create_task(lane.send(request))
        for _ in range(steps):
            await asyncio.sleep(0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert await body_of(await lane.send(request)) == b"body"
    del sending
    gc.collect()
    assert not [told for told in caplog.records if told.levelno >= logging.ERROR]
