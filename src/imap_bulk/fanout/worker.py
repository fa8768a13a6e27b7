"""What a worker does with a chunk: the engine moves it, and outcomes stream back."""

import asyncio
import errno
import pickle
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from distributed import get_worker

from imap_bulk.archives.base import Archive
from imap_bulk.engine.engine import Engine
from imap_bulk.errors import Rejected
from imap_bulk.model import Outcome, Pacing, Progress, Setback, Status, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

if TYPE_CHECKING:  # needs the extra s3
    from imap_bulk.delivery import Destination

_STREAM_SECONDS = 0.5

NO_PLACE = -1
"""The place of what is told of no transfer."""


def work(
    kit: bytes, token: Path, share: Settings, topic: str, number: int, transfers: Sequence[Transfer]
) -> bytes:
    """Run the engine on a worker; return all outcomes, most of which were streamed before."""
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
    opened = destination.opened(settings) if destination else nullcontext()
    async with archive, StorageTransport(settings, archive.name) as transport, opened as begin_delivery:
        engine = asyncio.ensure_future(
            Engine(archive, transport, root, settings, begin_delivery=begin_delivery).run(transfers, wire.take)
        )
        while not engine.done():
            await asyncio.wait([engine], timeout=_STREAM_SECONDS)
            wire.send()
            if not is_wanted():  # nobody waits for us any more
                engine.cancel()
        if not engine.cancelled():
            engine.result()
    return wire.all()


class _Wire:
    """Streams what a worker's engine reports, without the transfers, which are known at the other end."""

    def __init__(self, topic: str, number: int, transfers: Sequence[Transfer]) -> None:
        self._topic = topic
        self._number = number
        self._places = {transfer.key: place for place, transfer in enumerate(transfers)}
        self._blank = replace(transfers[0], key="", source="", path=Path())
        self._unsent: dict[int, Progress | Outcome] = {}
        self._beside: list[tuple[int, Setback | Pacing]] = []
        self._outcomes: dict[int, Outcome] = {}

    def take(self, event: Progress | Setback | Outcome | Pacing) -> None:
        """Keep the newest word on each transfer, and all that went wrong on its way."""
        if isinstance(event, Pacing):
            self._beside.append((NO_PLACE, event))
            return
        if isinstance(event, Outcome) and event.status is Status.CANCELLED:
            return
        place = self._places[event.transfer.key]
        brief = replace(event, transfer=self._blank)
        if isinstance(brief, Setback):
            self._beside.append((place, brief))
            return
        self._unsent[place] = brief
        if isinstance(brief, Outcome):
            self._outcomes[place] = brief

    def send(self) -> None:
        """Send what has not been sent."""
        unsent, self._unsent = [*self._beside, *self._unsent.items()], {}
        self._beside.clear()
        if unsent:
            get_worker().log_event(self._topic, (self._number, pickle.dumps(unsent)))

    def all(self) -> bytes:
        """Return every outcome, in case that one was not heard."""
        return pickle.dumps(list(self._outcomes.items()))
