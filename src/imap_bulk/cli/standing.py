"""How things stand in a data directory, told to people and to programs."""

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli import mirroring, words
from imap_bulk.cli.events import SCHEMA
from imap_bulk.cli.streams import shell_word
from imap_bulk.model import Direction

if TYPE_CHECKING:
    from imap_bulk.journal import MirrorRun, Run
    from imap_bulk.status import Side, Standing, Strays

_MOST_NAMED = 5
_PREPOSITION = {Direction.PULL: "pulled from", Direction.PUSH: "pushed to"}
_INDENT = 13
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def told(standing: "Standing", command: str) -> str:
    """Say how things stand; `command` is `imap-bulk` with the options that lead to this place."""
    parts = [line for side in standing.sides for line in _of_side(side, command)]
    parts += _of_deliveries(standing)
    if standing.parts.files:
        parts += ["", *_row("left over", _of_parts(standing))]
    if not parts:
        return f"Nothing is known below {standing.data_dir}: pull or push something."
    return "\n".join([click.style(str(standing.data_dir), bold=True), *parts])


def command_to(data_dir: Path, usual_dir: Path) -> str:
    """Spell `imap-bulk` as it is to be typed for this data directory."""
    return "imap-bulk" if data_dir == usual_dir else f"imap-bulk --data-dir {shell_word(str(data_dir))}"


