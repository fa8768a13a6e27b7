"""What people are told about a run, in sentences."""

from collections.abc import Mapping
from enum import StrEnum

from imap_bulk.model import Outcome, Plan, Proof, Result, Transfer
from imap_bulk.quantities import duration as duration
from imap_bulk.quantities import files as files
from imap_bulk.quantities import size as size


class Verb(StrEnum):
    """What a run does to its files."""

    PULL = "pull"
    PUSH = "push"
    VERIFY = "verify"
    REPAIR = "repair"
    RECORDS = "push of records"

    @property
    def done(self) -> str:
        """What became of a file, or a record, that it went well with."""
        return _DONE[self]

    @property
    def command(self) -> str:
        """What a person does."""
        return "push" if self is Verb.RECORDS else str(self)

    def things(self, number: int) -> str:
        """Say how many of what it moves."""
        if self is not Verb.RECORDS:
            return files(number)
        return "1 record" if number == 1 else f"{number} records"


_DONE = {
    Verb.PULL: "pulled",
    Verb.PUSH: "pushed",
    Verb.VERIFY: "intact",
    Verb.REPAIR: "repaired",
    Verb.RECORDS: "accepted",
}


Proofs = Mapping[Proof | None, int]
"""How many files that are there each kind of proof speaks for."""


def failure(outcome: Outcome) -> str:
    """Say in one sentence what happened to which file."""
    said, key = str(outcome.error), outcome.transfer.key
    named = key.rpartition("/")[2] in said
    return f"Failed: {said}" if named else f"Failed: {key}: {said}"


def success(verb: Verb, outcome: Outcome) -> str:
    """Say how a file became done or skipped."""
    how = "from the cache" if outcome.is_cached else verb.done if outcome.bytes else "there already"
    proof = outcome.verified_by or "no proof"
    return f"{outcome.transfer.key}: {how}, {size(outcome.bytes)} in {duration(outcome.seconds)} ({proof})"


def planned(transfer: Transfer, to: str = "") -> str:
    """Say what a dry run would have moved; `to` is where, if that is not the disk."""
    known = "" if transfer.size is None else f" ({size(transfer.size)})"
    return f"{transfer.key} -> {f'{to}/{transfer.key}' if to else transfer.path}{known}"


def plan(verb: Verb, planned: Plan) -> str:
    """Say what a run without `--dry-run` would move."""
    parts = [f"Would {verb.command} {verb.things(planned.files)}"]
    if planned.files > planned.unsized:
        parts.append(size(planned.bytes))
    if planned.files and planned.unsized:
        parts.append("sizes unknown" if planned.unsized == planned.files else f"{planned.unsized} of unknown size")
    if planned.skipped:
        parts.append(f"{planned.skipped} already there")
    return ", ".join(parts) + "; nothing was moved."


def counts(verb: Verb, result: Result) -> list[tuple[str, int]]:
    """Name each way in which files have ended, and count them."""
    told = [
        (verb.done, result.done - result.cached),
        ("from the cache", result.cached),
        ("already there", result.skipped),
        ("failed", result.failed),
        ("cancelled", result.cancelled),
    ]
    return [(word, count) for word, count in told if count]


def summary(verb: Verb, result: Result, proofs: Proofs) -> str:
    """Say how a run ended: counts, bytes, rate, and what is verified."""
    told = ", ".join(f"{count} {word}" for word, count in counts(verb, result))
    parts = [f"{verb.things(result.wanted)}: {told}"]
    if result.bytes:
        pace = size(result.bytes / max(result.seconds, 1e-3))
        parts.append(f"{size(result.bytes)} in {duration(result.seconds)} ({pace}/s)")
    if result.done + result.skipped:
        parts.append(_found(result) if verb is Verb.RECORDS else _verified(result, proofs))
    return "; ".join(parts)


def _found(result: Result) -> str:
    """Say how many records a search has shown: nothing else tells what became of them."""
    if result.verified:
        return "all found by a search" if not result.unverified else f"{result.verified} found by a search"
    return "NOT verified: only a search shows what the archive makes of them (--verify)"


_WEAK = {
    Proof.COUNT: "only the number of records could be compared",
    Proof.FORM: "only their form could be looked at",
    Proof.SIZE: "only the size could be compared",
}
"""What is said of proofs that do not verify."""


def _verified(result: Result, proofs: Proofs) -> str:
    by = ", ".join(f"{proofs[proof]} by {proof}" for proof in Proof if proof.verifies and proofs.get(proof))
    if not result.unverified:
        return f"all verified ({by})"
    told = [f"{result.verified} verified ({by})"] if result.verified else []
    told += [f"{count} NOT verified: {words}" for proof, words in _WEAK.items() if (count := proofs.get(proof))]
    if unproven := proofs.get(None):
        told.append(f"{unproven} NOT verified: there was nothing to compare with")
    return ", ".join(told)


def advice(verb: Verb, result: Result) -> str | None:
    """Say what to do about failures; None where there are none, or something else stopped the run."""
    if not result.failed or result.cancelled or verb is Verb.VERIFY:
        return None
    again = "the same command again; it moves only what is missing."
    if result.passing == result.failed:
        return f"Another try may help: run {again}"
    if result.passing:
        return f"Another try may help {result.passing} of them; see to the causes of the others, then run {again}"
    return f"See to the causes above, then run {again}"
