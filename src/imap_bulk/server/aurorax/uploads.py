"""Uploaded records, checked one by one: what is wrong with which of them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from imap_bulk.server.aurorax.answers import Refused, bad_request
from imap_bulk.server.aurorax.queries import check_product_type, read_span, required
from imap_bulk.server.aurorax.sources import Source
from imap_bulk.server.aurorax.times import read_moment, written

LOCATIONS = ("location_geo", "location_gsm", "nbtrace", "sbtrace")

Row = tuple[Any, ...]
ReadRow = Callable[[Source, Mapping[str, Any]], Row]
"""(source, record) -> the row that it becomes; raises Refused."""

_LATITUDES, _LONGITUDES = (-90, 90), (-180, 180)
_NOWHERE = {"lat": None, "lon": None}


def read_rows(source: Source, records: object, read: ReadRow) -> tuple[list[Row], list[dict[str, str]]]:
    """Return the rows of an upload, and an error document for each bad record. Raises Refused."""
    if not isinstance(records, list):
        raise bad_request("The body of the request is not a JSON array of records.")
    rows, errors = [], []
    for index, record in enumerate(records):
        try:
            rows.append(read(source, _checked(source, record)))
        except Refused as refused:
            errors.append({"error_code": refused.code, "error_message": f"Record {index}: {refused.message}"})
    return rows, errors


def _checked(source: Source, record: object) -> Mapping[str, Any]:
    if not isinstance(record, dict):
        raise bad_request("The record is not an object.")
    check_triple(source, record)
    return record


def check_triple(source: Source, document: Mapping[str, Any]) -> None:
    """Refuse a document that names another source than its path. Raises Refused."""
    for name, own in zip(("program", "platform", "instrument_type"), source.triple, strict=True):
        if not document.get(name):
            raise bad_request(f"The field {name} is required.")
        if document[name] != own:
            raise bad_request(
                f"The {name} {document[name]!r} does not match {own!r} of data source {source.identifier}."
            )


def ephemeris_row(source: Source, record: Mapping[str, Any]) -> Row:
    """Return identifier, epoch, and the record as it will be found. Raises Refused."""
    epoch = int(required(record, "epoch", read_moment) // 1)
    kept: dict[str, Any] = {"epoch": written(epoch)}
    for name in LOCATIONS:
        kept[name] = _location(record, name)
    kept["metadata"] = {} if record.get("metadata") is None else record["metadata"]
    return source.identifier, epoch, json.dumps(kept)


def product_row(source: Source, record: Mapping[str, Any]) -> Row:
    """Return identifier, URL, start, end, type and metadata. Raises Refused."""
    start, end = read_span(record)
    url, kind = (required(record, name, _text) for name in ("url", "data_product_type"))
    check_product_type(kind)
    metadata = {} if record.get("metadata") is None else record["metadata"]
    return source.identifier, url, int(start // 1), int(end // 1), kind, json.dumps(metadata)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _location(record: Mapping[str, Any], name: str) -> dict[str, float | None]:
    location = record.get(name)
    if location is None:
        return dict(_NOWHERE)
    if not isinstance(location, dict):
        raise bad_request(f"The field {name} must be an object with lat and lon.")
    latitude, longitude = location.get("lat"), location.get("lon")
    if (latitude is None) != (longitude is None):
        raise bad_request(f"The field {name} needs both lat and lon, or neither.")
    if latitude is None:
        return dict(_NOWHERE)
    # The official client's own test uploads a GSM latitude of 150.25, and expects success.
    bounded = name != "location_gsm"
    for value, (least, most) in ((latitude, _LATITUDES), (longitude, _LONGITUDES)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise bad_request(f"The field {name} must hold numbers.")
        if bounded and not least <= value <= most:
            raise bad_request(f"The field {name} holds {value}, which is not from {least} to {most}.")
    return {"lat": latitude, "lon": longitude}
