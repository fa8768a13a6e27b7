"""R11: doors that are locked, cut off or another's: TLS that fails, and hosts that refuse."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import trustme
from tests.faults.networks import HOST, Handler, Network, reset, silent

YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
PROTOCOL_VERSION = b"\x15\x03\x01\x00\x02\x02\x46"
"""What a server says that speaks no TLS as new as ours: a fatal alert, 70."""

both_sides = pytest.mark.parametrize("side", ["archive", "storage"])


@pytest.fixture
async def network(tmp_path: Path) -> AsyncIterator[Network]:
    async with AsyncExitStack() as stack:
        yield Network(tmp_path, stack)


async def hang_up(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(1)


async def send_reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    reset(writer)


async def send_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03")  # the beginning of a ServerHello
    await writer.drain()


async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    await writer.drain()


async def speak_old_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(PROTOCOL_VERSION)
    await writer.drain()


# --- what will not pass by itself


@both_sides
@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            "untrusted",
            "certificate is not trusted (unable to get local issuer certificate); where a proxy of your",
        ),
        ("expired", "certificate is not valid today (certificate has expired); check this machine's clock"),
        ("misnamed", "certificate is another host's (IP address mismatch, "),
    ],
)
async def test_a_certificate_that_proves_nothing_is_told_at_once(
    network: Network, side: str, trouble: str, said: str
) -> None:
    tls = {
        "untrusted": lambda: network.tls(authority=trustme.CA()),
        "expired": lambda: network.tls(not_after=YESTERDAY),
        "misnamed": lambda: network.tls("elsewhere.example"),
    }[trouble]()
    door, port = await network.door(await network.serve(tls))
    ended = await network.pull(side, port)
    assert ended.code == 1
    assert said in ended.stderr
    assert door.callers == 1


@both_sides
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (speak_http, "nobody speaks TLS there; is http:// meant, or another port? Check the URL"),
        (
            speak_old_tls,
            "(tlsv1 alert protocol version); TLS 1.2 or later is needed: tell whoever runs the server",
        ),
    ],
)
async def test_a_host_without_the_tls_that_we_speak_is_told_at_once(
    network: Network, side: str, answer: Handler, said: str
) -> None:
    door, port = await network.door(0, answer, times=9)
    ended = await network.pull(side, port)
    assert ended.code == 1
    assert said in ended.stderr
    assert door.callers == 1


# --- what passes


@both_sides
@pytest.mark.parametrize("rudely", [hang_up, send_reset, send_half])
async def test_a_handshake_that_is_cut_off_is_begun_again(network: Network, side: str, rudely: Handler) -> None:
    door, port = await network.door(await network.serve(network.tls()), rudely, times=2)
    ended = await network.pull(side, port, outage_max=60.0)
    assert ended.code == 0, ended.stderr
    assert door.callers == 3


@both_sides
@pytest.mark.parametrize("rudely", [hang_up, send_reset, send_half])
async def test_a_handshake_that_is_always_cut_off_is_a_passing_failure(
    network: Network, side: str, rudely: Handler
) -> None:
    _, port = await network.door(0, rudely, times=99)
    ended = await network.pull(side, port)
    assert ended.code == 75
    assert f"no connection to {HOST}:{port} (" in ended.stderr


@both_sides
async def test_a_handshake_that_nobody_answers_is_given_up_and_begun_again(network: Network, side: str) -> None:
    door, port = await network.door(await network.serve(network.tls()), silent, times=1)
    ended = await network.pull(side, port, connect_timeout=0.5, outage_max=60.0)
    assert ended.code == 0, ended.stderr
    assert door.callers == 2


@both_sides
async def test_a_host_that_refuses_connections_is_a_passing_failure(
    network: Network, side: str, unused_tcp_port: int
) -> None:
    ended = await network.pull(side, unused_tcp_port)
    assert ended.code == 75
    assert f"no connection to {HOST}:{unused_tcp_port} (connection refused)" in ended.stderr
    assert "Another try may help: run the same command again" in ended.stdout
