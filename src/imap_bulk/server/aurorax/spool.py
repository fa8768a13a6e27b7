"""Result documents as files: `{"result": [...]}`, a record to a line, so that none is in memory as a whole."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from imap_bulk.server.aurorax.shapes import Reshape

HEAD = b'{"result": [\n'
TAIL = b"\n]}\n"

_encode = json.JSONEncoder(check_circular=False).encode  # a tenth faster, and records are trees
_SEPARATOR = b",\n"
_PIECE_BYTES = 256 << 10
_RECORDS = 500
"""Of which one piece is made: some hundred kilobytes."""


class Spool:
    """A directory of results by request id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self, known: Iterable[str]) -> None:
        """Make the directory; drop what belongs to no known request."""
        self._directory.mkdir(parents=True, exist_ok=True)
        keep = {self.path(name).name for name in known}
        for path in self._directory.iterdir():
            if path.name not in keep:
                path.unlink()

    def path(self, name: str) -> Path:
        """Return where the result of a request is, or will be."""
        return self._directory / f"{name}.json"

    def write(self, name: str, records: Iterable[dict[str, Any]]) -> tuple[int, int]:
        """Write a result; return how many records and bytes it has. A result that fails leaves nothing."""
        descriptor, part = tempfile.mkstemp(dir=self._directory, suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                count = _write(file, records)
                size = file.tell()
            Path(part).replace(self.path(name))
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        return count, size

    def remove(self, name: str) -> None:
        """Drop a result, if it is there."""
        self.path(name).unlink(missing_ok=True)


def _write(file: Any, records: Iterable[dict[str, Any]]) -> int:
    count = 0
    file.write(HEAD)
    for record in records:
        if count:
            file.write(_SEPARATOR)
        file.write(_encode(record).encode())
        count += 1
    file.write(TAIL)
    return count


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a result."""
    with path.open("rb") as file:
        for line in islice(file, 1, None):
            if line.startswith(b"{"):
                yield json.loads(line.rstrip().removesuffix(b","))


def whole(path: Path) -> Iterator[bytes]:
    """Yield a result as it is."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def written(
    records: Iterable[dict[str, Any]], reshape: Reshape | None = None, *, bare: bool = False
) -> Iterator[bytes]:
    """Yield the document of some records, reshaped; `bare` is without the wrapper."""
    yield b"[\n" if bare else HEAD
    several = iter(records)
    separator = b""
    while some := list(islice(several, _RECORDS)):
        told = [_encode(reshape(record) if reshape else record).encode() for record in some]
        yield separator + _SEPARATOR.join(told)
        separator = _SEPARATOR
    yield b"\n]\n" if bare else TAIL
