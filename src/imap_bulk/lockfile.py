"""A lock file: a query pinned to exact files, sizes and sha256 digests, written so that git can merge it.

    #imap-bulk-lock {"schema": 1, "archive": "https://api.imap-mission.com", "query": {"instrument": ["mag"]}}

    {"file_path": "….cdf", "size": 5000, "sha256": "ab12…", "verified_by": "repr-digest", "archived": "2026…"}

One file a line, by key, with an empty line between two: git takes changes of neighbouring lines for a conflict.
To those who read manifests the first line is a comment, so that `verify` takes a lock file as well. `verified_by`
tells what confirmed the bytes when they were pinned, in the words of `Proof`; where nothing but their size did,
or nothing at all, the digest was recorded only. `archived` is when the archive says that it took the file in: if
that is later one day, there is another file under the same name.
"""

import json
import os
import re
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from imap_bulk import filenames
from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest, BadName
from imap_bulk.model import Proof, RemoteFile

SCHEMA = 1

_HEAD = "#imap-bulk-lock "
_CONFLICT = re.compile(r"<{7}( |$)|\|{7}( |$)|={7}$|>{7}( |$)")
_LARGEST_BYTES = 10**18
_TIME = re.compile("[0-9]{8,14}")


class Pin(NamedTuple):
    """One file, exactly: its size in bytes, its sha256, and what confirmed that when it was pinned.

    `archived` is the time at which the archive had taken it in, YYYYMMDDhhmmss by its clock, if it tells that.
    """

    key: str
    size: int
    digest: Digest
    verified_by: Proof | None = None
    archived: str | None = None

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class LockFile:
    """The pins, in the order of their keys, and the archive and query that they came from."""

    archive: str
    query: Mapping[str, Any]
    pins: tuple[Pin, ...]


class Change(NamedTuple):
    """What became of one file, by key: it is new where there is no `old` one, withdrawn where no `new` one.

    Where both are the same, it is another file under the same name.
    """

    old: str | None
    new: str | None


def files_of(lock: LockFile) -> list[RemoteFile]:
    """Return the pinned files, to be held to their sizes and digests."""
    return [RemoteFile(pin.key, pin.size, pin.digest) for pin in lock.pins]


class _Fault(Exception):
    """Why a line cannot be used."""


def read(path: Path) -> LockFile:
    """Read the lock file at `path`. Raises BadManifest that names every bad line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise BadManifest(f"there is no lock file {path}; make one: imap-bulk lock FILTERS -o {path}") from None
    except UnicodeDecodeError:
        raise BadManifest(f"{path} is no text and so no lock file; imap-bulk lock makes one") from None
    except OSError as error:
        raise BadManifest(f"the lock file {path} cannot be read: {error.strerror}") from error
    return _read_lines(text.split("\n"), path)


def write(path: Path, lock: LockFile) -> None:
    """Write a lock file, atomically. Raises OSError, BadName for a key that could not be read again."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(_lines(lock))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        error.filename = os.fspath(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def archived_again(pins: Iterable[Pin], times: Mapping[str, str]) -> set[str]:
    """Tell which pinned keys the archive has taken in again since, by the times that it tells now."""
    return {pin.key for pin in pins if pin.archived and times.get(pin.key, "") > pin.archived}


def diff(old: Iterable[str], new: Iterable[str], again: Iterable[str] = ()) -> list[Change]:
    """Tell how the keys `new` differ from `old`, in their order; a version takes the place of an older one.

    Those of `again` are in both, and have changed.
    """
    before, after = set(old), set(new)
    changes = [*_paired(before - after, after - before), *(Change(key, key) for key in again)]
    return sorted(changes, key=lambda change: change.new or change.old or "")


