"""Whether a 404 is believed: the archive gives it for whatever its storage answers it, throttling included."""

from collections import Counter

from imap_bulk.model import Direction, Transfer
from imap_bulk.retry import MAX_DOUBTS

_ENOUGH_GONE = 100
"""When so many were asked for in vain, they are not there: asking three times for ten thousand takes minutes."""


class Doubts:
    """How often the archive has said of a file that is known from elsewhere that it is not there."""

    def __init__(self) -> None:
        self._told: Counter[str] = Counter()
        self._gone = 0

    def is_doubtful(self, transfer: Transfer) -> bool:
        """Tell whether to ask once more for a file that the archive has just said not to have.

        Somebody has had one whose digest is known, as those of a lock file; a name alone may be a slip of the pen.
        """
        if transfer.direction is Direction.PUSH or transfer.digest is None or self._gone >= _ENOUGH_GONE:
            return False
        self._told[transfer.key] += 1
        if self._told[transfer.key] <= MAX_DOUBTS:
            return True
        del self._told[transfer.key]
        self._gone += 1
        return False
