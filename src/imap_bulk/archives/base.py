"""Archive: what every archive adapter promises. The engine asks for the last three methods and no more."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol, Self

from imap_bulk.model import RemoteFile, SignedUrl, Transfer


class Archive(Protocol):
    """A remote service that searches, and signs URLs for what it finds.

    Built from plain values, opened by `async with`, and picklable whenever it is not open.
    A read-only archive raises `ReadOnly` from `sign_upload` before any request.
    """

    @property
    def name(self) -> str:
        """What tells this archive from others in a journal: its base URL, without credentials."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    def search(self, query: Any) -> AsyncIterator[RemoteFile]:
        """Yield every file that matches this archive's own kind of query, each once."""

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """Ask for a URL to GET `transfer.key` from. Raises NotFound, AccessDenied, TransientError."""

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """Ask for a URL to PUT `transfer.path` to. Raises AlreadyArchived, AccessDenied, TransientError."""

    def accept(self, transfer: Transfer, part: Path) -> None:
        """Look at the content before it gets its final name. Raises Garbled, Rejected."""