def _paired(gone: Iterable[str], come: Iterable[str]) -> Iterator[Change]:
    """Pair versions of the same file that went and came, oldest with oldest."""
    series: dict[object, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, keys in enumerate((gone, come)):
        for key in keys:
            series[series_of(key)][side].append(key)
    for several in series.values():
        for old, new in zip_longest(*(sorted(keys, key=age_of) for keys in several)):
            yield Change(old, new)


def series_of(key: str) -> object:
    """Tell of which file this is a version."""
    try:
        name = filenames.parse(_name(key), legacy=True)
    except BadName:
        return key
    return name._replace(name="", key="", version=None, major=None, minor=None)


def age_of(key: str) -> tuple[int, int, int]:
    """Tell how new a version it is, among those of one file."""
    try:
        return filenames.version_order(filenames.parse(_name(key), legacy=True).version or "")
    except BadName:
        return (0, 0, 0)


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _key_of(pin: Pin) -> str:
    return pin.key


def _lines(lock: LockFile) -> Iterator[str]:
    head = {"schema": SCHEMA, "archive": lock.archive, "query": dict(lock.query)}
    yield f"{_HEAD}{json.dumps(head)}\n"
    for pin in sorted(lock.pins, key=_key_of):
        if not pin.key.isprintable():
            raise BadName(f"{pin.key!r} cannot be pinned: no lock file could be read that names it")
        proof = str(pin.verified_by) if pin.verified_by else None
        told = {"file_path": pin.key, "size": pin.size, "sha256": pin.digest.value, "verified_by": proof}
        yield f"\n{json.dumps(told | ({'archived': pin.archived} if pin.archived else {}))}\n"


def _read_lines(lines: list[str], path: Path) -> LockFile:
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    for number, line in numbered:
        if _CONFLICT.match(line):
            raise BadManifest(
                f"{path} line {number} is the mark of a merge conflict; delete such marks, keep the lines of "
                f"either side or both, then run imap-bulk lock --update {path}"
            )
    head = _read_head(numbered, path)
    pins: dict[str, Pin] = {}
    problems: list[str] = []
    for number, line in numbered[1:]:
        try:
            _add(pins, _read_pin(line))
        except _Fault as fault:
            problems.append(f"line {number}: {fault}")
    if problems:
        count = f"{len(problems)} problem{'s' * (len(problems) > 1)}"
        raise BadManifest(f"{path} has {count}; take these lines from an earlier version of it", tuple(problems))
    return LockFile(head["archive"], head["query"], tuple(sorted(pins.values(), key=_key_of)))


def _read_head(numbered: list[tuple[int, str]], path: Path) -> dict[str, Any]:
    first = numbered[0][1] if numbered else ""
    head = _object(first.removeprefix(_HEAD)) if first.startswith(_HEAD) else None
    schema = head.get("schema") if head else None
    if head is None or not isinstance(schema, int):
        raise BadManifest(f"{path} is no lock file: its first line does not say so; imap-bulk lock makes one")
    if schema != SCHEMA:
        raise BadManifest(f"{path} has schema {schema}, and this imap-bulk knows {SCHEMA}; update imap-bulk")
    if not isinstance(head.get("archive"), str) or not isinstance(head.get("query"), dict):
        raise BadManifest(f"{path} line 1 names no archive and query; take it from an earlier version of the file")
    return head


def _add(pins: dict[str, Pin], pin: Pin) -> None:
    if pins.setdefault(pin.key, pin)[:3] != pin[:3]:
        raise _Fault(f"{pin.key} is pinned twice, and differently; keep the line that is right")


def _read_pin(line: str) -> Pin:
    told = _object(line)
    if told is None:
        raise _Fault("is no JSON object")
    key, size = told.get("file_path"), told.get("size")
    if not isinstance(key, str) or not key or not key.isprintable():
        raise _Fault("names no file_path")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _LARGEST_BYTES:
        raise _Fault(f"the size of {key} is no whole number of bytes")
    digest, proof = _read_digest(told.get("sha256"), key), _read_proof(told.get("verified_by"), key)
    return Pin(key, size, digest, proof, _read_time(told.get("archived"), key))


def _read_digest(value: object, key: str) -> Digest:
    try:
        return Digest("sha256", str(value))
    except ValueError as error:
        raise _Fault(f"{key}: {error}") from None


def _read_proof(value: object, key: str) -> Proof | None:
    if value is None:
        return None
    try:
        return Proof(str(value))
    except ValueError:
        raise _Fault(f"{key}: there is no proof {value!r}; use {', '.join(Proof)} or null") from None


def _read_time(value: object, key: str) -> str | None:
    if value is None or (isinstance(value, str) and _TIME.fullmatch(value)):
        return value
    raise _Fault(f"{key}: {value!r} is no time of archiving; write YYYYMMDDhhmmss or leave it out")


def _object(text: str) -> dict[str, Any] | None:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
