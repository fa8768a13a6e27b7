"""Records on their way to AuroraX, some hundreds at a time, and what the archive says of each.

It answers 202, accepted, which is not yet done; or, for one bad record, it refuses all that came with it. Then the
record is found: by what the refusal names, or else by halves. To send the good ones again rests on the assumption
that a record replaces the one of the same source and epoch, or URL.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from imap_bulk.archives.aurorax.api import Api
from imap_bulk.archives.aurorax.records import Entry
from imap_bulk.archives.aurorax.refusals import code_of, documents, refusal, told
from imap_bulk.archives.aurorax.searching import Kind
from imap_bulk.errors import BulkError, Garbled, Rejected, TransientError
from imap_bulk.http import Reply, one_line
from imap_bulk.retry import persist
from imap_bulk.settings import Settings

_LONGEST_ANSWER = 4 << 20


class Fate(StrEnum):
    """What became of a record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # the archive has one of its kind and kept that
    REFUSED = "refused"


class Verdict(NamedTuple):
    """What the archive said of one record."""

    entry: Entry
    fate: Fate
    error: BulkError | None = None


@dataclass(frozen=True, slots=True)
class Batches:
    """Sends records of one kind to one source."""

    api: Api
    settings: Settings
    kind: Kind
    identifier: int
    bisect: bool = True
    """Whether good records are sent again without the bad one that came with them."""

    async def send(self, batch: Sequence[Entry]) -> list[Verdict]:
        """Send some records; return a verdict on each, in no order.

        Raises what ends the push: AccessDenied, NotFound, Maintenance, Rejected. A batch that failed in passing,
        over all attempts, is refused with a TransientError.
        """
        verdicts: list[Verdict] = []
        pending = [batch]
        while pending:
            current = pending.pop()
            try:
                reply = await persist(lambda batch=current: self._attempt(batch), self.settings)  # type: ignore[misc]
            except TransientError as error:
                verdicts += _all(current, Fate.REFUSED, error)
                continue
            settled, rest = self._judged(current, reply)
            verdicts += settled
            pending += rest
        return verdicts

    async def _attempt(self, batch: Sequence[Entry]) -> Reply:
        """Send once. Raises TransientError for what another attempt may help, and what ends the push."""
        body = b"[" + b",".join(entry.document for entry in batch) + b"]"
        path = f"/data_sources/{self.identifier}/{self.kind}"
        reply = await self.api.ask("POST", path, body=body, keyed=True, most_bytes=_LONGEST_ANSWER)
        if reply.status == 202 and "html" not in reply.headers.get("Content-Type", "").lower():
            return reply
        if reply.status in (400, 409, 413):
            return reply
        subject = f"{len(batch)} records from {batch[0].place} on"
        if reply.status < 300:  # nothing but 202 says that it took them
            raise Garbled(f"{subject}: the archive answered {reply.status}, not 202: {reply.words}")
        raise refusal(reply, subject)

    def _judged(self, batch: Sequence[Entry], reply: Reply) -> tuple[list[Verdict], list[Sequence[Entry]]]:
        """Return verdicts, and what is to be sent again in smaller batches."""
        match reply.status:
            case 202:
                return _all(batch, Fate.ACCEPTED), []
            case 409 if code_of(reply) != "conflict":
                return self._duplicate(batch)
            case 413:
                return self._halved(batch, reply)
            case 400:
                return self._named(batch, reply)
        return _all(batch, Fate.REFUSED, refusal(reply, batch[0].place)), []

    def _duplicate(self, batch: Sequence[Entry]) -> tuple[list[Verdict], list[Sequence[Entry]]]:
        """Find out which records are there already: one of them may have kept all others out."""
        if len(batch) == 1 or not self.bisect:
            return _all(batch, Fate.DUPLICATE), []
        return [], _halves(batch)

    def _halved(self, batch: Sequence[Entry], reply: Reply) -> tuple[list[Verdict], list[Sequence[Entry]]]:
        if len(batch) > 1:  # nothing of a body that is too long was looked at, so this is no bisection
            return [], _halves(batch)
        return [_refused(batch[0], f"the archive answered 413: {reply.words}")], []

    def _named(self, batch: Sequence[Entry], reply: Reply) -> tuple[list[Verdict], list[Sequence[Entry]]]:
        """Refuse the records that a refusal names; the others go on without them, or in halves."""
        found = documents(reply)
        said = "; ".join(told(document) for document in found[:3]) or reply.words
        if len(batch) == 1:
            return [_refused(batch[0], said)], []
        named = _by_entry(batch, [told(document) for document in found])
        if not self.bisect:
            others = f"its batch was refused because of another record: {one_line(said)}"
            return [_refused(entry, named.get(entry.number, others)) for entry in batch], []
        if not named:
            return [], _halves(batch)
        verdicts = [_refused(entry, named[entry.number]) for entry in batch if entry.number in named]
        rest = [entry for entry in batch if entry.number not in named]
        return verdicts, [rest] if rest else []


def _all(batch: Iterable[Entry], fate: Fate, error: BulkError | None = None) -> list[Verdict]:
    return [Verdict(entry, fate, error) for entry in batch]


def _refused(entry: Entry, said: str) -> Verdict:
    return Verdict(entry, Fate.REFUSED, Rejected(f"{entry.place} ({entry.key}): {said}"))


def _halves(batch: Sequence[Entry]) -> list[Sequence[Entry]]:
    middle = len(batch) // 2
    return [batch[middle:], batch[:middle]]


def _by_entry(batch: Sequence[Entry], messages: Iterable[str]) -> Mapping[int, str]:
    """Find the records that messages name by epoch or URL; a message that names none or several tells nothing."""
    named: dict[int, str] = {}
    for message in messages:
        hits = [entry for entry in batch if _names(message, entry.key)]
        if len(hits) == 1:
            named[hits[0].number] = message
    return named


def _names(message: str, key: str) -> bool:
    """Tell whether a message holds a key as a word of its own; behind an epoch may be a fraction or a zone."""
    return key in message and re.search(rf"(?<![\w/.-]){re.escape(key)}(?=Z\b|[^\w/-]|$)", message) is not None
