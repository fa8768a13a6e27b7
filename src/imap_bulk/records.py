"""The push of records, told from beginning to end: an archive that takes no files takes what is known of them.

Accepted is not done: the archive works records in later, and tells nobody if it could not. Only a search shows
what it has, and only if one is wished for.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from imap_bulk.archives.aurorax import AuroraxArchive, Kind
from imap_bulk.archives.aurorax.batches import Batches, Fate, Verdict
from imap_bulk.archives.aurorax.keys import Triple
from imap_bulk.archives.aurorax.records import Entry, Records, hold_to_source, split
from imap_bulk.archives.aurorax.sources import Record, SourceDraft, Sources, triple_of
from imap_bulk.archives.aurorax.visible import sought, visible
from imap_bulk.bulk.tally import Report, Tally
from imap_bulk.engine.together import together
from imap_bulk.errors import AlreadyArchived, BulkError, NotFound, TransientError, Vanished
from imap_bulk.journal import Accepted
from imap_bulk.model import Direction, Outcome, Plan, Proof, Result, Status, Transfer
from imap_bulk.settings import Settings

_LONGEST_WAIT = 10.0
_LOOKED_UP = 500
"""Records that are looked up in the journal together."""


@dataclass(frozen=True, slots=True)
class PushWishes:
    """How records are pushed; times in seconds."""

    most_per_batch: int = 500
    in_flight: int = 4
    """Batches that are on their way at once."""
    bisect: bool = True
    """Whether bad records are looked for by sending good ones again."""
    fail_on_duplicate: bool = False
    verify: bool = False
    """Whether to search until all records are visible."""
    verify_timeout: float = 300.0
    verify_wait: float = 1.0
    """First wait between two searches; doubles, up to 10 s."""


async def push_records(
    archive: AuroraxArchive,
    records: Records,
    source: int | Triple,
    data_dir: Path,
    report: Report,
    wishes: PushWishes,
    *,
    create: SourceDraft | None = None,
    warn: Callable[[str], None],
    dry_run: bool = False,
) -> Result:
    """Send `records` to the data source with this identifier or triple; the journal knows what was accepted.

    Raises BadManifest before anything is sent, BulkError for what ends the push: no access, no such source,
    maintenance. A record that is refused is counted instead. A source that is missing is made from `create`.
    """
    async with archive:
        found = await _find(archive.sources, source, None if dry_run else create)
        for warning in (*records.warnings, *hold_to_source(records, found)):
            warn(warning)
        place = _place(records.kind, found)
        with Accepted(data_dir, archive.name, place, create=not dry_run) as accepted:
            push = _Push(archive, records, found, _Notebook(accepted, archive.settings), report, wishes)
            await push.plan()
            if dry_run:
                return Result()
            try:
                await push.send()
                await push.verify()
            finally:
                report(push.tally.result())
        return push.tally.result()


async def _find(sources: Sources, wanted: int | Triple, draft: SourceDraft | None) -> Record:
    """Return the record of a source, which is added first if it can be. Raises NotFound."""
    try:
        return await (sources.get(wanted) if isinstance(wanted, int) else sources.named(wanted))
    except NotFound:
        if draft is None:
            raise
    return await sources.add(draft)


def forget(archive: AuroraxArchive, kind: Kind, source: Record, data_dir: Path) -> None:
    """Have the journal forget what a source has accepted, for some of it was deleted since."""
    with Accepted(data_dir, archive.name, _place(kind, source), create=False) as accepted:
        accepted.forget()


def _place(kind: Kind, source: Record) -> str:
    return f"{kind}/{source['identifier']}"


class _Notebook:
    """What the journal knows of the records of one source."""

    def __init__(self, accepted: Accepted, settings: Settings) -> None:
        self._accepted = accepted
        self._overwrite = settings.overwrite

    def known(self, entries: Sequence[Entry]) -> set[int]:
        """Return the numbers of those that an earlier run had accepted, with no other one of their key since."""
        if self._overwrite:
            return set()
        last = self._accepted.digests([entry.key for entry in entries])
        return {entry.number for entry in entries if last.get(entry.key) == _digest(entry)}

    def write(self, entries: Iterable[Entry]) -> None:
        """Remember what was accepted."""
        self._accepted.add((entry.key, _digest(entry)) for entry in entries)

    def forget(self, entries: Iterable[Entry]) -> None:
        """Forget what was accepted and did not stay."""
        self._accepted.forget(entry.key for entry in entries)


class _Push:
    """One push, step by step."""

    def __init__(
        self,
        archive: AuroraxArchive,
        records: Records,
        source: Record,
        notebook: _Notebook,
        report: Report,
        wishes: PushWishes,
    ) -> None:
        self._archive = archive
        self._records = records
        self._triple = triple_of(source)
        self._identifier = int(source["identifier"])
        self._notebook = notebook
        self._report = report
        self._wishes = wishes
        self._unseen: dict[str, list[tuple[Entry, Status]]] = {}
        """What is to become visible, by the key of a search's result, and what it counts as then."""
        self._needless = bytearray(records.count)
        """Whether the plan leaves a record out, by its number."""
        self.tally = Tally(report)
        self.tally.wanted = records.count

    async def plan(self) -> None:
        """Decide what need not be sent, and report the rest."""
        todo = size = 0
        for entry, is_known in self._entries():
            if is_known:
                self._needless[entry.number] = True
                self._settle(entry, Status.SKIPPED)
            else:
                todo += 1
                size += len(entry.document)
            if not entry.number % _LOOKED_UP:
                await asyncio.sleep(0)  # who waits for the event loop, an interrupt say, need not wait for all
        self._report(Plan(todo, size, 0, sum(self._needless)))

    def _entries(self) -> Iterator[tuple[Entry, bool]]:
        """Yield all records, each with whether an earlier run had it accepted."""
        entries = self._records.entries(self._triple)
        while batch := list(islice(entries, _LOOKED_UP)):
            known = self._notebook.known(batch)
            yield from ((entry, entry.number in known) for entry in batch)

    def _todo(self) -> Iterator[Entry]:
        """Yield what was planned; count what another process has had accepted since."""
        for entry, is_known in self._entries():
            if self._needless[entry.number]:
                continue
            if is_known:
                self._settle(entry, Status.SKIPPED)
            else:
                yield entry

    async def send(self) -> None:
        """Send what is to be sent, several batches at once."""
        shared = split(self._todo(), self._wishes.most_per_batch)
        batches = Batches(
            self._archive.api, self._archive.settings, self._records.kind, self._identifier, self._wishes.bisect
        )

        async def work() -> None:
            for batch in shared:
                self._take(await batches.send(batch))

        await together(work() for _ in range(self._wishes.in_flight))

    def _take(self, verdicts: list[Verdict]) -> None:
        self._notebook.write(entry for entry, fate, _ in verdicts if fate is Fate.ACCEPTED)
        for entry, fate, error in verdicts:
            if error:
                self._fail(entry, error)
            elif fate is Fate.DUPLICATE and self._wishes.fail_on_duplicate:
                said = f"{entry.place} ({entry.key}): the archive has such a record already"
                self._fail(entry, AlreadyArchived(said))
            else:
                self._settle(entry, Status.DONE if fate is Fate.ACCEPTED else Status.SKIPPED)

    def _settle(self, entry: Entry, status: Status) -> None:
        """Count a record that the archive has taken, or have it wait until it is visible."""
        if self._wishes.verify:
            self._unseen.setdefault(sought(self._records.kind, entry).key, []).append((entry, status))
        else:
            self._succeed(entry, status)

    def _succeed(self, entry: Entry, status: Status, proof: Proof | None = None) -> None:
        """Count a record that the archive has, or has taken."""
        size = len(entry.document) if status is Status.DONE else 0
        self.tally.take(Outcome(_transfer(entry), status, bytes=size, verified_by=proof))

    def _fail(self, entry: Entry, error: BulkError) -> None:
        """Count a record that it has not."""
        self.tally.take(Outcome(_transfer(entry), Status.FAILED, error=error))

    async def verify(self) -> None:
        """Search, more and more rarely, until all records are visible; give up at the deadline.

        A search that fails in passing shows nothing, which is no news of what was accepted.
        """
        kind, loop = self._records.kind, asyncio.get_running_loop()
        trouble: TransientError | None = None
        deadline, wait = loop.time() + self._wishes.verify_timeout, self._wishes.verify_wait
        while self._unseen:
            wanted = [sought(kind, entry) for ((entry, _), *_) in self._unseen.values()]
            try:
                async for key in visible(self._archive, kind, self._triple, wanted):
                    for entry, status in self._unseen.pop(key, ()):
                        self._succeed(entry, status, Proof.SEARCH)
                trouble = None
            except TransientError as error:
                trouble = error
            if not self._unseen or loop.time() >= deadline:
                break
            await asyncio.sleep(min(wait, max(0.0, deadline - loop.time())))
            wait = min(2 * wait, _LONGEST_WAIT)
        missing = [entry for entry, _ in chain.from_iterable(self._unseen.values())]
        if trouble is None:
            self._notebook.forget(missing)  # so that another run sends them again
        said = f"accepted, but no search has shown it after {self._wishes.verify_timeout:.0f} s"
        said += f": {trouble}" if trouble else ""
        for entry in missing:
            self._fail(entry, Vanished(f"{entry.place} ({entry.key}): {said}"))


def _digest(entry: Entry) -> bytes:
    return hashlib.sha256(entry.document).digest()


def _transfer(entry: Entry) -> Transfer:
    name, _, _ = entry.place.rpartition(" line ")
    return Transfer(Direction.PUSH, entry.place, Path(name), len(entry.document))
