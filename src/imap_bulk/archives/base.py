"""Archive: what every archive adapter promises. The engine asks for what follows `search` and no more."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol, Self

from imap_bulk.model import Proof, RemoteFile, SignedUrl, Transfer


class Archive(Protocol):
    """A remote service that searches, and signs URLs for what it finds.

    Built from plain values, opened by `async with`, and picklable whenever it is not open. An archive that a
    cluster pulls from is picklable while it is open, too: the copy is a closed one.
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

    @property
    def content_proves(self) -> bool:
        """Whether `accept` may find a proof that verifies: then a file without a digest is fetched to find out."""

    def accept(self, transfer: Transfer, part: Path) -> Proof | None:
        """Look at the content before it gets its final name, in a thread if it is long.

        Returns what the content proves by itself, such as checksums within it. Raises Garbled, DigestMismatch,
        Rejected.
        """
