"""Files of records taken apart: JSON Lines, a JSON array, CSV. What a record says is judged elsewhere."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from imap_bulk.errors import BadManifest
from imap_bulk.manifest.array import elements
from imap_bulk.manifest.table import Fault, cells_of, rows

Numbered = Iterator[tuple[int, str]]
"""Lines with their numbers, counting from 1."""

_LONGEST_CELL = 1 << 22


Fields = Mapping[str, Any] | Fault
"""A record as it is written; or why it is none."""


def parse(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, Fields]]:
    """Yield each record, by the number of the line it begins on. Raises BadManifest for what is no text."""
    numbered = enumerate(_decoded(lines, name), 1)
    number, first = next(((at, line) for at, line in numbered if line.strip()), (0, ""))
    if not number:
        raise BadManifest(f"{name} holds no records; write one JSON object a line, or CSV with a header")
    rest = chain([(number, first)], numbered)
    match first.lstrip()[0]:
        case "[":
            return _parse_array(rest)
        case "{":
            return ((at, _object(line)) for at, line in rest if line.strip())
    return _parse_csv(number, first, numbered)


def _decoded(lines: Iterable[bytes], name: str) -> Iterator[str]:
    encoding = "utf-8-sig"
    for line in lines:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            raise BadManifest(f"{name} is no text in UTF-8; give records as JSON Lines, JSON or CSV") from None
        encoding = "utf-8"
        yield text.removesuffix("\n").removesuffix("\r")


def _object(text: str) -> Fields:
    try:
        return _fields(json.loads(text))
    except (ValueError, RecursionError):
        return Fault("unreadable as JSON; write one object a line")


def _fields(value: object) -> Fields:
    return value if isinstance(value, Mapping) else Fault("this is no JSON object; write one for each record")


def _parse_array(numbered: Numbered) -> Iterator[tuple[int, Fields]]:
    for line, element in elements(numbered):
        if isinstance(element, ValueError):
            yield (
                line,
                Fault("the JSON array goes wrong here; write objects, separated by ',' and ended by one ']'"),
            )
        else:
            yield line, _fields(element)


def _parse_csv(number: int, header: str, numbered: Numbered) -> Iterator[tuple[int, Fields]]:
    """Read what comes after the header on line `number`; a dot in a column's name leads into an object."""
    csv.field_size_limit(_LONGEST_CELL)
    if not (columns := cells_of(header)):
        yield (
            number,
            Fault("neither JSON nor the header of a CSV table; write one object a line, or CSV"),
        )
        return
    if twice := [column for at, column in enumerate(columns) if column in columns[:at]]:
        yield number, Fault(f"two columns are called {twice[0]!r}; leave one of them out")
        return
    for at, cells in rows(number, columns, (line for _, line in numbered)):
        yield at, cells if isinstance(cells, Fault) else _nested(cells)


def _nested(cells: Mapping[str, str]) -> Fields:
    """Make `nbtrace.lat`, `nbtrace.lon` an object; empty cells are not there."""
    fields: dict[str, Any] = {}
    for column, cell in cells.items():
        outer, dot, inner = column.partition(".")
        if not cell:
            continue
        if not dot:
            fields[outer] = _value(cell) if outer == "metadata" else cell
        elif isinstance(within := fields.setdefault(outer, {}), dict):
            within[inner] = _value(cell)
        else:
            return Fault(f"{outer} is both a column and the beginning of {column}; leave one of them out")
    return fields


def _value(cell: str) -> Any:
    """Read a number, a truth value or an object where a cell is one; else it is text."""
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return cell
