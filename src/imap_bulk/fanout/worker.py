"""What a worker does with a chunk: the engine moves it, and outcomes stream back."""

import asyncio
import errno
import pickle
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from distributed import get_worker

from imap_bulk.archives.base import Archive
from imap_bulk.engine.engine import Engine
from imap_bulk.model import Outcome, Pacing, Progress, Setback, Status, Transfer
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

_STREAM_SECONDS = 0.5

NO_PLACE = -1
"""The place of what is told of no transfer."""


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
    async with archive, StorageTransport(settings, archive.name) as transport:
        engine = asyncio.ensure_future(Engine(archive, transport, root, settings).run(transfers, wire.take))
        while not engine.done():
            await asyncio.wait([engine], timeout=_STREAM_SECONDS)
            wire.send()
            if not token.exists():  # nobody waits for us any more
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
