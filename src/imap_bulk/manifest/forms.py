"""The lines of a manifest taken apart: plain, sums, CSV, JSON Lines. What they say is judged elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain

from imap_bulk.manifest.array import elements
from imap_bulk.manifest.table import Fault, cells_of, rows

PATH_FIELDS = ("file_path", "path", "key", "file_name", "filename")
DIGEST_FIELDS = ("digest", "sha512", "sha384", "sha256", "sha1", "md5")

_SUM_LINE = re.compile(
    r"(?P<escaped>\\?)(?:(?P<hex>[0-9a-fA-F]{8,}) [ *]|(?P<word>[0-9a-zA-Z]{32,})(?: [ *]|[ \t]))(?P<path>.+)",
    re.DOTALL,
)
_TAG_LINE = re.compile(
    r"(?P<escaped>\\?)(?P<algorithm>[A-Za-z][A-Za-z0-9-]*) ?\((?P<path>.+)\) ?= (?P<value>\S+)", re.DOTALL
)
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}


Fields = Mapping[str, object] | Fault
"""What a line says, by the names of `PATH_FIELDS`, `DIGEST_FIELDS` and `size`; or why it says nothing."""

Numbered = Iterator[tuple[int, str]]
"""Lines with their numbers, counting from 1."""


def first_said(numbered: Numbered) -> tuple[int, str]:
    """Return the first line that says something, with its number; 0 if none does."""
    return next(((at, line) for at, line in numbered if says_something(line)), (0, ""))


def parse(number: int, first: str, numbered: Numbered) -> Iterator[tuple[int, Fields]]:
    """Yield what a manifest of no plain lines says, by line, from the first line that says something on."""
    begin = first.lstrip()
    if _is_header(begin):
        return _parse_csv(number, begin, numbered)
    rest = chain([(number, first)], numbered)
    if begin.startswith("["):
        return _parse_array(rest)
    return ((at, _json_fields(line)) for at, line in rest if says_something(line))


def tells_lines(first: str) -> bool:
    """Whether a manifest whose first line is this one is plain lines and sums."""
    begin = first.lstrip()
    return not begin.startswith(("[", "{")) and not _is_header(begin)


def says_something(line: str) -> bool:
    """Whether a line is neither blank nor a comment."""
    begin = line.lstrip()
    return bool(begin) and not begin.startswith("#")


def line_fields(line: str) -> Fields:
    """Read a plain line or one of a sum tool."""
    if match := _SUM_LINE.fullmatch(line.lstrip()):
        digest = match["hex"] or match["word"]
    elif match := _TAG_LINE.fullmatch(line.strip()):
        algorithm = match["algorithm"].lower().removeprefix("sha2-").replace("sha-", "sha")
        digest = f"{f'sha{algorithm}' if algorithm.isdigit() else algorithm}:{match['value']}"
    else:
        return {"path": line.strip()}
    try:
        path = _unescape(match["path"]) if match["escaped"] else match["path"]
    except Fault as fault:
        return fault
    return {"path": path, "digest": digest}


def _unescape(path: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[0] not in _ESCAPES:
            raise Fault(rf"unknown escape {match[0]!r}; after a leading '\', write \\, \n or \r")
        return _ESCAPES[match[0]]

    return re.sub(r"\\.?", plain, path)


def _header_cells(line: str) -> list[str]:
    return [cell.lower() for cell in cells_of(line)]


def _is_header(line: str) -> bool:
    if line.startswith(("[", "{")):
        return False
    cells = _header_cells(line)
    known = {*PATH_FIELDS, *DIGEST_FIELDS, "size"}
    return not set(PATH_FIELDS).isdisjoint(cells) or (len(cells) > 1 and not known.isdisjoint(cells))


def _parse_csv(number: int, header: str, numbered: Numbered) -> Iterator[tuple[int, Fields]]:
    """Read what comes after the header on line `number`."""
    columns = _header_cells(header)
    if set(PATH_FIELDS).isdisjoint(columns):
        yield number, Fault("the header names no column for the files; call one of them file_path")
        return
    yield from rows(number, columns, (line if says_something(line) else "" for _, line in numbered))


def _json_fields(text: str) -> Fields:
    try:
        return _record(json.loads(text))
    except (ValueError, RecursionError):
        return Fault("unreadable as JSON; write one object a line, as in the first one")


def _record(value: object) -> Fields:
    if isinstance(value, str):
        return {"path": value}
    if isinstance(value, dict):
        return value
    return Fault("neither a name nor an object with a file_path; write one of them")


def _parse_array(numbered: Numbered) -> Iterator[tuple[int, Fields]]:
    for line, element in elements(numbered):
        yield line, Fault(str(element)) if isinstance(element, ValueError) else _record(element)
