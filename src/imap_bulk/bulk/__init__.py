"""The verbs, each told from beginning to end: pull, push, verify. The only place where archive and engine meet."""

from imap_bulk.bulk.moving import Move, pull, push
from imap_bulk.bulk.tally import MOST_FAILURES_KEPT, Report, ignore, of_each, orderly
from imap_bulk.bulk.verifying import verify
from imap_bulk.bulk.wanting import each

__all__ = [
    "MOST_FAILURES_KEPT",
    "Move",
    "Report",
    "each",
    "ignore",
    "of_each",
    "orderly",
    "pull",
    "push",
    "verify",
]
