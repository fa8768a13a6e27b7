"""The engine: workers take transfers from one shared iterator, try each until it is done or hopeless.

No queue and no task per file: memory depends on the number of workers alone. Outcomes go to a callback,
because an async generator that owns tasks cannot be left safely (PEP 789).
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from imap_bulk.engine.download import Download, Way
from imap_bulk.engine.together import together
from imap_bulk.engine.transport import Transport
from imap_bulk.engine.upload import compare, upload
from imap_bulk.errors import AccessDenied, AlreadyArchived, BulkError, NotFound, Unverified
from imap_bulk.model import Direction, Outcome, Progress, Receipt, SignedUrl, Status, Transfer
from imap_bulk.retry import persist
from imap_bulk.settings import Settings


class Signer(Protocol):
    """What the engine asks of an archive."""

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """Ask for a URL to GET from."""

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """Ask for a URL to PUT to."""

    def accept(self, transfer: Transfer, part: Path) -> None:
        """Look at the content before it gets its final name."""


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
        shared = iter(transfers)
        way = Way(self.transport, self.root, self.settings, self.signer.accept)
        await together(self._work(shared, way, report) for _ in range(self.settings.jobs))

    async def _work(self, transfers: Iterator[Transfer], way: Way, report: Report) -> None:
        for transfer in transfers:
            report(await self._move(transfer, way, report))

    async def _move(self, transfer: Transfer, way: Way, report: Report) -> Outcome:
        """Give one transfer its attempts."""
        attempts = _Attempts(self, transfer, way, report)
        started = time.monotonic()
        try:
            receipt = await persist(attempts.next, self.settings, attempts.position)
        except BulkError as error:
            return attempts.outcome(Status.FAILED, started, error=error)
        except asyncio.CancelledError:
            report(attempts.outcome(Status.CANCELLED, started))
            raise
        finally:
            await attempts.close()
        return replace(
            attempts.outcome(receipt.status, started),
            bytes=receipt.bytes,
            digest=receipt.digest,
            verified_by=receipt.verified_by,
        )


class _Attempts:
    """The attempts at one transfer: counts them, and remembers whether an upload may have arrived unnoticed."""

    def __init__(self, engine: Engine, transfer: Transfer, way: Way, report: Report) -> None:
        self._engine = engine
        self._transfer = transfer
        self._report = report
        self._count = 0
        self._sent = False
        self._download = Download(way, transfer, self._progress)

    def position(self) -> int:
        """Bytes that are here, and stay for the next attempt."""
        return self._download.position

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
        signed = await self._engine.signer.sign_download(self._transfer)
        return await self._download.attempt(signed)

    async def _push(self) -> Receipt:
        engine = self._engine
        try:
            signed = await engine.signer.sign_upload(self._transfer)
        except AlreadyArchived:
            return await self._look_at_what_is_archived()
        return await upload(engine.transport, signed, self._transfer, engine.settings, self._progress)

    async def _look_at_what_is_archived(self) -> Receipt:
        """Resolve a 409 by asking: it may be our own upload, whose answer was lost."""
        engine = self._engine
        try:
            signed = await engine.signer.sign_download(self._transfer)
        except (AccessDenied, NotFound):  # there, but not for us to see
            receipt = Receipt(Status.SKIPPED, 0, None, None)
        else:
            receipt = await compare(engine.transport, signed, self._transfer)
        if engine.settings.require_verified and receipt.digest is None:
            raise Unverified(f"{self._transfer.key}: the archive has it, but shows no digest to compare with")
        if self._sent:
            return replace(receipt, status=Status.DONE, bytes=self._transfer.path.stat().st_size)
        return receipt

    def _progress(self, position: int) -> None:
        self._sent = self._transfer.direction is Direction.PUSH
        self._report(Progress(self._transfer, position))

    def outcome(self, status: Status, started: float, error: BulkError | None = None) -> Outcome:
        return Outcome(self._transfer, status, self._count, time.monotonic() - started, error=error)
