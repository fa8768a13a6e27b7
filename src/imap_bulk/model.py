"""The nouns: frozen, slotted, picklable values, whose methods only tell what they hold, or in another form."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Self

from imap_bulk.digest import Digest
from imap_bulk.errors import BulkError, IncompleteRun
from imap_bulk.stamp import Stamp
from imap_bulk.urls import public_url

LARGEST_PUT_BYTES = 5 << 30
"""What S3 takes in one PUT, and so in one pre-signed URL."""


class Direction(StrEnum):
    """Which way the bytes go."""

    PULL = "pull"
    PUSH = "push"


class Status(StrEnum):
    """How a transfer ended."""

    DONE = "done"
    SKIPPED = "skipped"  # what was wanted is there already
    FAILED = "failed"
    CANCELLED = "cancelled"


class Proof(StrEnum):
    """What the bytes were held against, strongest first. The last three do not tell whether a byte is wrong."""

    MANIFEST = "manifest"
    REPR_DIGEST = "repr-digest"
    ETAG = "etag-md5"
    CRC64NVME = "crc64nvme"  # what S3 has computed of the bytes that it took
    FITS = "fits-checksum"  # the checksums that a FITS file carries of itself
    RECORD = "record"  # the digest that was recorded when the file came
    SEARCH = "search"  # a search has shown the record that was pushed
    COUNT = "record-count"  # as many records as the archive had announced
    FORM = "form"  # it is what it should be: a whole FITS file, a JSON document
    SIZE = "size"

    @property
    def verifies(self) -> bool:
        """Whether somebody else vouches: by a digest from before it came, or by showing what was pushed."""
        return self not in (Proof.COUNT, Proof.FORM, Proof.SIZE)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the archive describes it. `size` in bytes; None means that the archive does not say."""

    key: str
    size: int | None = None
    digest: Digest | None = None
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)  # which has none
    """The archive's own record, unchanged."""
    source: str = ""
    """What the archive goes by where the key does not tell: an address, a search. Only the archive reads it."""

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Transfer:
    """One file to be moved: the unit of work, of retry and of report."""

    direction: Direction
    key: str
    path: Path
    size: int | None = None
    digest: Digest | None = None
    source: str = ""
    """As in `RemoteFile`."""


class Wanted(NamedTuple):
    """A transfer that is not planned yet, in plain values: a million of them may turn out to be needless."""

    key: str
    path: str
    size: int | None
    digest: str | None
    """As `Digest` is written."""
    source: str

    @classmethod
    def of(cls, transfer: Transfer) -> Self:
        """Write a transfer so."""
        digest = str(transfer.digest) if transfer.digest else None
        return cls(transfer.key, os.fspath(transfer.path), transfer.size, digest, transfer.source)

    def transfer(self, direction: Direction) -> Transfer:
        """Return the transfer that this is."""
        digest = Digest.kept(self.digest) if self.digest else None
        return Transfer(direction, self.key, Path(self.path), self.size, digest, self.source)


