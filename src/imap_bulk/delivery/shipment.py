"""One run: what is there and right stays out of the plan, and what comes is remembered."""

import os
from collections.abc import Callable, Iterator
from contextlib import aclosing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

from imap_bulk.bucket import BucketOptions
from imap_bulk.delivery.listing import check, listed
from imap_bulk.journal import DIRECTORY, Delivered, Held, Journal
from imap_bulk.model import Outcome, Proof, Status, Stored, Transfer
from imap_bulk.settings import Settings

_BATCH = 500
"""Transfers that are compared together."""


class Shipment:
    """What one run delivers to a bucket, and what earlier ones have. A context manager: opens the journal."""

    _delivered: Delivered

    def __init__(
        self, bucket: BucketOptions, data_dir: Path, archive: str, settings: Settings, *, create: bool
    ) -> None:
        """Deliver what comes from `archive`; `create` the journal of `data_dir`, if there is none."""
        self._bucket = bucket
        self._store = bucket.open(retries=0)  # ours are `retry`'s
        self._settings = settings
        self._open = partial(Delivered, data_dir, archive, f"{bucket.shown} at {bucket.origin}", create=create)
        self.scratch = data_dir / DIRECTORY / "outgoing"
        """Where part files lie while they are on their way; no object key leads there."""

    def __enter__(self) -> Self:
        self._delivered = self._open().__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._delivered.__exit__(*exc_info)

    def place_of(self, key: str) -> Path:
        """Tell beside which path a part file lies: all of them in one directory, where nobody looks for files."""
        return self.scratch / key.rpartition("/")[2]

    async def check(self) -> None:
        """See, before anything else is asked, that the bucket is there and may be used. Raises BadBucket."""
        await check(self._bucket, self._store, self._settings)

    async def leave_out(self, journal: Journal, skip: Callable[[Outcome], None]) -> None:
        """Take out of the plan what was delivered and is still in the bucket as it was, and `skip` it.

        Raises BulkError when the bucket cannot be listed.
        """
        span = journal.span()
        if span is None or self._settings.overwrite or not self._delivered.has_any():
            return
        directory = os.path.commonprefix(span).rpartition("/")[0]  # noqa: RUF071  keys are no paths
        async with aclosing(listed(self._bucket, self._store, directory, self._settings)) as pages:
            async for page in pages:
                self._delivered.note(page)
        for batch in _batches(journal.todo()):
            held = self._delivered.still_there([transfer.key for transfer in batch])
            needless = [each for each in batch if each.key in held and self._is_enough(held[each.key], each)]
            journal.take_out(needless)
            for transfer in needless:
                skip(self._skipped(transfer, held[transfer.key]))

    def _is_enough(self, held: Held, transfer: Transfer) -> bool:
        if transfer.size not in (None, held.size) or transfer.digest not in (None, held.digest):
            return False
        verified = transfer.digest is not None or (held.verified_by is not None and held.verified_by.verifies)
        return verified or not self._settings.require_verified

    def _skipped(self, transfer: Transfer, held: Held) -> Outcome:
        proof = Proof.MANIFEST if transfer.digest else held.verified_by
        stored = Stored(f"{self._bucket.shown}/{transfer.key}", held.size, held.etag)
        return Outcome(transfer, Status.SKIPPED, digest=held.digest, verified_by=proof, stored=stored)

    def notebook(self, journal: Journal) -> "Notebook":
        """Return where the run writes down how transfers ended."""
        return Notebook(self._delivered, journal)


class Notebook:
    """Writes down what was delivered, and in the journal what failed."""

    def __init__(self, delivered: Delivered, journal: Journal) -> None:
        self._delivered = delivered
        self._journal = journal

    def write(self, outcome: Outcome) -> None:
        """Remember how a transfer ended."""
        if outcome.stored:
            self._delivered.write(outcome, outcome.stored)
        else:
            self._journal.write(outcome)


def _batches(transfers: Iterator[Transfer]) -> Iterator[list[Transfer]]:
    while batch := list(islice(transfers, _BATCH)):
        yield batch
