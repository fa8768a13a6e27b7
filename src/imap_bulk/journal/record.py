"""What is known of a file that was moved earlier."""

import os
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from imap_bulk.digest import Digest
from imap_bulk.model import Proof

PROOFS: dict[str | None, Proof | None] = {None: None, **{str(proof): proof for proof in Proof}}
"""By what the tables keep of them; asking the enumeration takes five times as long."""


Voucher = tuple[str | None, Proof | None]
"""What is known of a file that is as it was when it came: its digest as that is written, and what verified it."""


def kept(text: str) -> str | bytes:
    """Write a path, or words with one in them, as SQLite keeps it: its bytes where they are no UTF-8."""
    if text.isascii():  # nearly always, and quickly told
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(text)
    return text


def text_of(kept: str | bytes) -> str:
    """Read what was `kept`."""
    return kept if isinstance(kept, str) else os.fsdecode(kept)


class Record(NamedTuple):
    """What is known of a file that was moved earlier: plain values, for a second run may read a million."""

    key: str
    path: str
    """Absolute."""
    size: int
    mtime_ns: int
    digest: Digest | None
    verified_by: Proof | None

    @classmethod
    def read(cls, root: str, row: Sequence[Any]) -> Self:
        """Take a row of the journal below `root`, its columns in the order of these fields."""
        key, path, size, mtime_ns, digest, verified_by = row
        return cls(
            key,
            os.path.join(root, text_of(path)),  # noqa: PTH118  making a Path takes longer than asking for it
            size,
            mtime_ns,
            Digest.kept(digest) if digest else None,
            PROOFS[verified_by],
        )

    def is_unchanged(self) -> bool:
        """Tell whether the file on disk still has the size and time it was recorded with."""
        try:
            status = os.stat(self.path)  # noqa: PTH116  as above
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.mtime_ns)
