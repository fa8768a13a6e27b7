"""The forms in which tables are written: csv, json, jsonl as the rows come; votable and fits whole, by astropy.

Integers stay exact and binary values are written as base64, which is how they came.
"""

import base64
import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Protocol

from imap_bulk.archives.lsst.queries import Column, Table
from imap_bulk.errors import Rejected

_ROWS_AT_ONCE = 2000
_DTYPES = {"long": ("int64", "float64"), "double": ("float64",)}
_FILLERS = {"int64": 0, "float64": float("nan"), "str": ""}


class Writer(Protocol):
    """Writes the tables of one answer, the first of which names the columns."""

    def add(self, table: Table) -> None:
        """Write the rows of one more table. Raises OSError."""

    def end(self) -> None:
        """Write what comes last. Raises OSError."""


def writer(form: str, stream: BinaryIO) -> Writer:
    """Give what writes a form to `stream`. Raises Rejected when it needs astropy, and that is not installed."""
    if form in ("votable", "fits"):
        return _Whole(form, stream)
    return {"csv": _Csv, "json": _Json, "jsonl": _JsonLines}[form](stream)


class _Rows:
    """Writes rows as they come."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._names: list[str] = []

    def add(self, table: Table) -> None:
        if table.columns and not self._names:
            self._names = unique(table.columns)
            self._write(self._head())
        rows = map(_plain_row, table.rows)
        for batch in _batches(rows):
            self._write(self._text(batch))

    def end(self) -> None:
        """Nothing comes last."""

    def _head(self) -> str:
        return ""

    def _text(self, rows: Sequence[Sequence[Any]]) -> str:
        raise NotImplementedError

    def _write(self, text: str) -> None:
        self._stream.write(text.encode(errors="backslashreplace"))  # JSON may hold halves of characters


class _Csv(_Rows):
    def _head(self) -> str:
        return self._text([self._names])

    def _text(self, rows: Sequence[Sequence[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()


class _JsonLines(_Rows):
    def _text(self, rows: Sequence[Sequence[Any]]) -> str:
        return "".join(f"{_json(self._names, row)}\n" for row in rows)


class _Json(_Rows):
    """An array with one row a line."""

    _is_begun = False

    def _text(self, rows: Sequence[Sequence[Any]]) -> str:
        before, self._is_begun = ",\n" if self._is_begun else "[\n", True
        return before + ",\n".join(_json(self._names, row) for row in rows)

    def end(self) -> None:
        self._write("\n]\n" if self._is_begun else "[]\n")


class _Whole:
    """Keeps everything until the end: these forms say first how much there is."""

    def __init__(self, form: str, stream: BinaryIO) -> None:
        try:
            from astropy import table
        except ImportError as error:
            raise Rejected(
                f"{form} is written by astropy: pip install 'imap-bulk[lsst]', or choose csv"
            ) from error
        self._make = table
        self._form = form
        self._stream = stream
        self._columns: tuple[Column, ...] = ()
        self._values: list[list[Any]] = []

    def add(self, table: Table) -> None:
        if table.columns and not self._columns:
            self._columns = table.columns
            self._values = [[] for _ in table.columns]
        for row in table.rows:
            for values, value in zip(self._values, _plain_row(row), strict=True):
                values.append(value)

    def end(self) -> None:
        if not self._columns and self._form == "fits":
            raise Rejected("a table without columns cannot be FITS, and an answer without rows has none")
        made = self._make.Table(masked=True)
        names = unique(self._columns)
        for name, column, values in zip(names, self._columns, self._values, strict=True):
            made[name] = self._column(column, values)
        content = io.BytesIO()
        try:
            made.write(content, format=self._form)
        except ValueError as error:  # a name or a text with what the form cannot hold
            raise Rejected(
                f"this table cannot be written as {self._form} ({error}); choose csv or json"
            ) from error
        self._stream.write(content.getvalue())

    def _column(self, column: Column, values: list[Any]) -> Any:
        """Make a column. A datatype that the first row suggested wrongly gives way to text."""
        missing = [value is None for value in values]
        dtype = _dtype(column, values)
        filler = _FILLERS[dtype]
        told = [filler if value is None else str(value) if dtype == "str" else value for value in values]
        return self._make.MaskedColumn(told, mask=missing, dtype=dtype)


def _dtype(column: Column, values: Sequence[Any]) -> str:
    """Choose the type that holds all values of a column exactly."""
    for dtype in _DTYPES.get(column.datatype, ()):
        if all(value is None or _is_number(value, dtype) for value in values):
            return dtype
    return "str"


def _is_number(value: Any, dtype: str) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -(1 << 63) <= value < 1 << 63 if dtype == "int64" else abs(value) <= 1 << 53
    return dtype == "float64" and isinstance(value, float)


def unique(columns: Sequence[Column]) -> list[str]:
    """Name columns so that no two are called alike: `ra`, `ra_2`."""
    names: list[str] = []
    for column in columns:
        name, number = column.name, 1
        while name in names:
            number += 1
            name = f"{column.name}_{number}"
        names.append(name)
    return names


def _plain_row(row: Sequence[Any]) -> Sequence[Any]:
    return [base64.b64encode(value).decode() if isinstance(value, bytes) else value for value in row]


def _json(names: Sequence[str], row: Sequence[Any]) -> str:
    return json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)


def _batches(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    batch: list[Sequence[Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
