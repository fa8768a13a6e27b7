"""A file that is partly here: what is proven of it, what else has arrived, and how a later run finds it.

Proven are the bytes from the start that were hashed in order: the *front*. Streams of a ranged download also
complete blocks beyond it, which are read back and hashed when all before them is there. Every few MiB the front
is recorded beside the part file, with a digest of what it covers: a later run, after a kill, copies exactly
that much into a part file of its own while hashing it again, and goes on behind it. It copies because whoever
wrote the old file may, against appearance, still be alive on another machine.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from imap_bulk.digest import Digest, hasher
from imap_bulk.engine.commit import PartFile
from imap_bulk.engine.places import record_path
from imap_bulk.settings import MIB
from imap_bulk.transport import Piece

BLOCK_BYTES = 8 * MIB
"""The most that one stream of a ranged download fetches at a time, and how often the front is recorded."""

_LEAST_BLOCK_BYTES = MIB
_SHARES = 32  # a block is so much of what is left, two for each of sixteen streams, so that they end together

_READ_BYTES = 256 << 10  # stays in a core's cache between being read back and hashed


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells that two answers speak of one object: a strong ETag, and the whole size in bytes."""

    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class PartRecord:
    """What is known of a part file: `proven` bytes from its start have this digest."""

    key: str
    etag: str
    size: int
    proven: int
    digest: str

    @property
    def algorithm(self) -> str:
        """What its bytes were hashed with."""
        return self.digest.partition(":")[0]

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Read a record; None when there is none, or a kill left half of one."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None


class Partial:
    """The bytes of one object on their way into one part file."""

    def __init__(self, key: str, part: PartFile, algorithm: str, identity: Identity | None) -> None:
        self.key = key
        self._algorithm = algorithm
        self._hash = hasher(algorithm)
        self._recorded = 0
        self._beyond: dict[int, int] = {}
        self.part = part
        self.identity = identity
        self.front = 0
        """Bytes from the start that are written and hashed."""
        self._whole = 0
        """Bytes from the start that are written: up to the first gap."""

    @property
    def position(self) -> int:
        """Bytes that have arrived, in order or not."""
        return self._whole + sum(self._beyond.values())

    def append(self, chunk: Piece) -> None:
        """Write and hash what comes next. Raises OSError."""
        self.part.write(self.front, chunk)
        self._hash.update(chunk)
        self.front += len(chunk)
        self._whole = self.front
        if self.front - self._recorded >= BLOCK_BYTES:
            self._record()

    def add_block(self, start: int, length: int) -> None:
        """Note a block that was written beyond the front."""
        self._beyond[start] = length
        while length := self._beyond.pop(self._whole, 0):
            self._whole += length

    def prove(self) -> None:
        """Read back and hash what was written beyond the front, up to the first gap. Raises OSError.

        In a thread, this may go on while blocks are added.
        """
        buffer = memoryview(bytearray(_READ_BYTES))
        while self.front < self._whole:
            length = self.part.read_into(buffer[: self._whole - self.front], self.front)
            if not length:
                raise OSError(f"{self.part.path} became shorter while it was written")
            self._hash.update(buffer[:length])
            self.front += length
        self._record()

    @property
    def blocks_beyond(self) -> int:
        """How many whole blocks wait behind the first gap."""
        return len(self._beyond)

    def missing(self) -> Iterator[tuple[int, int]]:
        """Yield the blocks, start and end, that have not arrived, in order."""
        assert self.identity
        at, size = self._whole, self.identity.size
        for arrived in [*sorted(self._beyond), size]:
            while at < arrived:
                block = min(BLOCK_BYTES, max(_LEAST_BLOCK_BYTES, (size - at) // _SHARES))
                end = min(at + block, arrived)
                yield at, end
                at = end
            at += self._beyond.get(arrived, 0)

    def digest(self) -> Digest:
        """Return the digest of the front."""
        return Digest.computed(self._algorithm, self._hash.hexdigest())

    def _record(self) -> None:
        """Write down how far the front is, if one can go on behind it: with a strong ETag, before the end."""
        if not self.identity or self.front in (self._recorded, self.identity.size):
            return
        self._recorded = self.front
        identity = self.identity
        record = PartRecord(self.key, identity.etag, identity.size, self.front, str(self.digest()))
        self.part.write_record(json.dumps(asdict(record)))

    def close(self) -> None:
        """Leave what a later run can go on from; remove what it cannot."""
        if self._recorded:
            self.part.release()
        else:
            self.part.discard()

    def resume(self, old: Path, record: PartRecord) -> Iterator[None]:
        """Copy the proven bytes of an abandoned part file, hashing them again; yield between pieces.

        If they are no longer what the record says, this begins anew. Raises OSError.
        """
        try:
            with old.open("rb", buffering=0) as file:
                while self.front < record.proven:
                    chunk = file.read(min(_READ_BYTES, record.proven - self.front))
                    if not chunk:
                        break
                    self.append(chunk)
                    yield
        except FileNotFoundError:  # another process was quicker, or has cleaned up
            pass
        if str(self.digest()) != record.digest:
            self.restart()

    def restart(self) -> None:
        """Forget everything: what comes next belongs to another object, or what came was wrong. Raises OSError."""
        self.part.truncate()
        self._hash = hasher(self._algorithm)
        self._beyond.clear()
        self.front = self._whole = self._recorded = 0


def resumable(parts: Iterable[Path], key: str) -> tuple[Path, PartRecord] | None:
    """Choose, of abandoned part files, the one with the most proven bytes of the object `key`; with its record."""
    found = []
    for part in parts:
        record = PartRecord.read(record_path(part))
        if record and record.key == key and 0 < record.proven <= record.size and part.exists():
            found.append((part, record))
    return max(found, key=lambda pair: pair[1].proven, default=None)
