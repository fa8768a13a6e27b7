"""What is recorded of files, made usable elsewhere: sums that `sha256sum -c` checks, and bags (RFC 8493).

Both want SHA-256, while an archive may have vouched for its files by MD5. Such a file is read once, held to what
is recorded of it, and summed up anew on the way; what is no longer right is in no sum and in no bag.
"""

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TextIO

from imap_bulk import __version__, manifest
from imap_bulk.digest import Digest, hasher
from imap_bulk.errors import BadManifest, BulkError, Corrupted, Unverified
from imap_bulk.journal import Journal, Record
from imap_bulk.model import Direction, RemoteFile

ALGORITHM = "sha256"
_READ_BYTES = 1 << 20
_PAYLOAD = "data"
_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_STRONGEST_FIRST = ("sha512", "sha256", "sha1", "md5")
_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Sum:
    """The SHA-256 of a recorded file."""

    record: Record
    digest: Digest


def sums(data_dir: Path) -> Iterator[Sum | BulkError]:
    """Yield, for every file that was pulled, its SHA-256, or why there is none. Raises OSError."""
    with _recorded(data_dir) as journal:
        for record in journal.records():
            try:
                yield Sum(record, _sum_of(record))
            except BulkError as error:
                yield error


def _recorded(data_dir: Path) -> Journal:
    """Open the journal of what was pulled. Raises OSError where there is one that cannot be read."""
    return Journal(data_dir, "", Direction.PULL, create=False, is_needed=True)


def _sum_of(record: Record) -> Digest:
    """Return the SHA-256 of a file that is what is recorded of it. Raises Corrupted, Unverified."""
    if record.digest and record.digest.algorithm == ALGORITHM:
        return record.digest
    return _read(record, None)


def _read(record: Record, copy: Path | None) -> Digest:
    """Hold a file to what is recorded of it, copy what is read, and return its SHA-256."""
    if record.digest is None:
        raise Unverified(f"{record.path}: no digest is recorded to hold it to")
    known, new = hasher(record.digest.algorithm), hasher(ALGORITHM)
    try:
        with Path(record.path).open("rb", buffering=0) as file, Path(copy or os.devnull).open("wb") as target:
            while chunk := file.read(_READ_BYTES):
                known.update(chunk)
                new.update(chunk)
                target.write(chunk)
    except FileNotFoundError:
        raise Corrupted(f"{record.path} is missing; pull it again") from None
    if known.hexdigest() != record.digest.value:
        raise Corrupted(f"{record.path} is no longer what is recorded, {record.digest}; pull it again")
    return Digest(ALGORITHM, new.hexdigest())


@dataclass(frozen=True, slots=True)
class Bagged:
    """A file that has come into a bag."""

    key: str
    digest: Digest
    bytes: int


def write_bag(data_dir: Path, bag: Path) -> Iterator[Bagged | BulkError]:
    """Copy every file that was pulled into a new bag, and yield it, or why it is left out. Raises OSError.

    Each is held to what is recorded of it while it is copied. The bag is one only when all are told.
    """
    bag.mkdir(parents=True, exist_ok=True)
    if any(bag.iterdir()):
        raise BadManifest(f"{bag} is not empty; name a directory that is to be made")
    files = total = 0
    listed = bag / f"manifest-{ALGORITHM}.txt"
    with (
        Journal(data_dir, "", Direction.PULL, create=False, is_needed=True) as journal,
        _tag_file(listed) as lines,
    ):
        for record in journal.records():
            try:
                bagged = _bagged(record, bag)
            except BulkError as error:
                yield error
                continue
            lines.write(f"{bagged.digest.value}  {_PAYLOAD}/{_escaped(bagged.key)}\n")
            files, total = files + 1, total + bagged.bytes
            yield bagged
    if files:
        _write_tags(bag, files, total)
    else:
        listed.unlink()


def _tag_file(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="")


def _bagged(record: Record, bag: Path) -> Bagged:
    path = bag / _PAYLOAD / record.key
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        digest = _read(record, path)
    except BulkError:
        path.unlink(missing_ok=True)
        raise
    shutil.copystat(record.path, path)
    return Bagged(record.key, digest, path.stat().st_size)


def _write_tags(bag: Path, files: int, total: int) -> None:
    """Write what makes a bag of a directory, its declaration last but for the sums of all tag files."""
    info = (
        f"Bag-Software-Agent: imap-bulk {__version__}\n"
        f"Bagging-Date: {datetime.now(UTC).date().isoformat()}\n"
        f"Payload-Oxum: {total}.{files}\n"
    )
    for name, text in (("bag-info.txt", info), ("bagit.txt", _DECLARATION)):
        with _tag_file(bag / name) as file:
            file.write(text)
    names = (f"manifest-{ALGORITHM}.txt", "bag-info.txt", "bagit.txt")
    with _tag_file(bag / f"tagmanifest-{ALGORITHM}.txt") as sums:
        sums.writelines(f"{Digest.of(bag / name).value}  {name}\n" for name in names)


def _escaped(key: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in key)


def _path_in(bag: Path, written: str) -> str:
    """Tell which path a manifest means: RFC 8493 has `%` escaped, the reference implementation does not do it."""
    plain = written
    for character, escaped in reversed(_ESCAPES.items()):
        plain = plain.replace(escaped, character).replace(escaped.lower(), character)
    return written if plain == written or os.path.lexists(bag / written) else plain


def is_bag(path: Path) -> bool:
    """Tell whether a directory says that it is a bag."""
    # Path.is_file raises for what is behind a closed directory: that is told by whoever reads it.
    return os.path.isfile(path / "bagit.txt")  # noqa: PTH113


def files_of_bag(bag: Path) -> Iterator[RemoteFile]:
    """Yield what a bag's manifests list, payload and tag files, by their paths in it.

    Raises BadManifest at once, also where the payload holds what no manifest lists.
    """
    payload = _entries(bag, "manifest-")
    if payload is None:
        raise BadManifest(f"{bag} has no manifest of its payload by {', '.join(_STRONGEST_FIRST)}")
    if unlisted := sorted(set(_below(bag)) - {file.key for file in payload}):
        named = ", ".join(unlisted[:_MOST_NAMED]) + ", …" * (len(unlisted) > _MOST_NAMED)
        raise BadManifest(f"{bag} holds {len(unlisted)} files that its manifest does not list: {named}")
    return iter([*payload, *(_entries(bag, "tagmanifest-") or [])])


def _entries(bag: Path, prefix: str) -> list[RemoteFile] | None:
    for algorithm in _STRONGEST_FIRST:
        path = bag / f"{prefix}{algorithm}.txt"
        if path.is_file():
            return [RemoteFile(_path_in(bag, entry.path), None, entry.digest) for entry in manifest.read(path)]
    return None


def _below(bag: Path) -> Iterable[str]:
    for directory, _, names in os.walk(bag / _PAYLOAD):
        place = PurePosixPath(Path(directory).relative_to(bag).as_posix())
        yield from (str(place / name) for name in names)
