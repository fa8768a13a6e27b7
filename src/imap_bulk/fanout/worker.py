"""What a worker does with a chunk: the engine moves it, and outcomes stream back."""

import asyncio
import errno
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from distributed import get_worker

from imap_bulk.archives.base import Archive
from imap_bulk.engine.engine import Engine
from imap_bulk.engine.pace import Paces
from imap_bulk.errors import Busy
from imap_bulk.model import Outcome, Pacing, Progress, Setback, Transfer
from imap_bulk.processes.wire import Telling
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

_STREAM_SECONDS = 0.5


class _AtWork(NamedTuple):
    """A chunk that is being moved on this worker: how hard it presses hosts, on a loop in a thread of its own."""

    paces: Paces
    loop: asyncio.AbstractEventLoop


_AT_WORK: dict[str, _AtWork] = {}
"""By topics, which are runs."""


def hear_of(topic: str, host: str, error: Busy) -> None:
    """Take what a host has told another worker of the run as told to this one too; called on every worker."""
    if at_work := _AT_WORK.get(topic):
        at_work.loop.call_soon_threadsafe(at_work.paces.of(host).hear_of, error)


def work(
    kit: bytes, token: Path, share: Settings, topic: str, number: int, transfers: Sequence[Transfer]
) -> bytes:
    """Run the engine on a worker; return all outcomes, most of which were streamed before."""
    if not token.exists():
        worker = f"the Dask worker at {get_worker().address}"
        raise FileNotFoundError(
            errno.ENOENT, f"{worker} does not see this directory; all must, under this path", str(token.parents[1])
        )
    archive, root = pickle.loads(kit)  # noqa: S301
    return asyncio.run(_move(archive, root, share, transfers, _Wire(topic, number, transfers), token))


async def _move(
    archive: Archive,
    root: Path,
    settings: Settings,
    transfers: Sequence[Transfer],
    wire: "_Wire",
    token: Path,
) -> bytes:
    paces = Paces(settings)
    _AT_WORK[wire.topic] = _AtWork(paces, asyncio.get_running_loop())
    try:
        async with archive, StorageTransport(settings, archive.name) as transport:
            engine = Engine(archive, transport, root, settings, paces=paces)
            running = asyncio.ensure_future(engine.run(transfers, wire.take))
            while not running.done():
                await asyncio.wait([running], timeout=_STREAM_SECONDS)
                wire.send()
                if not token.exists():  # nobody waits for us any more
                    running.cancel()
            if not running.cancelled():
                running.result()
    finally:
        del _AT_WORK[wire.topic]
    return wire.all()


class _Wire:
    """Streams what a worker's engine reports."""

    def __init__(self, topic: str, number: int, transfers: Sequence[Transfer]) -> None:
        self.topic = topic
        self._number = number
        self._telling = Telling()
        self._telling.expect(enumerate(transfers))
        self._outcomes = Telling()
        self._outcomes.expect(enumerate(transfers))

    def take(self, event: Progress | Setback | Outcome | Pacing) -> None:
        """Keep what is to be told; that a host is busy concerns the others at once."""
        self._telling.take(event)
        if isinstance(event, Outcome):
            self._outcomes.take(event)
        if isinstance(event, Setback) and isinstance(event.error, Busy):
            self.send()

    def send(self) -> None:
        """Send what has not been sent."""
        if told := self._telling.collect():
            get_worker().log_event(self.topic, (self._number, pickle.dumps(told)))

    def all(self) -> bytes:
        """Return every outcome, in case that one was not heard."""
        return pickle.dumps(self._outcomes.collect())
