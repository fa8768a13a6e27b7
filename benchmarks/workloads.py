"""What is moved: how many files of which size, under names that the archive takes, with random content."""

import hashlib
import os
import random
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from imap_bulk.digest import CRC64NVME, hasher

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

DIRECTORY = "imap/mag/l2/2026/01"
"""Where the names below belong in an archive."""

_MIX_BYTES = 1_046_000_000
_MIX_SIGMA = 1.5
_FEWEST_FILES = 2
_FEW_FILES = 16
_WARM_UP_FILES = 4
_PIECE = MIB


class Direction(StrEnum):
    """Which way the files go."""

    PULL = "pull"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Workload:
    """So many files of so many bytes, `jobs` of them at once for every tool that can be told."""

    name: str
    direction: Direction
    count: int
    size: int | None
    """Bytes of each file; None for sizes spread log-normally."""
    jobs: int
    size_where_lossy: int | None = None
    """Another size for a link that loses packets, where the whole would take an hour."""
    tls: bool = False
    """Whether all connections are encrypted, as those of real archives are."""
    scale: float = 1.0

    def scaled(self, scale: float) -> "Workload":
        """Return less (or more) of the same: fewer files, or smaller ones where there are but few."""
        if self.size and self.count <= _FEW_FILES:
            return replace(self, size=max(1, int(self.size * scale)), scale=scale)
        return replace(self, count=max(_FEWEST_FILES, round(self.count * scale)), scale=scale)

    def where_lossy(self) -> "Workload":
        """Return what is moved instead over a link that loses packets."""
        return replace(self, size=self.size_where_lossy or self.size)

    def sizes(self) -> list[int]:
        """List the size of each file in bytes; the same at each call."""
        if self.size is not None:
            return [self.size] * self.count
        chance = random.Random(2026)
        drawn = [chance.lognormvariate(0, _MIX_SIGMA) for _ in range(self.count)]
        unit = _MIX_BYTES * self.scale / sum(drawn)
        return [max(1, int(size * unit)) for size in drawn]


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("small", Direction.PULL, 5000, 16 * KIB, jobs=16),
        Workload("medium", Direction.PULL, 200, 8 * MIB, jobs=4),
        Workload("large", Direction.PULL, 2, GIB, jobs=4),
        Workload("mix", Direction.PULL, 1000, None, jobs=16),
        Workload("push-small", Direction.PUSH, 5000, 16 * KIB, jobs=16),
        Workload("push-medium", Direction.PUSH, 200, 8 * MIB, jobs=4),
        Workload("small-100k", Direction.PULL, 100_000, 16 * KIB, jobs=16),
        Workload("small-tls", Direction.PULL, 5000, 16 * KIB, jobs=16, tls=True),
        Workload("medium-tls", Direction.PULL, 200, 8 * MIB, jobs=4, tls=True),
        Workload("large-tls", Direction.PULL, 2, GIB, jobs=4, tls=True),
        Workload("push-medium-tls", Direction.PUSH, 200, 8 * MIB, jobs=4, tls=True),
        Workload("small-far", Direction.PULL, 1000, 16 * KIB, jobs=16),
        Workload("small-far-64", Direction.PULL, 1000, 16 * KIB, jobs=64),
        Workload("small-far-tls", Direction.PULL, 1000, 16 * KIB, jobs=16, tls=True),
        Workload("large-far-tls", Direction.PULL, 1, GIB, jobs=16, size_where_lossy=256 * MIB, tls=True),
        Workload("medium-far", Direction.PULL, 16, 8 * MIB, jobs=16),
        Workload("large-far", Direction.PULL, 1, GIB, jobs=16, size_where_lossy=256 * MIB),
    )
}

GROUPS = {
    "all": ("small", "medium", "large", "mix", "push-small", "push-medium"),
    "tls": ("small-tls", "medium-tls", "large-tls", "push-medium-tls"),
    "far": ("small-far", "small-far-64", "medium-far", "large-far"),
}


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file: its object key, and what its content is; digests in hexadecimal."""

    key: str
    size: int
    sha256: str
    md5: str
    crc64nvme: str

    @property
    def name(self) -> str:
        """The key without its directories."""
        return self.key.rpartition("/")[2]


def make(workload: Workload, root: Path) -> list[DataFile]:
    """Write the files of a workload below `root`."""
    return [_write(root, f"file{number:06}", size) for number, size in enumerate(workload.sizes())]


def make_warm_up(root: Path) -> list[DataFile]:
    """Write a few small files, for the run of each tool that is not counted."""
    return [_write(root, f"warm{number}", 16 * KIB) for number in range(_WARM_UP_FILES)]


def _write(root: Path, descriptor: str, size: int) -> DataFile:
    key = f"{DIRECTORY}/imap_mag_l2_{descriptor}_20260101_v001.0001.cdf"
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    hashes = [hasher(name) for name in ("sha256", "md5", CRC64NVME)]
    with path.open("wb") as file:
        for start in range(0, size, _PIECE):
            piece = os.urandom(min(_PIECE, size - start))
            for hash_ in hashes:
                hash_.update(piece)
            file.write(piece)
    return DataFile(key, size, *(hash_.hexdigest() for hash_ in hashes))


def sha256_of(path: Path) -> str:
    """Hash a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
