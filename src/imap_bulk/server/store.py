"""What the API asks of whatever keeps the objects: a disk (`objects`) or a bucket (`s3`)."""

from collections.abc import AsyncIterator
from typing import Protocol

from imap_bulk.filenames import FileName
from imap_bulk.server.catalog import Search, StoredObject


class Unreachable(Exception):
    """The objects cannot be asked for; the message holds no credential."""


class Store(Protocol):
    """Keeps objects, and the catalog true to them. Every method may raise OSError or Unreachable."""

    async def find(self, key: str) -> StoredObject | None:
        """Return what is archived at `key`, also where its upload has ended without a word."""

    async def settle(self, search: Search) -> None:
        """Catalogue what has been uploaded and would match, before the search is made."""

    async def expect(self, file: FileName) -> None:
        """Take note that an upload of `file` is about to be signed; returns when that is on disk."""

    async def store(self, file: FileName, pieces: AsyncIterator[bytes | bytearray]) -> StoredObject:
        """Keep an object that begins in this process; returns when it is durable and catalogued."""

    async def close(self) -> None:
        """Let the work under way end."""
