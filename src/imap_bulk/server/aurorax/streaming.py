"""A body sent piece by piece, each made in a thread; and where faults get at it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from aiohttp import web

Pieces = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to a body on its way."""

    change: Callable[[web.Request, Pieces], Pieces]
    keeps_length: bool = True


TROUBLE = web.RequestKey("trouble", Trouble)
"""The key under which a request carries the trouble that its answer's body is to meet."""


async def stream(
    request: web.Request,
    pieces: Iterator[bytes],
    headers: Mapping[str, str],
    *,
    length: int | None = None,
    status: int = 200,
) -> web.StreamResponse:
    """Send an answer; what goes wrong before its first two pieces can still be told instead of it."""
    first = [await asyncio.to_thread(next, pieces, b"") for _ in range(2)]
    trouble = request.get(TROUBLE)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = length if trouble is None or trouble.keeps_length else None
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    body = _in_thread(chain(first, pieces))
    async for piece in trouble.change(request, body) if trouble else body:
        if request.transport is None:
            break
        await response.write(piece)
    return response


async def _in_thread(pieces: Iterator[bytes]) -> Pieces:
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
