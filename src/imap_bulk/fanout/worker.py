"""What a worker does with a chunk: the engine moves it, and outcomes stream back."""

import asyncio
import errno
import pickle
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from distributed import get_worker

from imap_bulk.archives.base import Archive
from imap_bulk.engine.engine import Engine
from imap_bulk.engine.pace import Paces
from imap_bulk.errors import Busy, Rejected
from imap_bulk.model import Outcome, Pacing, Progress, Setback, Transfer
from imap_bulk.processes.wire import Telling
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

if TYPE_CHECKING:  # needs the extra s3
    from imap_bulk.delivery import Destination

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
    """Run the engine on a worker; return all outcomes, most of which were streamed before.

    Raises FileNotFoundError where the worker does not see the data directory, Rejected where it lacks a package,
    and whatever ends a run.
    """
    archive, root, destination = _unpacked(kit)
    wire = _Wire(topic, number, transfers)
    if destination:
        return _deliver(archive, destination, share, transfers, wire)
    if not token.exists():
        worker = f"the Dask worker at {get_worker().address}"
        raise FileNotFoundError(
            errno.ENOENT, f"{worker} does not see this directory; all must, under this path", str(token.parents[1])
        )
    return asyncio.run(_move(archive, root, share, transfers, wire, token.exists))


def _unpacked(kit: bytes) -> tuple[Archive, Path, "Destination | None"]:
    """Unpack what a worker works with. Raises Rejected."""
    try:
        archive, root, destination = pickle.loads(kit)  # noqa: S301
    except ModuleNotFoundError as error:
        raise Rejected(
            f"the Dask worker at {get_worker().address} has no {error.name}; install imap-bulk[dask,s3] there"
        ) from None
    return archive, root, destination


def _deliver(
    archive: Archive,
    destination: "Destination",
    settings: Settings,
    transfers: Sequence[Transfer],
    wire: "_Wire",
) -> bytes:
    """Move a chunk whose files go to a bucket: what is on its way lies at the worker, for as long as it is."""
    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    with tempfile.TemporaryDirectory(prefix="imap-bulk-", dir=worker.local_directory) as directory:
        scratch = Path(directory)
        own = [replace(transfer, path=scratch / transfer.path.name) for transfer in transfers]
        return asyncio.run(_move(archive, scratch, settings, own, wire, is_wanted, destination))


async def _move(
    archive: Archive,
    root: Path,
    settings: Settings,
    transfers: Sequence[Transfer],
    wire: "_Wire",
    is_wanted: Callable[[], bool],
    destination: "Destination | None" = None,
) -> bytes:
    paces = Paces(settings)
    _AT_WORK[wire.topic] = _AtWork(paces, asyncio.get_running_loop())
    opened = destination.opened(settings) if destination else nullcontext()
    try:
        async with archive, StorageTransport(settings, archive.name) as transport, opened as begin_delivery:
            engine = Engine(archive, transport, root, settings, begin_delivery=begin_delivery, paces=paces)
            running = asyncio.ensure_future(engine.run(transfers, wire.take))
            while not running.done():
                await asyncio.wait([running], timeout=_STREAM_SECONDS)
                wire.send()
                if not is_wanted():  # nobody waits for us any more
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
