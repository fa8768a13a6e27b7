"""What people are told about lock files: what changes, and what the pins rest on."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from imap_bulk import filenames
from imap_bulk.cli import words
from imap_bulk.errors import BadName
from imap_bulk.lockfile import Change, Pin, age_of
from imap_bulk.model import Proof

_KINDS = ("newer", "older", "new", "changed", "withdrawn")


def change(changed: Change) -> str:
    """Say what changes for one file: `mag l2 norm-gse 2026-01-03 v001.0002 -> v001.0003`."""
    before, after = (key and _Told.of(key) for key in changed)
    if before and after and before != after:
        shared = f"{after.series} " if after.series else ""
        older = ", older" if kind(changed) == "older" else ""
        return f"{shared}{before.version} -> {after.version}{older}"
    told = after or before
    assert told
    return f"{told.series} {told.version} {kind(changed)}".lstrip()


def kind(changed: Change) -> str:
    """Name the kind of a change: `new`, `withdrawn`, `newer`, `older`, or `changed` under the same name."""
    if changed.old and changed.new:
        before, after = age_of(changed.old), age_of(changed.new)
        return "newer" if before < after else "older" if before > after else "changed"
    return "new" if changed.new else "withdrawn"


def count(changes: Iterable[Change]) -> str:
    """Count changes by kind: `1 newer, 2 new, 1 withdrawn`."""
    counts = Counter(map(kind, changes))
    return ", ".join(f"{counts[word]} {word}" for word in _KINDS if counts[word])


def pinned(pins: Sequence[Pin]) -> str:
    """Say what is pinned, and what confirmed it when it was."""
    total = words.size(sum(pin.size for pin in pins))
    proofs = Counter(pin.verified_by for pin in pins)
    by = ", ".join(f"{proofs[proof]} by {proof}" for proof in Proof if proof.verifies and proofs[proof])
    recorded = sum(number for proof, number in proofs.items() if not (proof and proof.verifies))
    told = [f"verified when pinned ({by})"] if by else []
    told += [f"{recorded} only recorded: no digest confirmed what came"] if recorded else []
    return f"{words.files(len(pins))}, {total}; {', '.join(told)}"


class _Told(NamedTuple):
    """Which file this is, and which version of it; where only the name tells, as with kernels, that is both."""

    series: str
    version: str

    @classmethod
    def of(cls, key: str) -> Self:
        bare = key.rpartition("/")[2]
        try:
            name = filenames.parse(bare, legacy=True)
        except BadName:
            return cls("", bare)
        if not (name.instrument and name.start_date and name.version):
            return cls("", bare)
        dates = [f"{day[:4]}-{day[4:6]}-{day[6:]}" for day in (name.start_date, name.end_date) if day]
        repointing = None if name.repointing is None else f"repoint{name.repointing:05}"
        rotation = None if name.cr is None else f"cr{name.cr:05}"
        form = None if name.extension in ("cdf", "pkts") else name.extension
        told = (name.instrument, name.data_level, name.descriptor, "..".join(dates), repointing, rotation, form)
        return cls(" ".join(filter(None, told)), name.version)
