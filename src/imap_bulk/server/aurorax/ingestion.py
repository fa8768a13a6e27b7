"""What was accepted is stored a little later: an AuroraX that answers 202 has not stored anything yet."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable

from imap_bulk.server.aurorax.catalog import Catalog

_LOG = logging.getLogger(__name__)

Work = Callable[[sqlite3.Connection], None]


class Ingestion:
    """Does works of writing in the order in which they were accepted, each `delay` seconds later at least."""

    def __init__(self, catalog: Catalog, delay: float) -> None:
        self._catalog = catalog
        self._delay = delay
        self._waiting: asyncio.Queue[tuple[float, Work]] = asyncio.Queue()
        self._closing = asyncio.Event()
        self._worker: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work."""
        self._worker = asyncio.create_task(self._run(), name="ingestion")

    def accept(self, work: Work) -> None:
        """Have something written later."""
        self._waiting.put_nowait((asyncio.get_running_loop().time() + self._delay, work))

    async def close(self) -> None:
        """Write at once all that was accepted, and end."""
        self._closing.set()
        await self._waiting.join()
        if self._worker:
            self._worker.cancel()
            await asyncio.wait([self._worker])

    async def _run(self) -> None:
        while True:
            due, work = await self._waiting.get()
            try:
                await self._wait_until(due)
                await self._catalog.alter(work)
            except Exception:  # reported nowhere, as at the real service
                _LOG.exception("what was accepted could not be stored")
            finally:
                self._waiting.task_done()

    async def _wait_until(self, due: float) -> None:
        left = due - asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, left)):
                await self._closing.wait()
