"""How things stand in a data directory: what the journal knows, held against the disk without reading a file."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from imap_bulk.engine.partial import PartRecord
from imap_bulk.engine.places import abandoned_below, record_path
from imap_bulk.journal import Deliveries, Failure, Holding, Ledger, MirrorRun, Record, Run
from imap_bulk.model import Direction, Proof

MOST_KEYS_KEPT = 1000
"""Keys of changed and of missing files that are named; all are counted."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Files that are no longer as they were recorded: their count, and the keys of the first of them."""

    count: int = 0
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """What is known of one archive and one direction."""

    direction: Direction
    archive: str
    holdings: tuple[Holding, ...]
    run: Run | None
    failures: tuple[Failure, ...]
    changed: Strays = Strays()
    """Pulled files that have another size or time now. What becomes of a pushed file here is nobody's concern."""
    missing: Strays = Strays()
    mirrors: tuple[MirrorRun, ...] = ()

    @property
    def files(self) -> int:
        """Files that were moved."""
        return sum(holding.files for holding in self.holdings)

    @property
    def bytes(self) -> int:
        """Size of all of them."""
        return sum(holding.bytes for holding in self.holdings)

    @property
    def last(self) -> float:
        """Unix time at which the latest of them was moved or proven."""
        return max((holding.last for holding in self.holdings), default=0.0)

    @property
    def proofs(self) -> dict[Proof | None, int]:
        """How many of them each kind of proof speaks for."""
        return {holding.verified_by: holding.files for holding in self.holdings}


@dataclass(frozen=True, slots=True)
class Parts:
    """Part files that ended runs have left: their bytes, and how many of those need not come again."""

    files: int = 0
    bytes: int = 0
    proven: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand in one data directory."""

    data_dir: Path
    sides: tuple[Side, ...]
    parts: Parts
    deliveries: tuple[Deliveries, ...] = ()
    """What was delivered to buckets, as the journal has it: those are not asked."""


def survey(data_dir: Path) -> Standing:
    """Look at the journal, and at the size and time of every file that was pulled. Raises OSError."""
    with Ledger(data_dir) as ledger:
        runs = {(run.direction, run.archive): run for run in ledger.runs()}
        holdings: dict[tuple[Direction, str], list[Holding]] = {}
        for holding in ledger.holdings():
            holdings.setdefault((holding.direction, holding.archive), []).append(holding)
        sides = tuple(
            _side(ledger, *way, holdings.get(way, []), runs.get(way)) for way in sorted({*holdings, *runs})
        )
        deliveries = tuple(ledger.deliveries())
    return Standing(data_dir, sides, _parts(data_dir), deliveries)


def failures(data_dir: Path, direction: Direction) -> list[Failure]:
    """Return what failed in the last runs in this direction."""
    with Ledger(data_dir) as ledger:
        archives = [run.archive for run in ledger.runs() if run.direction is direction]
        return [failure for archive in archives for failure in ledger.failures(direction, archive)]


def _side(ledger: Ledger, direction: Direction, archive: str, holdings: list[Holding], run: Run | None) -> Side:
    failed = tuple(ledger.failures(direction, archive))
    if direction is Direction.PUSH:
        return Side(direction, archive, tuple(holdings), run, failed)
    changed, missing = _strays(ledger.records(direction, archive))
    mirrors = tuple(ledger.mirrors(archive))
    return Side(direction, archive, tuple(holdings), run, failed, changed, missing, mirrors)


def _strays(records: Iterable[Record]) -> tuple[Strays, Strays]:
    changed: list[str] = []
    missing: list[str] = []
    counts = [0, 0]
    for record in records:
        if record.is_unchanged():
            continue
        is_missing = not os.path.lexists(record.path)
        counts[is_missing] += 1
        keys = missing if is_missing else changed
        if len(keys) < MOST_KEYS_KEPT:
            keys.append(record.key)
    return Strays(counts[0], tuple(changed)), Strays(counts[1], tuple(missing))


def _parts(data_dir: Path) -> Parts:
    sizes = list(_sizes(abandoned_below(data_dir)))
    return Parts(len(sizes), sum(size for size, _ in sizes), sum(proven for _, proven in sizes))


def _sizes(parts: Iterable[Path]) -> Iterator[tuple[int, int]]:
    """Yield, of each part file, its bytes and how many of them a later run goes on behind."""
    for part in parts:
        try:
            size = part.stat().st_size
        except FileNotFoundError:  # another process was quicker
            continue
        record = PartRecord.read(record_path(part))
        yield size, min(record.proven, size) if record else 0
