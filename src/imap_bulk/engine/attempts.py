"""The attempts at one transfer: sign, move, verify; and to ask, when an upload may have arrived unnoticed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from imap_bulk.engine.download import Download, Way
from imap_bulk.engine.pace import Paces
from imap_bulk.engine.paced import ARCHIVE
from imap_bulk.engine.receipt import Receipt
from imap_bulk.engine.signer import Signer
from imap_bulk.engine.tickets import Ticket
from imap_bulk.engine.upload import ConfirmedWith, compare, upload
from imap_bulk.errors import AccessDenied, AlreadyArchived, BulkError, NotFound, Unverified
from imap_bulk.model import Direction, Outcome, Pacing, Progress, Setback, SignedUrl, Status
from imap_bulk.retry import Surroundings

Report = Callable[[Progress | Setback | Outcome | Pacing], None]


@dataclass(frozen=True, slots=True)
class Desk:
    """What all workers of a run share."""

    signer: Signer
    way: Way
    paces: Paces
    report: Report
    confirmed_with: ConfirmedWith = field(default_factory=dict)


class Attempts(Surroundings):
    """Counts the attempts at one transfer, the first of which uses the URL on its ticket."""

    is_paced = True

    def __init__(self, ticket: Ticket, desk: Desk) -> None:
        self._desk = desk
        self._ticket: Ticket | None = ticket
        self._transfer = ticket.transfer
        self._started = time.monotonic()
        self._count = 0
        self._signed_url: SignedUrl | None = None
        self._sent = False
        self._download = Download(desk.way, ticket.transfer, self._progress)

    def position(self) -> int:
        """Bytes that are here, and stay for the next attempt."""
        return self._download.position

    def host_is_down(self) -> bool:
        """Tell whether a failure is the host's rather than this transfer's."""
        return self._desk.paces.is_down

    def host_is_lost(self) -> bool:
        """Tell whether a host has been down for longer than one waits."""
        return self._desk.paces.is_lost

    async def close(self) -> None:
        """Leave nothing open."""
        await self._download.close()

    async def next(self) -> Receipt:
        """Sign late, move, verify."""
        self._count += 1
        self._signed_url = None
        try:
            if self._download.is_verified:
                return await self._download.deliver()
            if self._transfer.direction is Direction.PULL:
                return await self._pull()
            return await self._push()
        except BulkError as error:
            self._desk.report(Setback(self._transfer, self._host(), self._count, error))
            raise

    def _host(self) -> str:
        """Tell whose doing a failure is."""
        delivery = self._desk.way.delivery
        if delivery and self._download.is_verified:
            return delivery.host
        return self._signed_url.host if self._signed_url else ARCHIVE

    def done(self, receipt: Receipt) -> Outcome:
        """Tell how the transfer has ended well."""
        return Outcome(
            self._transfer,
            receipt.status,
            self._count,
            time.monotonic() - self._started,
            receipt.bytes,
            receipt.digest,
            receipt.verified_by,
            stored=receipt.stored,
            stamp=receipt.stamp,
        )

    def not_done(self, status: Status, error: BulkError | None = None) -> Outcome:
        """Tell how the transfer has ended otherwise."""
        return Outcome(self._transfer, status, self._count, time.monotonic() - self._started, error=error)

    async def _signed(self) -> SignedUrl:
        ticket, self._ticket = self._ticket, None
        if ticket and ticket.is_fresh():
            signed = ticket.redeem()
        elif self._transfer.direction is Direction.PULL:
            signed = await self._desk.signer.sign_download(self._transfer)
        else:
            signed = await self._desk.signer.sign_upload(self._transfer)
        self._signed_url = signed
        return signed

    async def _pull(self) -> Receipt:
        signed = await self._signed()
        receipt = await self._download.attempt(signed)
        self._desk.paces.known.note(signed.host, signed)
        return receipt

    async def _push(self) -> Receipt:
        way = self._desk.way
        try:
            signed = await self._signed()
        except AlreadyArchived:
            return await self._look_at_what_is_archived()
        self._sent = True  # from here on, the file may arrive without our hearing of it
        return await upload(
            way.transport, signed, self._transfer, way.settings, self._progress, self._desk.confirmed_with
        )

    async def _look_at_what_is_archived(self) -> Receipt:
        """Resolve a 409 by asking: it may be our own upload, whose answer was lost."""
        way = self._desk.way
        try:
            signed = await self._desk.signer.sign_download(self._transfer)
        except (AccessDenied, NotFound):  # there, but not for us to see
            receipt = Receipt(Status.SKIPPED, 0, None, None)
        else:
            receipt = await compare(way.transport, signed, self._transfer)
        if way.settings.require_verified and receipt.digest is None:
            raise Unverified(f"{self._transfer.key}: the archive has it, but shows no digest to compare with")
        if self._sent:
            return replace(receipt, status=Status.DONE, bytes=self._transfer.path.stat().st_size)
        return receipt

    def _progress(self, position: int) -> None:
        self._desk.report(Progress(self._transfer, position))
