"""Where files go, as plain values that travel to workers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from imap_bulk.bucket import BucketOptions
from imap_bulk.delivery.putting import Putting
from imap_bulk.delivery.shipment import Shipment
from imap_bulk.engine.delivery import BeginDelivery
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport


@dataclass(frozen=True, slots=True)
class Destination:
    """A bucket, and a prefix in it, behind which each object key stands."""

    bucket: BucketOptions

    def __str__(self) -> str:
        return self.bucket.shown

    def shipment(self, data_dir: Path, archive: str, settings: Settings, *, create: bool) -> Shipment:
        """Return what one run delivers; `create` its journal."""
        return Shipment(self.bucket, data_dir, archive, settings, create=create)

    @asynccontextmanager
    async def opened(self, settings: Settings) -> AsyncIterator[BeginDelivery]:
        """Open the way there, which carries none of the archive's credentials."""
        async with StorageTransport(settings, self.bucket.origin) as transport:
            yield Putting(self.bucket, self.bucket.open(), transport, settings).begin
