"""A delaying TCP proxy, for machines without TUN devices. It delays bytes, not packets, and loses nothing.

python -m benchmarks.proxy RTT_SECONDS HOST TARGET PORT...
    listens on each PORT of HOST for the same port of TARGET, and prints "ready"; ends with its stdin

The kernel answers a connection at once, so the first bytes of a client wait one round trip more, as if for the
handshake. Neither slow start nor a window of TCP is in it: large bodies are faster here than on a real path.
"""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable

_PIECE = 64 << 10
_PIECES_UNDER_WAY = 1024
"""Per connection and direction, 64 MiB at most: what a window would bound."""

_BACKLOG = 4096


async def carry(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, first_delay: float = 0.0
) -> None:
    """Carry one direction of a connection; a piece arrives `delay` seconds after it was sent, the first later."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_PIECES_UNDER_WAY)

    async def deliver() -> None:
        while True:
            due, piece = await under_way.get()
            await asyncio.sleep(due - clock())
            if not piece:
                return
            writer.write(piece)
            await writer.drain()

    clock = asyncio.get_running_loop().time
    earliest = clock() + first_delay
    async with asyncio.TaskGroup() as group:
        group.create_task(deliver())
        piece = b"first"
        while piece:
            piece = await reader.read(_PIECE)
            await under_way.put((max(clock(), earliest) + delay, piece))
    if writer.can_write_eof():
        writer.write_eof()


def joining(rtt: float, target: str, port: int) -> Callable[..., Awaitable[None]]:
    """Return what joins an accepted connection to `port` of `target`, `rtt` seconds there and back."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError, ExceptionGroup, asyncio.CancelledError):
            # Either end may hang up, and connections may be open when the proxy ends: nobody is left to be told.
            far_reader, far_writer = await asyncio.open_connection(target, port)
            with contextlib.closing(far_writer):
                async with asyncio.TaskGroup() as group:
                    group.create_task(carry(reader, far_writer, rtt / 2, first_delay=rtt))
                    group.create_task(carry(far_reader, writer, rtt / 2))

    return join


async def serve(rtt: float, host: str, target: str, ports: list[int]) -> None:
    """Serve until stdin ends."""
    for port in ports:
        await asyncio.start_server(joining(rtt, target, port), host, port, backlog=_BACKLOG)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), sys.argv[2], sys.argv[3], [int(port) for port in sys.argv[4:]]))
