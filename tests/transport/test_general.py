"""The general lane: what aiohttp does with answers, and what is made of it."""

import asyncio
from typing import Any

import pytest

from imap_bulk import errors
from imap_bulk.settings import Settings
from imap_bulk.transport import Request
from imap_bulk.transport.general import GeneralLane
from imap_bulk.transport.guard import OPEN

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


async def send_half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"x" * 500)
    writer.close()


async def test_what_came_before_the_connection_broke_is_handed_out() -> None:
    listening = await asyncio.start_server(send_half, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/x"
    async with listening, GeneralLane(Settings(), {}, OPEN) as lane:
        with await lane.send(Request("GET", url)) as response:
            content: Any = vars(response)["_response"].content
            # As whoever writes to a slow disk comes back after that; aiohttp has no event for it.
            while content.exception() is None:  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert await response.piece() == b"x" * 500
            for _ in range(2):
                with pytest.raises(errors.Interrupted):
                    await response.piece()
