"""What is there and right does not move: it is decided before anything does, and the rest goes into the plan."""

import asyncio
import os
from collections.abc import AsyncIterator

from imap_bulk.bulk.tally import Tally
from imap_bulk.digest import Digest
from imap_bulk.journal import Journal, Record
from imap_bulk.model import Direction, Outcome, Proof, Status, Transfer
from imap_bulk.settings import Settings

BATCH = 500
"""Transfers that are planned together."""


async def plan(
    wanted: AsyncIterator[Transfer | Outcome], journal: Journal, settings: Settings, tally: Tally
) -> None:
    """Decide before anything moves: what is there and right is skipped, the rest goes into the journal's plan."""
    batch: list[Transfer] = []
    async for transfer in wanted:
        if isinstance(transfer, Outcome):
            tally.take_at_once(transfer)
            continue
        batch.append(transfer)
        if len(batch) == BATCH:
            await _plan_some(batch, journal, settings, tally)
            batch.clear()
    await _plan_some(batch, journal, settings, tally)


async def _plan_some(batch: list[Transfer], journal: Journal, settings: Settings, tally: Tally) -> None:
    added = journal.add(batch)
    await asyncio.sleep(0)  # who waits for the event loop, an interrupt say, waits for no more than a batch
    if settings.overwrite:
        return
    needless: list[Transfer] = []
    for transfer, record in added:
        skipped = _vouched_for(transfer, record, settings)
        if skipped or (_may_prove(transfer) and (skipped := await _proven_on_disk(transfer))):
            needless.append(transfer)
            tally.take_at_once(skipped)
            if record is None or record.verified_by is not skipped.verified_by:
                journal.write(skipped)
    journal.take_out(needless)


def _vouched_for(transfer: Transfer, record: Record | None, settings: Settings) -> Outcome | None:
    """Return a skipped outcome if the journal's record is proof enough that nothing need move."""
    if record is None or not _satisfies(record, transfer, settings):
        return None
    proof = Proof.MANIFEST if transfer.digest else record.verified_by
    return Outcome(transfer, Status.SKIPPED, digest=record.digest, verified_by=proof)


def _may_prove(transfer: Transfer) -> bool:
    """Tell whether there is something on disk that a digest could prove to be what is wanted."""
    # Most are not there: to be told so by an exception, as by is_file() alone, takes three times as long.
    return (
        transfer.direction is Direction.PULL and transfer.digest is not None and os.access(transfer.path, os.F_OK)
    )


async def _proven_on_disk(transfer: Transfer) -> Outcome | None:
    """Return a skipped outcome if the bytes on disk prove that nothing need move."""
    if transfer.digest and transfer.path.is_file():
        found = await asyncio.to_thread(Digest.of, transfer.path, transfer.digest.algorithm)
        if found == transfer.digest:
            return Outcome(transfer, Status.SKIPPED, digest=found, verified_by=Proof.MANIFEST)
    return None


def _satisfies(record: Record, transfer: Transfer, settings: Settings) -> bool:
    if transfer.digest and transfer.digest != record.digest:
        return False
    verified = transfer.digest is not None or (record.verified_by is not None and record.verified_by.verifies)
    return verified or not settings.require_verified
