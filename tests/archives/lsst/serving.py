"""An embedded LSST archive that runs in a thread of its own, for commands that bring their own event loop."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from imap_bulk.server.lsst.server import LsstOptions, LsstServer


@contextmanager
def serving(options: LsstOptions) -> Iterator[str]:
    """Serve, and give the URL."""
    ready: Future[tuple[str, asyncio.AbstractEventLoop]] = Future()
    leaving = asyncio.Event()

    async def serve() -> None:
        async with LsstServer(options) as server:
            ready.set_result((server.url, asyncio.get_running_loop()))
            await leaving.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    url, loop = ready.result(20)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(leaving.set)
        thread.join()
