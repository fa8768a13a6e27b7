"""A bench for the engine: an archive that fails on purpose, what reached it, and the truth about each run."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.faults.clients import final_files, left_over

from imap_bulk import aio, filenames
from imap_bulk.cli.ending import ExitCode, code_of
from imap_bulk.model import Event, Outcome, Progress, RemoteFile, Result, Status
from imap_bulk.server.app import ArchiveServer
from imap_bulk.server.chaos import Decision
from imap_bulk.server.chaos.fault import Kind
from imap_bulk.server.chaos.faults import ALL
from imap_bulk.settings import Settings

AT_ONCE = Settings(
    wait_base=0.0, fsync=False, idle_timeout=5.0, retry_after_max=0.05, outage_max=0.3, breaker_wait_max=0.05
)
"""As patient as ever in attempts, and in nothing else."""

IN_PARTS: dict[str, Any] = {
    "parallel_bytes": 1 << 17,
    "parallel_latency": 0.0,
    "streams": 4,
    "chunk_bytes": 1 << 15,
}
"""Settings under which 256 KiB are a large object; with the fixture `small_blocks`."""

SIZES = {"empty": 0, "byte": 1, "small": 16 << 10, "medium": (1 << 20) + 1, "large": 9 << 20}
"""Size classes, by the descriptor in the names of their files."""

DAYS = 28


def name_of(size: str, day: int = 1) -> str:
    """Name a file of a size class."""
    return f"imap_mag_l2_{size}_202601{day:02}_v001.0001.cdf"


SMALL = [name_of("small", day) for day in range(1, DAYS + 1)]


def seeds(normal: int, nightly: int) -> list[Any]:
    """Give so many seeds to a normal run, and the rest of so many to a nightly one."""
    soaking = [pytest.mark.soak, pytest.mark.timeout(3600)]
    return [*range(normal), *(pytest.param(seed, marks=soaking) for seed in range(normal, nightly))]


class Arrival(NamedTuple):
    """A request that deserved an answer, and the fault that befell it."""

    at: float
    kind: Kind
    path: str
    fault: str | None


@dataclass
class Bench:
    """An archive with chaos, and one data directory."""

    server: ArchiveServer
    data_dir: Path
    archived: dict[str, str]
    """sha256 of what there is, by object key."""
    lane: str = "auto"
    """How requests travel; see `Settings.transport`."""
    arrivals: list[Arrival] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    watch: Callable[[Event], None] = lambda _: None
    """Called with every event of a run."""

    def __post_init__(self) -> None:
        chaos = self.server.chaos
        assert chaos, "give at least streak=2 as SPEC"
        decide = chaos.decide

        def deciding(kind: Kind, method: str, path: str) -> Decision | None:
            decision = decide(kind, method, path)
            fault = decision.fault.name if decision else None
            self.arrivals.append(Arrival(time.monotonic(), kind, path, fault))
            return decision

        vars(chaos)["decide"] = deciding

    def break_down(self, keys: Iterable[str], kinds: Kind) -> None:
        """Have every request of these kinds for these objects answered 500."""
        chaos = self.server.chaos
        assert chaos
        decide = chaos.decide

        def deciding(kind: Kind, method: str, path: str) -> Decision | None:
            decision = decide(kind, method, path)
            is_hit = kind in kinds and any(path.endswith(key) for key in keys)
            return Decision(ALL["500"], 0) if is_hit else decision

        vars(chaos)["decide"] = deciding

    @property
    def faults(self) -> list[str]:
        """What was committed, of this."""
        assert self.server.chaos
        return [entry.fault for entry in self.server.chaos.log]

    @property
    def signings(self) -> int:
        """How often the archive was asked for a URL."""
        return sum(arrival.kind in Kind.DOWNLOAD | Kind.UPLOAD for arrival in self.arrivals)

    def at_storage(self) -> list[Arrival]:
        """Return what reached storage with a valid signature."""
        return [arrival for arrival in self.arrivals if arrival.kind in Kind.STORAGE]

    async def pull(self, files: str | Iterable[str | RemoteFile], **settings: Any) -> Result:
        """Pull, and hold the run to the truth."""
        files = [files] if isinstance(files, str) else list(files)
        return await self._pulled({"files": files}, settings)

    async def pull_listed(self, descriptor: str = "small", **settings: Any) -> Result:
        """Pull what a query lists, and hold the run to the truth."""
        return await self._pulled({"instrument": "mag", "descriptor": descriptor}, settings)

    async def _pulled(self, wanted: dict[str, Any], settings: dict[str, Any]) -> Result:
        self.outcomes.clear()
        result = await aio.pull(
            **wanted,
            data_dir=self.data_dir,
            url=self.server.url,
            settings=replace(AT_ONCE, **{"transport": self.lane} | settings),
            report=self.note,
        )
        assert_true(result, self.outcomes, self.data_dir, self.archived)
        return result

    def note(self, event: Event) -> None:
        """Keep what a run reports."""
        if isinstance(event, Outcome):
            self.outcomes.append(event)
        elif isinstance(event, Progress):
            self.progress.append(event)
        self.watch(event)

    @property
    def outcome(self) -> Outcome:
        """The only outcome."""
        (outcome,) = self.outcomes
        return outcome


def assert_accounted(result: Result, outcomes: list[Outcome]) -> None:
    """R25: everything wanted has ended in one way, and nobody claims more."""
    assert result.wanted == result.done + result.skipped + result.failed + result.cancelled
    assert result.complete == (result.failed == result.cancelled == 0)
    assert (code_of(result) is ExitCode.DONE) == result.complete
    for status in (Status.DONE, Status.SKIPPED, Status.FAILED):
        assert sum(outcome.status is status for outcome in outcomes) == getattr(result, status.value)
    assert all((outcome.error is None) == (outcome.status is not Status.FAILED) for outcome in outcomes)
    proven = [outcome for outcome in outcomes if outcome.verified_by and outcome.verified_by.verifies]
    assert len(proven) == result.verified


def assert_true(result: Result, outcomes: list[Outcome], data_dir: Path, archived: dict[str, str]) -> None:
    """Hold a pull into a new directory to its account, and the disk to what it claims."""
    assert_accounted(result, outcomes)
    have = final_files(data_dir)
    assert have.items() <= archived.items(), "wrong bytes under a final name"
    for outcome in outcomes:
        claimed = outcome.status in (Status.DONE, Status.SKIPPED)
        assert claimed == (outcome.transfer.key in have), f"{outcome} is not what is on disk"
    left = left_over(data_dir)
    if result.complete:
        assert left == [], "part files were left by a complete run"
    parts = {path for path in left if path.suffix == ".part"}
    records = {path.with_suffix("") for path in left if path.suffix == ".json"}
    assert parts == records, "what is left cannot be gone on from"
    assert len(left) == len(parts) + len(records)


def key_of(name: str) -> str:
    """Tell the object key of a name."""
    return filenames.parse(name).key


def copy_of(root: Path, place: Path) -> Path:
    """Copy an archive for another server, because one root has one; objects are linked, they are never changed."""
    return shutil.copytree(root, place, copy_function=_copy_or_link)


def _copy_or_link(source: str, target: str) -> None:
    if Path(source).name.startswith("."):  # the catalog and the lock
        shutil.copy2(source, target)
    else:
        os.link(source, target)
