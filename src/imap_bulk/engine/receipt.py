"""What an attempt brings."""

from dataclasses import dataclass

from imap_bulk.digest import Digest
from imap_bulk.model import Proof, Status, Stored
from imap_bulk.stamp import Stamp


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a successful attempt brought: done, or skipped because the other side has it already."""

    status: Status
    bytes: int
    digest: Digest | None
    verified_by: Proof | None
    stored: Stored | None = None
    stamp: Stamp | None = None
