"""The tables and lists of the page."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from imap_bulk.errors import TransientError
from imap_bulk.model import Outcome, Pacing
from imap_bulk.quantities import duration, files, size
from imap_bulk.report.causes import cause
from imap_bulk.report.charts import histogram, shares, within
from imap_bulk.report.html import Html, element, join
from imap_bulk.report.record import RunRecord

_MOST_CHANGES = 12
_ALL_CHANGES = 300
_MOST_KEYS = 12
_MOST_REASONS = 40
_DIGEST = re.compile(r"\b(md5|sha[0-9]+):[0-9a-f]{32,}")
ARCHIVE = "archive"


def host_name(run: RunRecord, host: str) -> str:
    """Return what a host is called on the page: the engine knows the archive by no name."""
    return run.doing.archive.partition("://")[2] or host if host == ARCHIVE else host


def tiles(run: RunRecord) -> Html:
    """Say the four numbers that matter most."""
    result = run.result
    moved = result.bytes if result else sum(run.timeline.bytes)
    there = result.done + result.skipped if result else 0
    verified = result.verified if result else 0
    told = [
        (size(moved), "moved"),
        (f"{size(moved / max(run.seconds, 1e-3))}/s", "goodput on average"),
        (duration(run.seconds), "from start to end"),
        (f"{verified} of {there}", "verified by a digest"),
    ]
    return element("div", *(_tile(number, name) for number, name in told), class_="tiles")


def _tile(number: str, name: str) -> Html:
    return element("div", element("b", number), element("span", name), class_="tile")


def outcomes(run: RunRecord) -> Html:
    """Draw how many files ended how."""
    result = run.result
    if not result:
        return Html("")
    counted = [
        (result.done, "done", f"{run.doing.direction}ed"),
        (result.skipped, "skipped", "already there"),
        (result.failed, "failed", "failed"),
        (result.cancelled, "cancelled", "cancelled"),
    ]
    legend = (
        element("li", element("i", class_=kind), f"{count:,} {word}") for count, kind, word in counted if count
    )
    bar = shares((count, kind) for count, kind, _ in counted)
    return join(bar, element("ul", *legend, class_="legend"))


def failures(run: RunRecord) -> Html:
    """List what failed, by reason, so that the reader sees to each reason once."""
    by_reason: dict[str, list[Outcome]] = {}
    for outcome in run.failures:
        by_reason.setdefault(_reason_of(outcome), []).append(outcome)
    reasons = sorted(by_reason.items(), key=lambda reason: -len(reason[1]))
    failed = run.result.failed if run.result else len(run.failures)
    untold = failed - sum(len(several) for _, several in reasons[:_MOST_REASONS])
    note = element("p", f"{untold:,} more failed; run again with --json to have each named.") if untold > 0 else ""
    shown = (_reason(said, several) for said, several in reasons[:_MOST_REASONS])
    return join(*shown, note)


def _reason_of(outcome: Outcome) -> str:
    """Say what happened without what is of this one file, so that many of a kind are told together."""
    key = outcome.transfer.key
    said = str(outcome.error).removeprefix(f"{key}: ")
    for its_own in filter(None, (key, key.rpartition("/")[2])):  # a bad key may end in a slash
        said = said.replace(its_own, "…")
    return _DIGEST.sub(r"\1:…", said)


def _reason(said: str, several: list[Outcome]) -> Html:
    may_pass = isinstance(several[0].error, TransientError)
    advice = "may pass: run again" if may_pass else "will not pass by itself"
    keys = [element("li", outcome.transfer.key) for outcome in several]
    more = element("details", element("summary", f"{len(keys) - _MOST_KEYS} more"), _list(keys[_MOST_KEYS:]))
    return element(
        "div",
        element("p", element("b", f"{files(len(several))}: "), said, " ", element("em", advice)),
        _list(keys[:_MOST_KEYS]),
        more if len(keys) > _MOST_KEYS else "",
        class_="reason",
    )


def _list(items: Iterable[Html]) -> Html:
    return element("ul", *items, class_="keys")


def changes(run: RunRecord) -> Html:
    """Tell why the number of requests at once moved."""
    rows = sorted(
        (at, host_name(run, host), limit, why)
        for host, several in run.changes.items()
        for at, limit, why in several
    )
    cells = [(duration(at), host, str(limit), why) for at, host, limit, why in rows]
    head = ("after", "host", "at once", "why")
    first = table(head, cells[:_MOST_CHANGES])
    rest = cells[_MOST_CHANGES:][:_ALL_CHANGES]
    if not rest:
        return first
    return join(first, element("details", element("summary", f"{len(rest)} more changes"), table(head, rest)))


def hosts(run: RunRecord) -> Html:
    """Tell of each host how long requests took, and which attempts failed there."""
    return element("div", *(_host(run, pacing) for pacing in run.pacings), class_="hosts")


def _host(run: RunRecord, pacing: Pacing) -> Html:
    kinds = {kind: count for (host, kind), count in run.setbacks.items() if host == pacing.host}
    most_first = sorted(kinds.items(), key=lambda each: -each[1])
    told = ", ".join(f"{count:,} {cause(kind)}" for kind, count in most_first)
    setbacks = f"Failed attempts: {told}." if told else "No attempt failed."
    requests = sum(pacing.durations.values())
    role = "the archive" if pacing.host == ARCHIVE else "storage"
    return element(
        "div",
        element("h3", host_name(run, pacing.host), element("small", role)),
        element("p", f"{requests:,} request{'s' * (requests != 1)}; {_spread(pacing.durations)}")
        if requests
        else "",
        histogram(pacing.durations) if requests else "",
        element("p", setbacks, class_="bad" if told else None),
        class_="card",
    )


def _requests(count: int, durations: Mapping[int, int]) -> Html:
    said = element("p", f"{count:,} request{'s' * (count != 1)}; {_spread(durations)}")
    return join(said, histogram(durations))


def _spread(durations: Mapping[int, int]) -> str:
    half, most = (duration(within(_quantile(durations, share))) for share in (0.5, 0.95))
    return f"half took less than {half}" + (f", 95 % less than {most}" if most != half else "")


def _quantile(durations: Mapping[int, int], share: float) -> int:
    wanted, seen = share * sum(durations.values()), 0
    for digits in sorted(durations):
        seen += durations[digits]
        if seen >= wanted:
            return digits
    return max(durations)


_PROOFS = {
    "manifest": "the digest in a manifest",
    "repr-digest": "the digest that storage named (Repr-Digest)",
    "etag-md5": "the MD5 in storage's ETag",
    "crc64nvme": "the CRC-64/NVME that storage computed",
    "fits-checksum": "the checksums inside the FITS file",
    "record": "the digest recorded when the file came",
    "search": "a search that shows the record",
    "record-count": "the number of records only",
    "form": "the form only",
    "size": "the size only",
}


def proofs(run: RunRecord) -> Html:
    """Tell what was verified by what."""
    counted = sorted(run.proofs.items(), key=lambda proof: -proof[1])
    rows = []
    for proof, count in counted:
        verifies = bool(proof and proof.verifies)
        name = _PROOFS.get(str(proof), "nothing: there was nothing to compare with")
        mark = element("span", "verified" if verifies else "not verified", class_="good" if verifies else "bad")
        rows.append((f"{count:,}", mark, name))
    return table(("files", "", "held against"), rows)


def slowest(run: RunRecord) -> Html:
    """List the files that took longest."""
    rows = [
        (
            duration(outcome.seconds),
            size(outcome.bytes),
            f"{size(outcome.bytes / max(outcome.seconds, 1e-3))}/s",
            str(outcome.attempts),
            element("code", outcome.transfer.key),
        )
        for outcome in run.slowest
    ]
    return table(("time", "size", "goodput", "attempts", "file"), rows)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Html:
    """Lay out a table."""
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", *(element("th", cell) for cell in head))),
            element("tbody", *_rows(rows)),
        ),
        class_="table",
    )


def _rows(rows: Iterable[Iterable[str]]) -> Iterator[Html]:
    for row in rows:
        yield element("tr", *(element("td", cell) for cell in row))


def moment(seconds: float) -> str:
    """Write a Unix time as a date and a time of day, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
