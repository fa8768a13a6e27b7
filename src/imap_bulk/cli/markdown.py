"""A run's summary in Markdown, for the page of a CI job: `$GITHUB_STEP_SUMMARY`."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from imap_bulk.cli import words
from imap_bulk.cli.words import Verb
from imap_bulk.model import Event, Outcome, Proof, Result, Skipped, Status

MOST_FAILURES_SHOWN = 50


class JobSummary:
    """Passes the events of a run on, and appends the summary to a file when the run has ended."""

    def __init__(self, path: Path, verb: Verb, report: Callable[[Event], None]) -> None:
        """Make sure that the file can be written. Raises OSError."""
        path.open("a", encoding="utf-8").close()
        self._path = path
        self._verb = verb
        self._report = report
        self._proofs: Counter[Proof | None] = Counter()

    def __call__(self, event: Event) -> None:
        """Take an event of the run. Raises OSError."""
        self._report(event)
        if isinstance(event, Outcome) and event.status in (Status.DONE, Status.SKIPPED):
            self._proofs[event.verified_by] += 1
        elif isinstance(event, Skipped):
            self._proofs += event.proofs()
        elif isinstance(event, Result):
            with self._path.open("a", encoding="utf-8") as file:
                file.write(text(self._verb, event, self._proofs))


def text(verb: Verb, result: Result, proofs: Counter[Proof | None]) -> str:
    """Write the summary: a sentence, and tables of counts, of proofs, and of failures with their reasons."""
    said = words.summary(verb, result, proofs) if result.wanted else "No file matches"
    parts = [f"### imap-bulk {verb}", f"{said}."]
    if result.wanted:
        parts.append(_table(("outcome", "files"), words.counts(verb, result)))
    if proofs:
        parts.append(_table(("verified by", "files"), _proven(proofs)))
    if result.failures:
        parts.append(_table(("failed", "why"), _failed(result.failures)))
    if (more := result.failed - MOST_FAILURES_SHOWN) > 0:
        parts.append(f"… and {more} more failed.")
    return "\n\n".join(parts) + "\n\n"


def _proven(proofs: Counter[Proof | None]) -> list[tuple[str, int]]:
    """Count by proof, the strongest first; those that do not verify are said to be none."""
    told = [(str(proof) if proof.verifies else f"**not verified**: {proof}", proofs[proof]) for proof in Proof]
    return [(name, count) for name, count in (*told, ("**not verified**", proofs[None])) if count]


def _failed(failures: Sequence[Outcome]) -> list[tuple[str, str]]:
    shown = failures[:MOST_FAILURES_SHOWN]
    return [(outcome.transfer.key, str(outcome.error)) for outcome in shown]


def _table(head: tuple[str, str], rows: Iterable[tuple[str, object]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --: |" if head[1] == "files" else "| --- | --- |"]
    lines += [f"| {_cell(name)} | {_cell(str(value))} |" for name, value in rows]
    return "\n".join(lines)


def _cell(said: str) -> str:
    """Keep what a message holds from being read as Markdown or HTML."""
    plain = " ".join(said.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
    return plain.replace("`", "\\`")
