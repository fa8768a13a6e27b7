"""The forms in which a query's answer is printed. The table is that of the official client."""

import csv
import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from imap_bulk import manifest
from imap_bulk.model import RemoteFile

Record = Mapping[str, Any]
Cell = Callable[[Record], str]


def _field(name: str) -> Cell:
    return lambda record: _text(record.get(name))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _name(record: Record) -> str:
    return _text(record.get("file_path") or record.get("file_name")).rpartition("/")[2]


def _version(record: Record) -> str:
    major, minor = record.get("major_version"), record.get("minor_version")
    if isinstance(major, int) and isinstance(minor, int):
        return f"v{major:03}.{minor:04}"
    return _text(record.get("version"))


_COLUMNS: dict[str, dict[str, Cell]] = {
    "science": {
        "Instrument": _field("instrument"),
        "Data Level": _field("data_level"),
        "Descriptor": _field("descriptor"),
        "Start Date": _field("start_date"),
        "Ingestion Date": _field("ingestion_date"),
        "Version": _version,
        "CR": _field("cr"),
        "Repointing": _field("repointing"),
        "Filename": _name,
    },
    "ancillary": {
        "Instrument": _field("instrument"),
        "Descriptor": _field("descriptor"),
        "Start Date": _field("start_date"),
        "End Date": _field("end_date"),
        "Ingestion Date": _field("ingestion_date"),
        "Version": _version,
        "Filename": _name,
    },
    "spice": {
        "Kernel Type": _field("kernel_type"),
        "Min Date": _field("min_date_datetime"),
        "Max Date": _field("max_date_datetime"),
        "Ingestion Date": _field("ingestion_date"),
        "Version": _version,
        "Filename": _name,
    },
}
_ONLY_WHERE_TOLD = {"CR", "Repointing"}


def table(name: str, records: Sequence[Record]) -> str:
    """Lay out the records of an archive's table as the official client does."""
    if not records:
        return "Found [0] matching files"
    told = {title: [cell(record) for record in records] for title, cell in _COLUMNS[name].items()}
    head = f"Found [{len(records)}] matching files in {name} table"
    return f"{head}\n{layout(told, _ONLY_WHERE_TOLD)}"


def layout(told: Mapping[str, Sequence[str]], only_where_told: Collection[str] = ()) -> str:
    """Lay out columns of cells, without those of `only_where_told` in which no cell says anything."""
    columns = {title: cells for title, cells in told.items() if any(cells) or title not in only_where_told}
    widths = [max(map(len, (title, *cells))) for title, cells in columns.items()]
    rule = "|" + "-" * (sum(widths) + 3 * len(widths) - 1) + "|"
    rows = [_row(cells, widths) for cells in zip(*columns.values(), strict=True)]
    return "\n".join((rule, _row(list(columns), widths), rule, *rows, rule))


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def json_array(records: Sequence[Record]) -> str:
    """Write the archive's records, unchanged, as a JSON array with one of them a line."""
    if not records:
        return "[]"
    return "[\n" + ",\n".join(map(json.dumps, records)) + "\n]"


def json_line(file: RemoteFile) -> str:
    """Write the archive's record of a file, unchanged."""
    return json.dumps(file.meta)


def manifest_line(file: RemoteFile) -> str:
    """Write a file as `pull` and `push` read it."""
    return "".join(manifest.write([(file.key, file.digest, file.size)])).rstrip("\n")


class Csv:
    """Writes files as CSV lines; the first one's record chooses the columns."""

    def __init__(self) -> None:
        self._columns: list[str] = []

    def line(self, file: RemoteFile) -> str:
        """Write a file's record, below the header if it is the first."""
        text = io.StringIO()
        if not self._columns:
            self._columns = sorted(file.meta, key=lambda name: (name not in ("file_path", "file_name"), name))
            csv.writer(text, lineterminator="\n").writerow(self._columns)
        csv.writer(text, lineterminator="\n").writerow(_plain(file.meta.get(name)) for name in self._columns)
        return text.getvalue().rstrip("\n")


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, (list, dict, bool)) else _text(value)
