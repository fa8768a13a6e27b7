"""The columns of a result: which type each has, and its values as JSON and text can hold them."""

import base64
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imap_bulk.server.lsst.schema import DATATYPES
from imap_bulk.server.lsst.sql import Result, Row

_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


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
    return [_field(name, column) for name, column in zip(result.names, columns(result.rows, result), strict=True)]


def columns(rows: Sequence[Sequence[Any]], result: Result) -> Sequence[Sequence[Any]]:
    """Return the rows of a result, or what was made of them, as columns."""
    return list(zip(*rows, strict=True)) if rows else [()] * len(result.names)


def plain(row: Row) -> list[Any]:
    """Return a row as JSON can hold it: bytes in base64, times in ISO form, no infinity."""
    return [_plain(value) for value in row]


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
    return Field(name, "text", _xtype(next(value for value in column if value is not None)))


def _xtype(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return "timestamp" if _TIMESTAMP.fullmatch(value) else "date" if _DATE.fullmatch(value) else None


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return None
        case str() if _TIMESTAMP.fullmatch(value):
            return value.replace(" ", "T")
        case _:
            return value
