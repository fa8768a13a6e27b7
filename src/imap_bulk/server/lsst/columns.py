"""The columns of a result: which type each has, and its values as JSON and text can hold them."""

import base64
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imap_bulk.server.lsst.schema import DATATYPES
from imap_bulk.server.lsst.sql import Result, Row

_TIMES = {
    "timestamp": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
"""xtype -> how such texts look."""


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a result; `datatype` is long, double, text or binary."""

    name: str
    datatype: str
    xtype: str | None = None

    def element(self) -> dict[str, str]:
        """Return what JSON tells of the column."""
        named = {"name": self.name, "datatype": self.datatype}
        return named | ({"xtype": self.xtype} if self.xtype else {})


def fields(result: Result) -> list[Field]:
    """Tell the type of each column from its values; of one without any, from the schema."""
    return [_field(name, column) for name, column in zip(result.names, _columns(result), strict=True)]


def plain_columns(result: Result) -> list[Sequence[Any]]:
    """Return the columns as JSON can hold them: bytes in base64, times in ISO form, no infinity."""
    return [_plain(field, column) for field, column in zip(fields(result), _columns(result), strict=True)]


def plain_rows(result: Result) -> list[Row]:
    """Return the same as rows."""
    return list(zip(*plain_columns(result), strict=True))


def _columns(result: Result) -> list[Sequence[Any]]:
    return list(zip(*result.rows, strict=True)) if result.rows else [()] * len(result.names)


def _field(name: str, column: Sequence[Any]) -> Field:
    kinds = {type(value) for value in column} - {type(None)}
    if not kinds:
        return Field(name, DATATYPES.get(name, "text"))
    if kinds == {int}:
        return Field(name, "long")
    if kinds <= {int, float}:
        return Field(name, "double")
    if kinds == {bytes}:
        return Field(name, "binary")
    if kinds != {str}:
        return Field(name, "text")
    return Field(name, "text", next((xtype for xtype, form in _TIMES.items() if _all_match(form, column)), None))


def _all_match(form: re.Pattern[str], column: Sequence[str | None]) -> bool:
    return all(value is None or form.fullmatch(value) for value in column)


def _plain(field: Field, column: Sequence[Any]) -> Sequence[Any]:
    """Return a column, itself where nothing in it has to change: to look at every cell takes seconds."""
    match field:
        case Field(datatype="double"):
            return [value if value is None or math.isfinite(value) else None for value in column]
        case Field(datatype="binary") | Field(datatype="text", xtype=None):
            return [base64.b64encode(value).decode() if isinstance(value, bytes) else value for value in column]
        case Field(xtype="timestamp"):
            return [value and value.replace(" ", "T") for value in column]
        case _:
            return column
