"""The forms in which a table leaves, JSON, CSV, TSV, HTML, VOTable, FITS, IPAC; and which one is wanted."""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from imap_bulk.server.lsst import astronomical
from imap_bulk.server.lsst.columns import fields, plain_rows
from imap_bulk.server.lsst.sql import Result

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
    "application/ipac table format": "ipac",
    "application/ipac-table": "ipac",
}
_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")


def wanted(accept: str) -> str:
    """Return the form that an Accept header likes best, JSON where it names none that there is."""
    liked = sorted(_ranked(accept), key=lambda pair: -pair[1])  # stable: of equals, the first
    return next((_ACCEPTED[name] for name, weight in liked if weight > 0 and name in _ACCEPTED), "json")


def named(name: str) -> str | None:
    """Return the form that TAP's FORMAT means: a short name or a media type."""
    plainly = name.partition(";")[0].strip().lower()
    return plainly if plainly in TYPES else _ACCEPTED.get(plainly)


def _ranked(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        yield name, float(weight) if _WEIGHT.fullmatch(weight) else 0.0


def write(form: str, result: Result) -> bytes:
    """Write a table in a form other than JSON."""
    return _WRITERS[form](result)


def document(result: Result, *, is_page: bool = False, is_empty: bool = False) -> dict[str, Any]:
    """Return a result as JSON has it; `is_page` puts metadata beside the table, `is_empty` leaves columns out."""
    metadata = {"elements": [] if is_empty else [field.element() for field in fields(result)]}
    data = plain_rows(result)
    if is_page:
        return {"result": {"metadata": metadata, "table": {"data": data}}}
    return {"result": {"table": {"metadata": metadata, "data": data}}}


def json_bytes(value: object) -> bytes:
    """Write JSON, in ASCII."""
    return json.dumps(value, allow_nan=False).encode("ascii")


def _separated(delimiter: str, result: Result) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n" if delimiter == "," else "\n")
    writer.writerow(result.names)
    writer.writerows(plain_rows(result))
    return text.getvalue().encode("utf-8", "replace")


def _html(result: Result) -> bytes:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in result.names)
    rows = "\n".join(f"<tr>{''.join(map(_html_cell, row))}</tr>" for row in plain_rows(result))
    page = f'<!DOCTYPE html>\n<meta charset="utf-8">\n<table>\n<tr>{head}</tr>\n{rows}\n</table>\n'
    return page.encode("utf-8", "replace")


def _html_cell(value: Any) -> str:
    return "<td></td>" if value is None else f"<td>{html.escape(str(value))}</td>"


_WRITERS: Mapping[str, Callable[[Result], bytes]] = {
    "csv": partial(_separated, ","),
    "tsv": partial(_separated, "\t"),
    "html": _html,
    "votable": astronomical.votable,
    "fits": astronomical.fits_table,
    "ipac": astronomical.ipac,
}
