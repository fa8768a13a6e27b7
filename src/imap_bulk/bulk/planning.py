"""What is there and right does not move: it is decided before anything does, and the rest goes into the plan."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

from imap_bulk.bulk.tally import Tally
from imap_bulk.bulk.wanting import Batch
from imap_bulk.digest import Digest
from imap_bulk.journal import Added, Journal, Voucher
from imap_bulk.model import Direction, Outcome, Proof, Skipped, Status, There, Wanted
from imap_bulk.settings import Settings


async def plan(
    batches: AsyncIterator[Batch], direction: Direction, journal: Journal, settings: Settings, tally: Tally
) -> None:
    """Decide before anything moves: what is there and right is skipped, the rest goes into the journal's plan."""
    async for wanted, failures in batches:
        for failure in failures:
            tally.take_at_once(failure)
        added = journal.add(wanted)
        await asyncio.sleep(0)  # who waits for the event loop, an interrupt say, waits for no more than a batch
        if not settings.overwrite:
            there = _vouched_for(added, settings)
            _skip(there, added, direction, journal, tally)
            if direction is Direction.PULL:
                await _prove(added, there, journal, tally)


def _vouched_for(added: Added, settings: Settings) -> dict[int, There]:
    """Return those for which an earlier run is proof enough that nothing need move, by their positions."""
    return {
        at: There(wanted, voucher.digest, Proof.MANIFEST if wanted.digest else voucher.verified_by)
        for at, voucher in added.vouchers.items()
        if _satisfies(voucher, wanted := added.wanted[at], settings)
    }


def _satisfies(voucher: Voucher, wanted: Wanted, settings: Settings) -> bool:
    if wanted.digest:
        return wanted.digest == voucher.digest
    return not settings.require_verified or (voucher.verified_by is not None and voucher.verified_by.verifies)


def _skip(there: dict[int, There], added: Added, direction: Direction, journal: Journal, tally: Tally) -> None:
    if not there:
        return
    journal.take_out_numbers(added.first + at for at in there)
    tally.skip(Skipped(direction, tuple(there.values())))
    proven_anew = [file for at, file in there.items() if added.vouchers[at].verified_by is not file.verified_by]
    for outcome in Skipped(direction, tuple(proven_anew)).outcomes():
        journal.write(outcome)


async def _prove(added: Added, there: dict[int, There], journal: Journal, tally: Tally) -> None:
    """Skip also what nothing vouches for, but whose bytes on disk prove to be what is wanted."""
    for at in _provable(added, there):
        outcome = await _proven_on_disk(added.wanted[at])
        if outcome:
            journal.take_out_numbers([added.first + at])
            tally.take_at_once(outcome)
            journal.write(outcome)


def _provable(added: Added, there: dict[int, There]) -> Iterator[int]:
    """Yield the positions of those that are on disk and that a digest could prove to be what is wanted."""
    for at, wanted in enumerate(added.wanted):
        # Most are not there: to be told so by an exception, as by is_file() alone, takes three times as long.
        if wanted.digest and at not in there and os.access(wanted.path, os.F_OK):
            yield at


async def _proven_on_disk(wanted: Wanted) -> Outcome | None:
    """Return a skipped outcome if the bytes on disk prove that nothing need move."""
    transfer = wanted.transfer(Direction.PULL)
    if transfer.digest and transfer.path.is_file():
        found = await asyncio.to_thread(Digest.of, transfer.path, transfer.digest.algorithm)
        if found == transfer.digest:
            return Outcome(transfer, Status.SKIPPED, digest=found, verified_by=Proof.MANIFEST)
    return None
