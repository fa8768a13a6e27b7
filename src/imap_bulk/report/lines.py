"""What the page tells, in JSON Lines: one object a line, each with the version of this schema."""

import json
from collections.abc import Iterator
from typing import Any

from imap_bulk import __version__
from imap_bulk.errors import TransientError
from imap_bulk.model import Outcome
from imap_bulk.report.parts import moment
from imap_bulk.report.record import RunRecord

SCHEMA = 1


def lines(run: RunRecord) -> Iterator[str]:
    """Yield the lines of a run, each with its end."""
    for told in _told(run):
        yield json.dumps({"schema": SCHEMA, **told}) + "\n"


def _told(run: RunRecord) -> Iterator[dict[str, Any]]:
    doing = run.doing
    yield {
        "event": "run",
        "direction": doing.direction,
        "archive": doing.archive,
        "data_dir": doing.data_dir,
        "command": doing.command,
        "version": __version__,
        "started": moment(run.started),
        "seconds": round(run.seconds, 3),
    }
    yield from _steps(run)
    for host, changes in run.changes.items():
        for at, limit, why in changes:
            yield {"event": "concurrency", "host": host, "at": round(at, 3), "limit": limit, "why": why}
    for pacing in run.pacings:
        below = {f"{(1 << digits) / 1000:g}": count for digits, count in sorted(pacing.durations.items())}
        yield {"event": "host", "host": pacing.host, "requests_by_seconds_below": below}
    for (host, kind), count in run.setbacks.items():
        yield {"event": "setbacks", "host": host, "error": kind, "attempts": count}
    for proof, count in run.proofs.items():
        yield {"event": "verified", "by": proof, "verifies": bool(proof and proof.verifies), "files": count}
    yield from (_file("slow", outcome) for outcome in run.slowest)
    yield from (_file("failed", outcome) for outcome in run.failures)
    yield _summary(run)


def _steps(run: RunRecord) -> Iterator[dict[str, Any]]:
    step = run.timeline.step_seconds
    for number, (moved, setbacks) in enumerate(zip(run.timeline.bytes, run.timeline.setbacks, strict=True)):
        yield {
            "event": "step", "at": number * step, "seconds": step, "bytes": moved, "setbacks": dict(setbacks),
        }  # fmt: skip


def _file(event: str, outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    return {
        "event": event,
        "key": outcome.transfer.key,
        "attempts": outcome.attempts,
        "seconds": round(outcome.seconds, 3),
        "bytes": outcome.bytes,
        "error": error
        and {"type": type(error).__name__, "passing": isinstance(error, TransientError), "message": str(error)},
    }


def _summary(run: RunRecord) -> dict[str, Any]:
    names = ("wanted", "done", "skipped", "failed", "cancelled", "passing", "verified", "unverified", "bytes")
    return {"event": "summary", **({name: getattr(run.result, name) for name in names} if run.result else {})}
