"""Tickets: URLs that were asked for a little ahead, while the bodies before them still stream."""

import time
from dataclasses import dataclass

from imap_bulk.engine.signer import Signer
from imap_bulk.errors import BulkError
from imap_bulk.model import Direction, SignedUrl, Transfer

_LIFE_UNKNOWN = 60.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """A transfer, and its URL, or why there is none."""

    transfer: Transfer
    signed: SignedUrl | BulkError
    good_until: float
    """By `time.monotonic`."""

    def is_fresh(self) -> bool:
        """Tell whether the URL may still be used, or the refusal still be believed."""
        return time.monotonic() < self.good_until

    def redeem(self) -> SignedUrl:
        """Return the URL. Raises what signing raised."""
        if isinstance(self.signed, BulkError):
            raise self.signed
        return self.signed


async def sign(transfer: Transfer, signer: Signer) -> Ticket:
    """Have a URL signed. A refusal is kept for the transfer's first attempt; any other error is raised."""
    try:
        if transfer.direction is Direction.PULL:
            signed = await signer.sign_download(transfer)
        else:
            signed = await signer.sign_upload(transfer)
    except BulkError as error:
        return Ticket(transfer, error, time.monotonic() + _LIFE_UNKNOWN)
    return Ticket(transfer, signed, time.monotonic() + _half_life(signed))


def _half_life(signed: SignedUrl) -> float:
    """Tell how long a URL is used without asking anew: half of its life, so that a large body still gets its time.

    One that is over at once shows that the clocks differ; then its life is unknown.
    """
    life = signed.expires_at - time.time() if signed.expires_at is not None else 0.0
    return life / 2 if life > 0 else _LIFE_UNKNOWN
