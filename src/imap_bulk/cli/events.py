"""What a program is told about a run: one JSON object a line, each with the version of this schema."""

import json
from collections.abc import Iterator
from typing import Any

from imap_bulk.cli.words import Proofs
from imap_bulk.errors import TransientError
from imap_bulk.lockfile import Change
from imap_bulk.model import Event, Outcome, Pacing, Plan, Progress, Result, Setback, Skipped, Transfer

SCHEMA = 1


def line(event: Event, proofs: Proofs, to: str = "") -> str | None:
    """Write an event as a line without its end; None for one that is not told singly.

    `to` is where files go, if that is not the disk.
    """
    match event:
        case Plan():
            told = plan(event)
        case Transfer():
            told = {"event": "transfer", **transfer(event, to)}
        case Outcome():
            told = outcome(event, to)
        case Result():
            told = summary(event, proofs)
        case Progress() | Setback() | Skipped() | Pacing():
            return None
    return json.dumps({"schema": SCHEMA, **told})


def skipped(event: Skipped) -> Iterator[str]:
    """Write the outcome of each file that was there already as a line without its end."""
    for each in event.outcomes():
        yield json.dumps({"schema": SCHEMA, **outcome(each)})


def progress(files: int, wanted_files: int, moved_bytes: int, seconds: float) -> str:
    """Write how far a run is: files that ended of those planned, bytes so far."""
    told = {"files": files, "of": wanted_files, "bytes": moved_bytes, "seconds": round(seconds, 3)}
    return json.dumps({"schema": SCHEMA, "event": "progress", **told})


def change(changed: Change, kind: str) -> str:
    """Write what becomes of one file of a lock file or a mirror as a line without its end."""
    told = {"event": "change", "kind": kind, "old": changed.old, "new": changed.new}
    return json.dumps({"schema": SCHEMA, **told})


def mirrored(asked_from: str | None, watermark: str | None) -> str:
    """Write how far a mirror is (YYYYMMDD asked from, YYYYMMDDhhmmss) as a line without its end."""
    return json.dumps({"schema": SCHEMA, "event": "mirrored", "asked_from": asked_from, "watermark": watermark})


def plan(event: Plan) -> dict[str, Any]:
    """Describe a plan."""
    told = {"files": event.files, "bytes": event.bytes, "unsized": event.unsized, "skipped": event.skipped}
    return {"event": "plan", **told, "whole": event.is_whole}


def transfer(event: Transfer, to: str = "") -> dict[str, Any]:
    """Describe a transfer, without saying how it goes; `path` is an address if it goes `to` somewhere."""
    return {
        "direction": str(event.direction),
        "key": event.key,
        "path": f"{to}/{event.key}" if to else str(event.path),
        "size": event.size,
        "digest": str(event.digest) if event.digest else None,
    }


def outcome(event: Outcome, to: str = "") -> dict[str, Any]:
    """Describe how a transfer ended; `digest` is that of the bytes, where they were seen."""
    error = event.error
    return {
        "event": "outcome",
        "status": str(event.status),
        **transfer(event.transfer, to),
        "attempts": event.attempts,
        "seconds": round(event.seconds, 6),
        "bytes": event.bytes,
        "digest": str(event.digest) if event.digest else None,
        "verified_by": event.verified_by and str(event.verified_by),
        "cached": event.is_cached,
        "error": error
        and {
            "type": type(error).__name__,
            "passing": isinstance(error, TransientError),
            "message": str(error),
        },
    }


def summary(event: Result, proofs: Proofs) -> dict[str, Any]:
    """Describe a run that is over."""
    names = (
        "wanted",
        "done",
        "cached",
        "skipped",
        "failed",
        "cancelled",
        "passing",
        "verified",
        "unverified",
        "bytes",
    )
    return {
        "event": "summary",
        **{name: getattr(event, name) for name in names},
        "seconds": round(event.seconds, 6),
        "verified_by": {str(proof): count for proof, count in proofs.items() if proof},
    }
