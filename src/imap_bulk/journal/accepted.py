"""Which records an archive has accepted at a place of its own, a data source say, and with what content."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from imap_bulk.journal.schema import change, open_journal, path_of, try_change

_LAST = """
SELECT key, digest FROM accepted WHERE archive = ? AND place = ? AND key IN (SELECT value FROM json_each(?))
"""
_ADD = "INSERT OR REPLACE INTO accepted VALUES (?, ?, ?, ?)"
_FORGET_ALL = "DELETE FROM accepted WHERE archive = ? AND place = ?"
_FORGET = f"{_FORGET_ALL} AND key = ?"


class Accepted:
    """What `archive` has accepted at one `place`. A context manager."""

    def __init__(self, data_dir: Path, archive: str, place: str, *, create: bool = True) -> None:
        """Open the journal, or `create` it; where that is impossible, remember for this run only."""
        self._path = path_of(data_dir.absolute())
        self._of = (archive, place)
        self._database = open_journal(data_dir, create)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def digests(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return, of records of these keys, the digests of those that the archive took last.

        Meant for some hundreds at once: one by one they would each lock the file.
        """
        return dict(self._database.execute(_LAST, (*self._of, json.dumps(keys))).fetchall())

    def add(self, records: Iterable[tuple[str, bytes]]) -> None:
        """Remember records that the archive took, by key and digest."""
        rows: list[tuple[object, ...]] = [(*self._of, key, digest) for key, digest in records]
        try_change(self._database, (_ADD, rows))

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Forget what the archive took, all or some of it: it was deleted since, or did not stay.

        Raises OSError: what is remembered in spite of that would never be sent again.
        """
        if keys is None:
            change(self._database, self._path, (_FORGET_ALL, [self._of]))
        else:
            change(self._database, self._path, (_FORGET, [(*self._of, key) for key in keys]))