@dataclass(frozen=True, slots=True)
class SignedUrl:
    """A pre-signed URL: lets its bearer move one object, one way, until it expires. A secret while it lives."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that were signed with it and must go with it."""
    expires_at: float | None = None
    """Unix time, by the archive's clock."""

    @property
    def host(self) -> str:
        """Host and port of the storage that it leads to."""
        return self.url.partition("://")[2].partition("/")[0]

    def __str__(self) -> str:
        return f"{self.method} {public_url(self.url)}"

    def __repr__(self) -> str:
        return f"SignedUrl({self}?…)"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a transfer is, in bytes from its start: a retry corrects itself."""

    transfer: Transfer
    bytes: int


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that a bucket has confirmed: its address, its size in bytes, and its ETag, without quotes."""

    address: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a transfer ended: `bytes` of its last attempt, `seconds` of all, `stamp` of the file on disk."""

    transfer: Transfer
    status: Status
    attempts: int = 0
    seconds: float = 0.0
    bytes: int = 0
    digest: Digest | None = None
    verified_by: Proof | None = None
    error: BulkError | None = None
    is_cached: bool = False
    """Whether it came from the cache instead of the archive."""
    stored: Stored | None = None
    """What became of it where it was delivered to a bucket."""
    stamp: Stamp | None = None


class There(NamedTuple):
    """A file that need not move: `digest` is that of its bytes, as `Digest` is written."""

    wanted: Wanted
    digest: str | None
    verified_by: Proof | None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Hundreds of files that are there already: what as many outcomes would tell, at a tenth of the cost."""

    direction: Direction
    files: tuple[There, ...]

    def proofs(self) -> Counter[Proof | None]:
        """Count by what verified them."""
        return Counter(map(itemgetter(2), self.files))

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcome of each, for those who want to hear of each."""
        for wanted, text, proof in self.files:
            digest = Digest.kept(text) if text else None
            yield Outcome(wanted.transfer(self.direction), Status.SKIPPED, digest=digest, verified_by=proof)


@dataclass(frozen=True, slots=True)
class Setback:
    """An attempt that failed, at a host (the archive, or storage by its name); what follows is another matter."""

    transfer: Transfer
    host: str
    attempt: int
    error: BulkError


@dataclass(frozen=True, slots=True)
class Pacing:
    """How hard a run has pressed one host, told when it is over."""

    host: str
    changes: tuple[tuple[float, int, str], ...]
    """When the number of requests at once changed (`time.monotonic`), to what, and why; the last 500 of them."""
    durations: Mapping[int, int]
    """Of how many requests the time, in whole milliseconds, has so many binary digits."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is about to do. `bytes` adds up the known sizes; `unsized` files have none."""

    files: int
    bytes: int
    unsized: int
    skipped: int
    is_whole: bool = True
    """Whether that is all. Of very many files some begin to move before; then another plan follows."""


@dataclass(frozen=True, slots=True)
class Result:
    """The count of a run: wanted = done + skipped + failed + cancelled."""

    wanted: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    cancelled: int = 0
    passing: int = 0
    """Of the failed, those where another run may help."""
    verified: int = 0
    """Of the done and skipped, those held against a digest known beforehand."""
    bytes: int = 0
    seconds: float = 0.0
    failures: tuple[Outcome, ...] = ()
    """The first thousand failed outcomes, so that memory does not grow with bad luck."""
    cached: int = 0
    """Of the done, those that came from the cache."""

    @property
    def unverified(self) -> int:
        """Of the done and skipped, those that no digest confirms."""
        return self.done + self.skipped - self.verified

    @property
    def complete(self) -> bool:
        """Whether everything wanted is there."""
        return self.failed == self.cancelled == 0

    def complaint(self) -> str:
        """Say in a sentence what is missing."""
        first = f" The first: {self.failures[0].error}" if self.failures else ""
        return f"{self.failed} of {self.wanted} files failed and {self.cancelled} were cancelled.{first}"

    def raise_for_failures(self) -> None:
        """Raise `IncompleteRun` unless everything wanted is there."""
        if not self.complete:
            raise IncompleteRun(self.complaint())


@dataclass(frozen=True, slots=True)
class Sample:
    """Some of many files: a share of them, at least one, or a count. The same seed chooses the same."""

    share: float | None = None
    count: int = 0
    seed: str = ""

    def __post_init__(self) -> None:
        if not (self.count > 0 if self.share is None else 0 < self.share <= 1):
            raise ValueError(
                "a sample is a share from 0 to 1, as 0.05 for 5%, or a count of files; give one of them"
            )

    def of(self, files: int) -> int:
        """Tell how many of so many files are in it."""
        return self.count if self.share is None else ceil(self.share * files)


Event = Plan | Transfer | Progress | Setback | Outcome | Skipped | Pacing | Result
"""What a run reports: its plan; how each transfer goes and ends, many at once where nothing had to move; and at
last, even if stopped, how each host was pressed, and the count.

A dry run reports the transfers of its plan instead."""
