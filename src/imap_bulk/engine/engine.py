"""The engine: workers take transfers from one shared iterator, try each until it is done or hopeless.

No queue and no task per file: memory depends on the number of workers alone. Outcomes go to a callback,
because an async generator that owns tasks cannot be left safely (PEP 789).
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from imap_bulk.engine.download import Download, Way, memory_of_stream
from imap_bulk.engine.pace import Paces
from imap_bulk.engine.paced import PacedSigner, PacedTransport
from imap_bulk.engine.places import Places
from imap_bulk.engine.signer import Signer
from imap_bulk.engine.together import together
from imap_bulk.engine.transport import Transport
from imap_bulk.engine.upload import compare, upload
from imap_bulk.errors import AccessDenied, AlreadyArchived, BulkError, NotFound, Unverified
from imap_bulk.model import Direction, Outcome, Progress, Receipt, Status, Transfer
from imap_bulk.retry import Surroundings, persist
from imap_bulk.settings import Settings

Report = Callable[[Progress | Outcome], None]


@dataclass(frozen=True, slots=True)
class Engine:
    """Moves transfers between `root` and storage, with URLs that `signer` signs."""

    signer: Signer
    transport: Transport
    root: Path
    settings: Settings

    async def run(self, transfers: Iterable[Transfer], report: Report) -> None:
        """Try every transfer and report how each ended.

        Raises whatever is no BulkError (a full disk, a bug): that ends the run, not one transfer.
        """
        paces = Paces(self.settings)
        signer = PacedSigner(self.signer, paces)
        transport = PacedTransport(self.transport, paces, self.settings)
        way = Way(transport, Places(self.root), self.settings, signer.accept, paces.budget)
        desk = _Desk(signer, way, paces, report)
        shared = iter(transfers)
        await together(_work(shared, desk) for _ in range(self.settings.jobs))


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the workers of a run share."""

    signer: Signer
    way: Way
    paces: Paces
    report: Report


async def _work(transfers: Iterator[Transfer], desk: _Desk) -> None:
    for transfer in transfers:
        desk.report(await _move(transfer, desk))


async def _move(transfer: Transfer, desk: _Desk) -> Outcome:
    """Give one transfer its attempts."""
    attempts = _Attempts(transfer, desk)
    started = time.monotonic()
    try:
        async with desk.paces.budget.hold(memory_of_stream(desk.way.settings)):
            receipt = await persist(attempts.next, desk.way.settings, attempts)
    except BulkError as error:
        return attempts.outcome(Status.FAILED, started, error=error)
    except asyncio.CancelledError:
        desk.report(attempts.outcome(Status.CANCELLED, started))
        raise
    finally:
        await attempts.close()
    return replace(
        attempts.outcome(receipt.status, started),
        bytes=receipt.bytes,
        digest=receipt.digest,
        verified_by=receipt.verified_by,
    )


class _Attempts(Surroundings):
    """The attempts at one transfer: counts them, and remembers whether an upload may have arrived unnoticed."""

    is_paced = True

    def __init__(self, transfer: Transfer, desk: _Desk) -> None:
        self._desk = desk
        self._transfer = transfer
        self._count = 0
        self._sent = False
        self._download = Download(desk.way, transfer, self._progress)

    def position(self) -> int:
        """Bytes that are here, and stay for the next attempt."""
        return self._download.position

    def host_is_down(self) -> bool:
        """Tell whether a failure is the host's rather than this transfer's."""
        return self._desk.paces.is_down

    def host_is_lost(self) -> bool:
        """Tell whether a host has been down for longer than one waits."""
        return self._desk.paces.is_lost

    async def close(self) -> None:
        """Leave nothing open."""
        await self._download.close()

    async def next(self) -> Receipt:
        """Sign late, move, verify."""
        self._count += 1
        if self._transfer.direction is Direction.PULL:
            return await self._pull()
        return await self._push()

    async def _pull(self) -> Receipt:
        signed = await self._desk.signer.sign_download(self._transfer)
        return await self._download.attempt(signed)

    async def _push(self) -> Receipt:
        way = self._desk.way
        try:
            signed = await self._desk.signer.sign_upload(self._transfer)
        except AlreadyArchived:
            return await self._look_at_what_is_archived()
        self._sent = True  # from here on, the file may arrive without our hearing of it
        return await upload(way.transport, signed, self._transfer, way.settings, self._progress)

    async def _look_at_what_is_archived(self) -> Receipt:
        """Resolve a 409 by asking: it may be our own upload, whose answer was lost."""
        way = self._desk.way
        try:
            signed = await self._desk.signer.sign_download(self._transfer)
        except (AccessDenied, NotFound):  # there, but not for us to see
            receipt = Receipt(Status.SKIPPED, 0, None, None)
        else:
            receipt = await compare(way.transport, signed, self._transfer)
        if way.settings.require_verified and receipt.digest is None:
            raise Unverified(f"{self._transfer.key}: the archive has it, but shows no digest to compare with")
        if self._sent:
            return replace(receipt, status=Status.DONE, bytes=self._transfer.path.stat().st_size)
        return receipt

    def _progress(self, position: int) -> None:
        self._desk.report(Progress(self._transfer, position))

    def outcome(self, status: Status, started: float, error: BulkError | None = None) -> Outcome:
        return Outcome(self._transfer, status, self._count, time.monotonic() - started, error=error)
