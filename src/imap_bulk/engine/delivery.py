"""What the engine asks of a place that is no disk, and no more: verified files are delivered there."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from imap_bulk.digest import Digest
from imap_bulk.engine.pace import Paces
from imap_bulk.model import Stored, Transfer
from imap_bulk.settings import Settings


class Delivery(Protocol):
    """Takes verified files to where they belong."""

    @property
    def host(self) -> str:
        """Where that is, for those who read of setbacks."""

    @property
    def most_bytes(self) -> int:
        """How large a file may be, so that larger ones are refused before they come."""

    async def deliver(self, transfer: Transfer, part: Path, digest: Digest) -> Stored:
        """Take the bytes at `part`, held to `digest` before, where `transfer.key` belongs, and prove them there.

        Raises BulkError when this attempt failed, SourceChanged when the bytes at `part` are wrong by now, and
        OSError when nothing more can be delivered, which ends the run.
        """


BeginDelivery = Callable[[Paces], Delivery]
"""Begins to deliver, no harder than the place can take."""

OpenDelivery = Callable[[Settings], AbstractAsyncContextManager[BeginDelivery]]
"""Opens the way there for as long as a run lasts; every process opens its own."""
