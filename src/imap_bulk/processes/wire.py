"""What engines tell other processes: events without their transfers, which are known at both ends."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from imap_bulk.digest import Digest
from imap_bulk.engine.attempts import Report
from imap_bulk.model import Outcome, Pacing, Progress, Proof, Setback, Status, Transfer
from imap_bulk.stamp import Stamp

NO_PLACE = -1
"""The place of what is told of no transfer."""

_LENGTH_BYTES = 4

Placed = tuple[int, Transfer]
"""A transfer, and the number by which both ends call it."""

Told = list[tuple[int, Any]]
"""Events by the places of their transfers."""


class Telling:
    """Collects what an engine reports, until it is time to send it."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._newest: dict[int, Progress | Outcome] = {}
        self._beside: Told = []

    def expect(self, transfers: Iterable[Placed]) -> None:
        """Take note of transfers that will be reported of."""
        self._places.update((transfer.key, place) for place, transfer in transfers)

    def take(self, event: Progress | Setback | Outcome | Pacing) -> None:
        """Keep the newest word on each transfer, and all that went wrong on its way.

        What was cancelled is not told: the other end knows what has no outcome.
        """
        if isinstance(event, Pacing):
            self._beside.append((NO_PLACE, event))
        elif isinstance(event, Setback):
            self._beside.append((self._places[event.transfer.key], _brief(event)))
        elif not isinstance(event, Outcome):
            self._newest[self._places[event.transfer.key]] = _brief(event)
        elif event.status is not Status.CANCELLED:
            self._newest[self._places.pop(event.transfer.key)] = _brief(event)

    def collect(self) -> Told:
        """Return what has not been sent."""
        told = [*self._beside, *self._newest.items()]
        self._beside, self._newest = [], {}
        return told


class _Moved(NamedTuple):
    """An outcome as nearly all are, in plain values, which take half the time to pack and unpack."""

    status: str
    attempts: int
    seconds: float
    bytes: int
    digest: str | None
    verified_by: str | None
    stamp: Stamp | None


def _brief(event: Any) -> Any:
    if not isinstance(event, Outcome) or event.error or event.stored or event.is_cached:
        return replace(event, transfer=None)
    digest = str(event.digest) if event.digest else None
    return _Moved(
        event.status.value,
        event.attempts,
        event.seconds,
        event.bytes,
        digest,
        event.verified_by.value if event.verified_by else None,
        event.stamp,
    )


def _whole(event: Any, transfer: Transfer) -> Any:
    if not isinstance(event, _Moved):
        return replace(event, transfer=transfer)
    status, attempts, seconds, n_bytes, digest, proof, stamp = event
    return Outcome(
        transfer,
        Status(status),
        attempts,
        seconds,
        n_bytes,
        Digest.kept(digest) if digest else None,
        Proof(proof) if proof else None,
        stamp=stamp,
    )


@dataclass(slots=True)
class Dealt:
    """What was dealt to another process, and how it fares there."""

    open: dict[int, Transfer] = field(default_factory=dict)
    """Transfers without an outcome as yet, by their places."""
    outcomes: int = 0
    attempts: int = 0

    def hear(self, told: Told, report: Report) -> None:
        """Report what is told, each outcome once."""
        for place, event in told:
            if place == NO_PLACE:
                report(event)
                continue
            transfer = self.open.get(place)
            if transfer is None:
                continue
            if isinstance(event, Outcome | _Moved):
                del self.open[place]
                self.outcomes += 1
                self.attempts += event.attempts
            report(_whole(event, transfer))

    def left(self) -> list[Transfer]:
        """Return those without an outcome, in order."""
        return [self.open[place] for place in sorted(self.open)]


def packed(message: object) -> bytes:
    """Make a frame of a message: its length in four bytes, and itself, pickled."""
    pickled = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(pickled).to_bytes(_LENGTH_BYTES, "big") + pickled


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[Any]:
    """Yield what the process at the other end of a pipe sends, until that is closed."""
    try:
        while True:
            length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
            yield pickle.loads(await reader.readexactly(length))  # noqa: S301  from our own child or parent
    except (asyncio.IncompleteReadError, ConnectionError):
        return
