"""Existing files made objects: names parsed, digests computed in threads, rows committed in batches.

A file from elsewhere is linked into the root, so that a terabyte costs no second one; where the two places are
on different disks it is copied. Files of these names are written once and renamed into place, also by
`imap-bulk pull`, so that a link goes on holding what was hashed.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from imap_bulk import filenames
from imap_bulk.digest import hasher
from imap_bulk.errors import BadName
from imap_bulk.filenames import FileName
from imap_bulk.server.catalog import Catalog, StoredObject
from imap_bulk.server.objects import PIECE_BYTES, fsync_directory, make_durable_directory

_BATCH_FILES = 512
"""Files in one commit, and at most so many lost to a kill."""

_SHOWN = 20


@dataclass(slots=True)
class Survey:
    """What was found so far, in files."""

    added: int = 0
    added_bytes: int = 0
    known: int = 0
    """Catalogued before."""

    left_out: int = 0
    missing: int = 0
    """Rows of which the object has gone from the root."""

    reasons: list[str] = field(default_factory=list)
    """Why a file was left out: the first twenty sentences."""

    is_over: bool = False
    """Nothing is added any more."""

    def leave_out(self, sentence: str) -> None:
        """Count a file that is not taken."""
        self.left_out += 1
        if len(self.reasons) < _SHOWN:
            self.reasons.append(sentence)


Report = Callable[[Survey], None]


class Surveyor:
    """Catalogues files below `root`, or brings them there; `clock` is Unix time."""

    def __init__(
        self,
        root: Path,
        catalog: Catalog,
        clock: Callable[[], float],
        *,
        legacy_names: bool = False,
        report: Report = lambda _: None,
    ) -> None:
        self._root = root.resolve()
        self._catalog = catalog
        self._clock = clock
        self._legacy_names = legacy_names
        self._report = report

    async def bring(self, directory: Path) -> Survey:
        """Catalogue the data files below `directory`, linked into the root. Raises OSError."""
        survey = Survey()
        await self._take_all(directory.resolve(), survey)
        self._end(survey)
        return survey

    def _end(self, survey: Survey) -> None:
        survey.is_over = True
        self._report(survey)

    async def _take_all(self, here: Path, survey: Survey) -> None:
        files = _walk(here, survey)
        while paths := await asyncio.to_thread(lambda: list(islice(files, _BATCH_FILES))):
            wanted = [each for path in paths if (each := self._wanted(path, here, survey))]
            await self._take(wanted, survey)
            self._report(survey)

    async def rescan(self) -> Survey:
        """Make the catalog true to the root: objects that it misses, and rows that have none. Raises OSError."""
        gone = await asyncio.to_thread(self._gone)
        await asyncio.to_thread(self._catalog.remove_many, gone)
        survey = Survey()
        await self._take_all(self._root, survey)
        survey.missing = sum(1 for key in gone if self._catalog.find(key) is None)
        self._end(survey)
        return survey

    def _gone(self) -> list[str]:
        """Return the keys of rows whose file is missing, or is of another size."""
        return [key for key, size in self._catalog.known() if _size(self._root / key) != size]

    def _wanted(self, path: Path, top: Path, survey: Survey) -> tuple[Path, FileName] | None:
        """Return the file's name if it is to be taken; else count why not."""
        shown = path.relative_to(top)
        if path.is_symlink():
            survey.leave_out(f"{shown} is a link; import what it leads to")
            return None
        try:
            file = filenames.parse(path.name, legacy=self._legacy_names)
        except BadName as fault:
            survey.leave_out(str(fault))
            return None
        if self._catalog.find(file.key):
            survey.known += 1
            return None
        if top == self._root and str(shown) != file.key:
            survey.leave_out(
                f"{shown} lies elsewhere than at its key, {file.key}; import it from outside the root"
            )
            return None
        return path, file

    async def _take(self, wanted: list[tuple[Path, FileName]], survey: Survey) -> None:
        taken = await asyncio.gather(*(asyncio.to_thread(self._place, *each) for each in wanted))
        rows = []
        for (path, file), stored in zip(wanted, taken, strict=True):
            if stored is None:
                survey.leave_out(f"{path.name} changed while it was read; import it again")
                continue
            rows.append((file, stored))
            survey.added_bytes += stored.size
        await asyncio.to_thread(self._commit, rows)
        survey.added += len(rows)

    def _place(self, path: Path, file: FileName) -> StoredObject | None:
        """Bring a file to its key, hashed on the way; None where it changed meanwhile."""
        final = self._root / file.key
        incoming = self._root / ".incoming" / f".{secrets.token_hex(16)}"
        in_place = path == final
        try:
            if not in_place:
                _link_or_copy(path, incoming)
            stored = _hashed(path if in_place else incoming, int(self._clock()))
            if stored and not in_place:
                make_durable_directory(final.parent)
                incoming.replace(final)
            return stored
        finally:
            incoming.unlink(missing_ok=True)  # renaming one link of a file over another leaves both

    def _commit(self, rows: list[tuple[FileName, StoredObject]]) -> None:
        """Write the rows when what they speak of is on disk."""
        for directory in {(self._root / file.key).parent for file, _ in rows}:
            fsync_directory(directory)
        self._catalog.add_many(rows)


def _walk(top: Path, survey: Survey) -> Iterator[Path]:
    """Yield every file and link; what begins with a dot is a part file or somebody's bookkeeping."""

    def leave_out(error: OSError) -> None:
        survey.leave_out(f"{Path(error.filename).relative_to(top)} cannot be read ({error.strerror})")

    for directory, below, names in os.walk(top, onerror=leave_out):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in [name for name in below if Path(directory, name).is_symlink()]:
            survey.leave_out(f"{Path(directory, name).relative_to(top)} is a link; import what it leads to")
        yield from (Path(directory, name) for name in sorted(names) if not name.startswith("."))


def _size(path: Path) -> int | None:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return None


def _link_or_copy(path: Path, incoming: Path) -> None:
    try:
        os.link(path, incoming, follow_symlinks=False)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, incoming)
        descriptor = os.open(incoming, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _hashed(path: Path, now: int) -> StoredObject | None:
    size, md5, sha256 = 0, hasher("md5"), hasher("sha256")
    with path.open("rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        while piece := file.read(PIECE_BYTES):
            size += len(piece)
            md5.update(piece)
            sha256.update(piece)
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or size != after.st_size:
        return None
    return StoredObject(size, md5.hexdigest(), sha256.hexdigest(), now)