def ago(seconds: float) -> str:
    """Say how long ago something was."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if seconds >= 2 * unit:
            return f"{seconds // unit:.0f} {name}s ago"
    return "a minute ago" if seconds >= _MINUTE else "just now"


def _row(name: str, *lines: str) -> Iterator[str]:
    """Lay lines out beside their name."""
    for number, line in enumerate(lines):
        yield f"  {'' if number else name:{_INDENT - 4}}  {line}"


def _of_side(side: "Side", command: str) -> Iterator[str]:
    yield ""
    yield click.style(f"{_PREPOSITION[side.direction]} {side.archive}", bold=True)
    if side.files:
        last = f", the last {ago(time.time() - side.last)}"
        yield from _row(
            "files", f"{words.files(side.files)}, {words.size(side.bytes)}{last}", _proofs(side.proofs)
        )
    if side.direction is Direction.PULL and side.files:
        yield from _row("on disk", *_disk(side, command))
    if side.run:
        yield from _row("last run", *_run(side, side.run, command))
    if side.mirrors:
        yield from _row("mirrors" if len(side.mirrors) > 1 else "mirror", *map(_mirror, side.mirrors))


def _of_deliveries(standing: "Standing") -> Iterator[str]:
    ways = dict.fromkeys((each.archive, each.place) for each in standing.deliveries)
    for archive, place in ways:
        those = [each for each in standing.deliveries if (each.archive, each.place) == (archive, place)]
        files, n_bytes = sum(each.files for each in those), sum(each.bytes for each in those)
        last = ago(time.time() - max(each.last for each in those))
        yield ""
        yield click.style(f"delivered from {archive} to {place}", bold=True)
        yield from _row(
            "files",
            f"{words.files(files)}, {words.size(n_bytes)}, the last {last}",
            _proofs({each.verified_by: each.files for each in those}),
        )


def _proofs(proofs: Mapping[Any, int]) -> str:
    by = ", ".join(f"{proofs[proof]} by {proof}" for proof in proofs if proof and proof.verifies)
    others = sum(count for proof, count in proofs.items() if not (proof and proof.verifies))
    if not others:
        return f"all verified ({by})"
    return f"verified: {by}; {others} NOT verified" if by else f"{others} NOT verified"


def _disk(side: "Side", command: str) -> Iterator[str]:
    changed, missing = side.changed.count, side.missing.count
    if not changed + missing:
        yield "all there, with the size and time they came with"
        return
    counts = [(side.files - changed - missing, "unchanged"), (changed, "changed"), (missing, "missing")]
    yield ", ".join(f"{count} {word}" for count, word in counts if count)
    yield from _strays("changed", side.changed)
    yield from _strays("missing", side.missing)
    yield f"Bring them back: {command} verify --repair"


def _strays(word: str, strays: "Strays") -> Iterator[str]:
    for key in strays.keys[:_MOST_NAMED]:
        yield f"  {click.style(word, fg='red')}  {key}"
    if strays.count > _MOST_NAMED:
        yield f"  … and {strays.count - _MOST_NAMED} more {word}"


def _run(side: "Side", run: "Run", command: str) -> Iterator[str]:
    when = ago(time.time() - run.started)
    if run.seconds is None:
        yield f"{when}: did not come to its end (killed, or still going on)"
    else:
        counts = [
            (run.done, f"{side.direction}ed"),
            (run.skipped, "already there"),
            (run.failed, "failed"),
            (run.cancelled, "cancelled"),
        ]
        ended = ", ".join(f"{count} {word}" for count, word in counts if count)
        yield f"{when}, {words.duration(run.seconds)} long: {ended or 'nothing to do'}"
    yield from _failures(side, command)


def _failures(side: "Side", command: str) -> Iterator[str]:
    keys_of: dict[str, list[str]] = {}
    for failure in side.failures:
        keys_of.setdefault(failure.said.removeprefix(f"{failure.key}: ").replace(failure.key, "…"), []).append(
            failure.key
        )
    by_count = sorted(keys_of.items(), key=lambda reason: -len(reason[1]))
    for said, keys in by_count[:_MOST_NAMED]:
        yield f"  {click.style(f'{len(keys)} failed', fg='red')}: {said}"
        yield from (f"    {key}" for key in keys[:_MOST_NAMED])
        if (more := len(keys) - _MOST_NAMED) > 0:
            yield f"    … and {more} more (--json names every one)"
    if (more := len(by_count) - _MOST_NAMED) > 0:
        yield f"  … and {more} more reasons (--json names every one)"
    if side.failures:
        yield _how_to_retry(side, command)
        if side.direction is Direction.PULL:  # the journal does not know where to
            yield "(if they were on their way to a bucket, with --to again)"


def _how_to_retry(side: "Side", command: str) -> str:
    if not all(failure.key_tells for failure in side.failures):
        return "Try them again: run the same command again; it moves only what is missing"
    again = f"{command} status --failed {side.direction} | {command} {side.direction} -"
    passing = sum(failure.passing for failure in side.failures)
    if passing == len(side.failures):
        return f"Try again, that may help: {again}"
    return f"See to the causes, then try again: {again}"


def _mirror(mirror: "MirrorRun") -> str:
    until = f"up to {mirroring.moment(mirror.watermark)}" if mirror.watermark else "not complete yet"
    ended = f", last run {ago(time.time() - mirror.ended)}" if mirror.ended else ""
    return f"{_filters(mirror.filters)}: {until}{ended}"


def _filters(filters: Mapping[str, Any]) -> str:
    """Spell conditions as they are typed, but for the table that is meant where none is named."""
    told = {name: value for name, value in filters.items() if (name, value) != ("table", "science")}
    spelled = (
        f"--{name.replace('_', '-')} {shlex.quote(','.join(value) if isinstance(value, list) else str(value))}"
        for name, value in told.items()
    )
    return " ".join(spelled)


def _of_parts(standing: "Standing") -> str:
    parts = standing.parts
    count = "1 part file" if parts.files == 1 else f"{parts.files} part files"
    saved = f"of which {words.size(parts.proven)} need not come again" if parts.proven else "of no more use"
    return f"{count}, {words.size(parts.bytes)}, {saved}; the next pull of these files sweeps up"


def as_json(standing: "Standing") -> str:
    """Write how things stand as one JSON object."""
    parts = standing.parts
    return json.dumps(
        {
            "schema": SCHEMA,
            "data_dir": str(standing.data_dir),
            "archives": [_side_fields(side) for side in standing.sides],
            "deliveries": [
                {
                    "archive": each.archive,
                    "place": each.place,
                    "files": each.files,
                    "bytes": each.bytes,
                    "verified_by": str(each.verified_by or "nothing"),
                    "last": _time(each.last),
                }
                for each in standing.deliveries
            ],
            "part_files": {"files": parts.files, "bytes": parts.bytes, "proven_bytes": parts.proven},
        },
        indent=2,
    )


def _side_fields(side: "Side") -> dict[str, Any]:
    return {
        "direction": str(side.direction),
        "archive": side.archive,
        "files": side.files,
        "bytes": side.bytes,
        "verified_by": {str(proof or "nothing"): count for proof, count in side.proofs.items()},
        "last": _time(side.last) if side.files else None,
        "changed": {"files": side.changed.count, "keys": side.changed.keys},
        "missing": {"files": side.missing.count, "keys": side.missing.keys},
        "last_run": side.run and _run_fields(side.run),
        "mirrors": [
            {
                "filters": mirror.filters,
                "watermark": mirror.watermark,
                "last_run": None if mirror.ended is None else _time(mirror.ended),
            }
            for mirror in side.mirrors
        ],
        "failures": [
            {
                "key": failure.key,
                "path": failure.path,
                "digest": str(failure.digest) if failure.digest else None,
                "error": {"type": failure.kind, "passing": failure.passing, "message": failure.said},
            }
            for failure in side.failures
        ],
    }


def _run_fields(run: "Run") -> dict[str, Any]:
    counts = {name: getattr(run, name) for name in ("wanted", "done", "skipped", "failed", "cancelled")}
    return {"started": _time(run.started), "seconds": run.seconds, "ended": run.seconds is not None, **counts}


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
