"""A session: the data, the server, a warm-up of everybody, and the rounds, each in another order."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import network
from benchmarks.link import Distance, open_link
from benchmarks.measure import PATIENCE, Run, measure
from benchmarks.rivals import Job, Rival
from benchmarks.stage import Stage, open_stage
from benchmarks.tls import Identity
from benchmarks.workloads import Direction, Workload, make, make_warm_up

_MEMORY_DISK = Path("/dev/shm")
_ROOM = 2.5
"""How often the data must fit: source, destination, and what else is written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who moves what, how often, and on which server."""

    workload: Workload
    rivals: Sequence[Rival]
    missing: Sequence[str]
    """Names of those who would take part, were they installed."""
    rounds: int
    server: str
    distance: Distance | None = None
    """How far the server is; None for the loopback."""
    patience: float = PATIENCE
    """Seconds that one run may take; who takes longer once does not run again."""


def play(plan: Plan) -> dict[str, Any]:
    """Run a session; return what `tables` reads and `results` keeps. Raises RuntimeError."""
    load = os.getloadavg()[0]
    with _place(sum(plan.workload.sizes())) as place, open_link(plan.distance) as link:
        source, warm = place / "source", place / "warm"
        tell(f"{plan.workload.name}: making {plan.workload.count} files")
        files = make(plan.workload, source)
        pushes = plan.workload.direction is Direction.PUSH
        first = make_warm_up(warm if pushes else source)
        served = None if pushes else source
        (place / "server").mkdir()
        identity = Identity.make(link.host, place / "identity") if plan.workload.tls else None
        with open_stage(plan.server, link, served, place / "server", [*first, *files], identity) as stage:
            own = (place / "dest", place / "scratch", plan.workload.jobs, identity)
            trial = Job(plan.workload.direction, first, stage.url, warm, *own)
            for rival in plan.rivals:
                measure(rival, trial, stage, 0, by_digest=False, patience=plan.patience)
            stage.forget_uploads()
            job = Job(plan.workload.direction, files, stage.url, source, *own)
            commands = {rival.name: _shown(rival.command(job), place) for rival in plan.rivals}
            runs = _rounds(plan, job, stage)
            result = _result(plan, stage.name, sum(file.size for file in files), commands, runs)
            result["network"]["link"] = link.describe(identity)
            result["machine"]["load_at_start"] = round(load, 2)
            return result


def _rounds(plan: Plan, job: Job, stage: Stage) -> list[Run]:
    """Play the rounds, with every digest checked in the first, and every size in all."""
    runs: list[Run] = []
    for number, rival in turns(plan):
        if any(run.peer == rival.name and run.wall >= plan.patience for run in runs):
            continue
        run = measure(rival, job, stage, number, by_digest=number == 1, patience=plan.patience)
        tell(f"  round {number}  {rival.name:28} {run.wall:8.2f} s  {run.problem}")
        runs.append(run)
    return runs


def turns(plan: Plan) -> Iterator[tuple[int, Rival]]:
    """Yield whose turn it is, by round: nobody is always first, or always behind the same other."""
    for number in range(plan.rounds):
        start = number % len(plan.rivals)
        order = [*plan.rivals[start:], *plan.rivals[:start]]
        yield from ((number + 1, rival) for rival in (order if number % 2 == 0 else reversed(order)))


def tell(line: str) -> None:
    """Say something to whoever waits."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def _place(size: int) -> Iterator[Path]:
    """Make a directory in memory, where there is room for it."""
    parent = _MEMORY_DISK if _MEMORY_DISK.is_dir() and os.access(_MEMORY_DISK, os.W_OK) else None
    place = Path(tempfile.mkdtemp(prefix="imap-bulk-benchmarks-", dir=parent))
    try:
        if shutil.disk_usage(place).free < size * _ROOM:
            raise RuntimeError(
                f"{place.parent} has no room for {size * _ROOM / 1e9:.1f} GB; give a smaller --scale"
            )
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _shown(command: Sequence[str], place: Path) -> str:
    return " ".join(command).replace(str(place), "PLACE").replace(str(network.ROOT), ".")


def _result(plan: Plan, server: str, size: int, commands: dict[str, str], runs: Sequence[Run]) -> dict[str, Any]:
    work = plan.workload
    return {
        "schema": 1,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "workload": {
            "name": work.name, "direction": work.direction.value, "files": work.count, "bytes": size,
            "jobs": work.jobs, "scale": work.scale, "tls": work.tls,
        },
        "machine": machine(),
        "network": network.describe(),
        "server": server,
        "in_memory": _MEMORY_DISK.is_dir(),
        "peers": {
            rival.name: {
                "version": rival.version(), "verifies": rival.verifies, "command": commands[rival.name],
            }
            for rival in plan.rivals
        },
        "not_installed": list(plan.missing),
        "rounds": [run.as_json() for run in runs],
    }  # fmt: skip


def machine() -> dict[str, Any]:
    """Describe this machine; the load tells whether it was ours alone."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30), 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load_at_end": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
