"""The forms in which a table leaves, JSON, CSV, TSV, HTML, VOTable, FITS, IPAC; and which one is wanted."""

import base64
import csv
import html
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imap_bulk.server.lsst.schema import DATATYPES
from imap_bulk.server.lsst.sql import Result, Row

if TYPE_CHECKING:
    from astropy.io.votable.tree import VOTableFile
    from astropy.table import Table

TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "html": "text/html",
    "votable": "application/x-votable+xml",
    "fits": "application/fits",
    "ipac": "text/plain",
}
"""Form -> its Content-Type."""

_ACCEPTED = {
    "*/*": "json",
    "application/*": "json",
    "application/json": "json",
    "text/*": "html",
    "text/html": "html",
    "text/csv": "csv",
    "text/tsv": "tsv",
    "text/tab-separated-values": "tsv",
    "application/votable": "votable",
    "application/votable+xml": "votable",
    "application/x-votable+xml": "votable",
    "text/xml": "votable",
    "application/fitstable": "fits",
    "application/fits": "fits",
    "image/fits": "fits",
    "application/ipac table format": "ipac",
    "application/ipac-table": "ipac",
}
_TIMES = (
    ("timestamp", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?")),
    ("date", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")),
)
_PLACEHOLDERS: dict[str, Any] = {"long": -(2**63), "double": math.nan}


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


def wanted(accept: str) -> str:
    """Return the form that an Accept header likes best, JSON where it names none that there is."""
    liked = sorted(_ranked(accept), key=lambda pair: -pair[1])  # stable: of equals, the first
    return next((_ACCEPTED[name] for name, weight in liked if weight > 0 and name in _ACCEPTED), "json")


def named(name: str) -> str | None:
    """Return the form that TAP's FORMAT means: a short name or a media type."""
    plain = name.partition(";")[0].strip().lower()
    return plain if plain in TYPES else _ACCEPTED.get(plain)


def _ranked(accept: str) -> Iterable[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        yield name, float(weight) if re.fullmatch(r"[01](\.[0-9]{0,3})?", weight) else 0.0


def fields(result: Result) -> list[Field]:
    """Tell the type of each column from its values; of one without any, from the schema."""
    columns = zip(*result.rows, strict=True) if result.rows else ((),) * len(result.names)
    return [_field(name, column) for name, column in zip(result.names, columns, strict=True)]


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
    first = next(value for value in column if value is not None)
    xtype = next((xtype for xtype, form in _TIMES if isinstance(first, str) and form.fullmatch(first)), None)
    return Field(name, "text", xtype)


def plain(row: Row) -> list[Any]:
    """Return a row as JSON can hold it: bytes in base64, ISO times, no infinity."""
    return [_plain(value) for value in row]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str) and _TIMES[0][1].fullmatch(value):
        return value.replace(" ", "T")
    return value


def write(form: str, result: Result) -> bytes:
    """Write a table in a form other than JSON."""
    return _WRITERS[form](result)


def _separated(delimiter: str, result: Result) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n" if delimiter == "," else "\n")
    writer.writerow(result.names)
    writer.writerows(plain(row) for row in result.rows)
    return text.getvalue().encode("utf-8", "replace")


def _html(result: Result) -> bytes:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in result.names)
    rows = "\n".join(f"<tr>{''.join(map(_html_cell, plain(row)))}</tr>" for row in result.rows)
    page = f'<!DOCTYPE html>\n<meta charset="utf-8">\n<table>\n<tr>{head}</tr>\n{rows}\n</table>\n'
    return page.encode("utf-8", "replace")


def _html_cell(value: Any) -> str:
    return "<td></td>" if value is None else f"<td>{html.escape(str(value))}</td>"


def _fits(result: Result) -> bytes:
    from astropy.io import fits

    unit = fits.BinTableHDU(_table(result))
    return serialized([fits.PrimaryHDU(), unit])


def serialized(units: Sequence[Any]) -> bytes:
    """Return HDUs as a FITS file with CHECKSUM and DATASUM, the same bytes at every call."""
    from astropy.io import fits

    everything = fits.HDUList(units)
    everything.update_extend()
    for unit in everything:
        unit.add_checksum(when="of the whole HDU")  # astropy would write the time of day into the comment
    file = io.BytesIO()
    everything.writeto(file)
    return file.getvalue()


def _ipac(result: Result) -> bytes:
    text = io.StringIO()
    _table(result).write(text, format="ascii.ipac")
    return text.getvalue().encode()


def _table(result: Result) -> "Table":
    """Return an astropy table in which NULL is masked."""
    from astropy.table import MaskedColumn, Table

    columns = zip(*map(plain, result.rows), strict=True) if result.rows else ((),) * len(result.names)
    table = Table(masked=True)
    for field, values in zip(fields(result), columns, strict=True):
        filled = _PLACEHOLDERS.get(field.datatype, "")
        kept = [filled if value is None else value for value in values]
        typed = kept if field.datatype in _PLACEHOLDERS else [str(value) for value in kept]
        dtype = {"long": "int64", "double": "float64"}.get(field.datatype, "str")
        mask = [value is None for value in values]
        name = _free(field.name, table.colnames)
        table[name] = MaskedColumn(typed, mask=mask, dtype=dtype, fill_value=filled)
    return table


def _free(name: str, taken: Sequence[str]) -> str:
    """Return a name that is not taken: SQL gives two columns of one name, astropy does not."""
    return name if name not in taken else _free(f"{name}_", taken)


def _votable(result: Result) -> bytes:
    return votable(result)


def votable(result: Result | None, status: str = "OK", words: str = "") -> bytes:
    """Write a VOTable as TAP wants it: `status` is OK, OVERFLOW, or ERROR with `words`."""
    from astropy.io.votable.tree import Info, Resource, TableElement, VOTableFile

    document = VOTableFile(version="1.3")
    resource = Resource(type="results")
    info = Info(name="QUERY_STATUS", value=status)
    info.content = words or None
    resource.infos.append(info)
    document.resources.append(resource)
    if result is not None:
        resource.tables.append(TableElement.from_table(document, _table(result)))
    return _written(document)


def _written(document: "VOTableFile") -> bytes:
    file = io.BytesIO()
    document.to_xml(file)
    return file.getvalue()


def document(result: Result, *, is_page: bool = False, is_empty: bool = False) -> dict[str, Any]:
    """Return a result as JSON has it; `is_page` puts metadata beside the table, `is_empty` leaves columns out."""
    metadata = {"elements": [] if is_empty else [field.element() for field in fields(result)]}
    data = [plain(row) for row in result.rows]
    if is_page:
        return {"result": {"metadata": metadata, "table": {"data": data}}}
    return {"result": {"table": {"metadata": metadata, "data": data}}}


def json_bytes(value: object) -> bytes:
    """Write JSON."""
    return json.dumps(value, allow_nan=False).encode("utf-8", "surrogatepass")


_WRITERS: Mapping[str, Callable[[Result], bytes]] = {
    "csv": lambda result: _separated(",", result),
    "tsv": lambda result: _separated("\t", result),
    "html": _html,
    "votable": _votable,
    "fits": _fits,
    "ipac": _ipac,
}
