"""What is there and right does not move: it is decided first, and the rest goes into the plan.

Of very many files that are known to be named rightly, the first ones move while others are being decided on.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from imap_bulk.bulk.tally import Tally
from imap_bulk.bulk.wanting import Batch
from imap_bulk.digest import Digest
from imap_bulk.engine.places import Remains
from imap_bulk.journal import Journal, Voucher
from imap_bulk.model import Direction, Outcome, Plan, Proof, Skipped, There, Transfer, Wanted
from imap_bulk.settings import Settings
from imap_bulk.stamp import Stamp

ENOUGH = 50_000
"""Files to begin with while others are decided on: they take longer to move than a million to decide on."""


class Planner:
    """Decides what need not move, and puts the rest into the journal's plan."""

    def __init__(
        self,
        direction: Direction,
        journal: Journal,
        settings: Settings,
        tally: Tally,
        remains: Remains | None = None,
    ) -> None:
        """Decide; of `remains`, what killed runs left beside a pulled file that is there goes away."""
        self._remains = remains
        self._direction = direction
        self._journal = journal
        self._settings = settings
        self._tally = tally
        self._files = self._bytes = self._unsized = 0
        self._dealt = self._dealt_files = 0
        """The number up to which `todo` has yielded, and how many files it has."""
        self.enough = asyncio.Event()
        """Whether there is enough to begin with, or all there is."""
        self.whole = asyncio.Event()

    async def plan(self, batches: AsyncIterator[Batch]) -> None:
        """Decide on all files; what is decided may move meanwhile."""
        async for batch in batches:
            await self._decide(batch)
            if self._files >= ENOUGH:
                self.enough.set()
            await asyncio.sleep(0)  # who waits for the event loop waits for no more than a batch
        self.whole.set()
        self.enough.set()

    def told(self) -> Plan:
        """Tell what is planned by now."""
        return Plan(self._files, self._bytes, self._unsized, self._tally.skipped, is_whole=self.whole.is_set())

    @property
    def left(self) -> int:
        """How many files are decided to move that `todo` has not yielded."""
        return self._files - self._dealt_files

    def todo(self) -> Iterator[Transfer]:
        """Yield what is decided to move, until there is no more for now; the next call goes on from there."""
        while self._dealt < self._journal.planned:
            last, self._dealt, self._dealt_files = self._dealt, self._journal.planned, self._files
            yield from self._journal.todo(last, self._dealt)

    def leave_out(self, outcome: Outcome) -> None:
        """Take an outcome of a file that is planned, but was taken out of the journal's plan again."""
        size = outcome.transfer.size
        self._files -= 1
        self._bytes -= size or 0
        self._unsized -= size is None
        self._tally.take_at_once(outcome)

    async def _decide(self, batch: Batch) -> None:
        for failure in batch.failures:
            self._tally.take_at_once(failure)
        wanted = batch.wanted
        vouchers = {} if self._settings.overwrite else self._journal.vouchers(wanted)
        there = _vouched_for(wanted, vouchers, self._settings)
        proven: dict[int, Stamp] = {}
        if self._direction is Direction.PULL and not self._settings.overwrite:
            proven = await _proven(wanted, there)
            there |= {at: There(wanted[at], wanted[at].digest, Proof.MANIFEST) for at in proven}
            if self._remains:
                self._remains.remove([file.wanted.path for file in there.values()])
        new = self._journal.add(wanted, there, once=batch.once)
        if len(new) < len(wanted):
            there = {at: there[at] for at in new if at in there}
        self._skip(there, vouchers, proven)
        left = [wanted[at].size for at in new if at not in there]
        self._files += len(left)
        self._bytes += sum(filter(None, left))
        self._unsized += left.count(None)

    def _skip(
        self, there: Mapping[int, There], vouchers: Mapping[int, Voucher], proven: Mapping[int, Stamp]
    ) -> None:
        if not there:
            return
        self._tally.skip(Skipped(self._direction, tuple(there.values())))
        # Only a digest that is wanted can prove more than the journal has.
        news = [at for at, file in there.items() if file.wanted.digest and vouchers.get(at) != file[1:]]
        outcomes = Skipped(self._direction, tuple(there[at] for at in news)).outcomes()
        for at, outcome in zip(news, outcomes, strict=True):
            self._journal.write(replace(outcome, stamp=proven.get(at)))


def _vouched_for(
    several: Sequence[Wanted], vouchers: Mapping[int, Voucher], settings: Settings
) -> dict[int, There]:
    """Return those for which an earlier run is proof enough that nothing need move, by position."""
    return {
        at: There(wanted, digest, Proof.MANIFEST if wanted.digest else proof)
        for at, (digest, proof) in vouchers.items()
        if _satisfies(digest, proof, wanted := several[at], settings)
    }


def _satisfies(digest: str | None, proof: Proof | None, wanted: Wanted, settings: Settings) -> bool:
    if wanted.digest:
        return wanted.digest == digest
    return not settings.require_verified or (proof is not None and proof.verifies)


async def _proven(several: Sequence[Wanted], there: Container[int]) -> dict[int, Stamp]:
    """Return which files those are that nothing vouches for, but whose bytes prove to be what is wanted."""
    proven: dict[int, Stamp] = {}
    for at, wanted in enumerate(several):
        # Most are not there: to be told so by an exception, as by is_file() alone, takes three times as long.
        if wanted.digest is None or at in there or not os.access(wanted.path, os.F_OK):
            continue
        if stamp := await _found(wanted.path, Digest.kept(wanted.digest)):
            proven[at] = stamp
    return proven


async def _found(path: str, digest: Digest) -> Stamp | None:
    """Return which file of this digest is there, if there is."""
    file = Path(path)
    if not file.is_file():
        return None
    before = file.stat()
    found = await asyncio.to_thread(Digest.of, file, digest.algorithm)
    return Stamp.of(before) if found == digest else None
