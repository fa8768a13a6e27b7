"""What the engine asks of an archive, and no more."""

from pathlib import Path
from typing import Protocol

from imap_bulk.model import Proof, SignedUrl, Transfer


class Signer(Protocol):
    """Signs URLs; every archive does."""

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """Ask for a URL to GET from. Raises BulkError."""

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """Ask for a URL to PUT to. Raises AlreadyArchived when there is nothing to do, BulkError."""

    @property
    def content_proves(self) -> bool:
        """Whether `accept` may find a proof that verifies."""

    def accept(self, transfer: Transfer, part: Path) -> Proof | None:
        """Look at the content before it gets its final name; return what it proves. Raises Garbled, Rejected."""
