"""The engine: transfers are signed a little ahead, and tried until they are done or hopeless.

    shared iterator -> signers -> a short queue of tickets -> movers -> outcomes

The next URL is asked for while a body streams, so that a small file costs one round trip instead of two. No task
per file: memory depends on the number of workers alone. Outcomes go to a callback, because an async generator
that owns tasks cannot be left safely (PEP 789).
"""

import asyncio
from collections.abc import AsyncIterable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from imap_bulk.engine.attempts import Attempts, Desk, Report
from imap_bulk.engine.delivery import BeginDelivery
from imap_bulk.engine.download import Keep, Way
from imap_bulk.engine.group import GroupCommit
from imap_bulk.engine.health import HealthCheck
from imap_bulk.engine.pace import Paces
from imap_bulk.engine.pace.known import KnownGood
from imap_bulk.engine.paced import ARCHIVE, PacedSigner, PacedTransport
from imap_bulk.engine.places import Places
from imap_bulk.engine.signer import Signer
from imap_bulk.engine.stream import memory_of_stream
from imap_bulk.engine.tickets import Ticket, sign
from imap_bulk.engine.together import together
from imap_bulk.errors import BulkError
from imap_bulk.model import Direction, Outcome, SignedUrl, Status, Transfer
from imap_bulk.retry import persist
from imap_bulk.settings import Settings
from imap_bulk.transport import Transport


@dataclass(frozen=True, slots=True)
class Engine:
    """Moves transfers between `root` and storage, with URLs that `signer` signs."""

    signer: Signer
    transport: Transport
    root: Path
    settings: Settings
    keep: Keep | None = None
    """Takes the part file and digest of each download that was verified, before it is committed."""
    begin_delivery: BeginDelivery | None = None
    """Begins to take what was verified elsewhere: then nothing stays below `root`."""
    paces: Paces | None = None
    """How hard hosts are pressed, for those who have a say in it; else the run's own."""

    async def run(self, transfers: Iterable[Transfer] | AsyncIterable[Transfer], report: Report) -> None:
        """Try every transfer and report how each ended. Several tasks at once ask for the next one.

        Raises whatever is no BulkError (a full disk, a bug): that ends the run, not one transfer.
        """
        paces = self.paces or Paces(self.settings)
        paces.check = HealthCheck(self.signer, self.transport, paces.known)
        signer = PacedSigner(self.signer, paces)
        transport = PacedTransport(self.transport, paces)
        delivery = self.begin_delivery(paces) if self.begin_delivery else None
        places = Places(self.root)
        way = Way(transport, places, self.settings, signer, paces.budget, GroupCommit(), self.keep, delivery)
        desk = Desk(signer, way, paces, report)
        shared = transfers if isinstance(transfers, AsyncIterable) else _AtHand(transfers)
        try:
            await _run(shared, desk, self.settings.jobs)
            places.sweep()
        finally:
            for pacing in paces.told():
                report(pacing)


class _AtHand:
    """Transfers that need not be waited for. No generator: those cannot be asked by several tasks at once."""

    def __init__(self, transfers: Iterable[Transfer]) -> None:
        self._rest: Iterator[Transfer] = iter(transfers)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Transfer:
        for transfer in self._rest:
            return transfer
        raise StopAsyncIteration


async def _run(shared: AsyncIterable[Transfer], desk: Desk, jobs: int) -> None:
    queue: asyncio.Queue[Ticket | None] = asyncio.Queue(jobs)
    signing = jobs

    async def sign_ahead() -> None:
        nonlocal signing
        async for transfer in shared:
            ticket = await sign(transfer, desk.signer)
            _note(ticket, desk.paces.known)
            await queue.put(ticket)
        signing -= 1
        if not signing:
            for _ in range(jobs):
                await queue.put(None)

    async def move() -> None:
        while ticket := await queue.get():
            desk.report(await _move(ticket, desk))

    await together([*(sign_ahead() for _ in range(jobs)), *(move() for _ in range(jobs))])


def _note(ticket: Ticket, known: KnownGood) -> None:
    """Note that the archive has signed, and what storage may be asked for. An upload is not asked for twice."""
    if isinstance(ticket.signed, SignedUrl) and ticket.transfer.direction is Direction.PULL:
        known.note(ARCHIVE, ticket.transfer)
        known.hope(ticket.signed.host, ticket.signed)


async def _move(ticket: Ticket, desk: Desk) -> Outcome:
    """Give one transfer its attempts."""
    attempts = Attempts(ticket, desk)
    borrowed = 0
    try:
        borrowed = await desk.paces.budget.borrow(memory_of_stream(desk.way.settings))
        receipt = await persist(attempts.next, desk.way.settings, attempts)
    except BulkError as error:
        return attempts.not_done(Status.FAILED, error)
    except asyncio.CancelledError:
        desk.report(attempts.not_done(Status.CANCELLED))
        raise
    finally:
        desk.paces.budget.give_back(borrowed)
        await attempts.close()
    return attempts.done(receipt)
