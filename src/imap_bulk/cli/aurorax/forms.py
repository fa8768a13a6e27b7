"""The forms in which answers of AuroraX are printed; what is printed as CSV or JSON can be pushed again."""

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import click

from imap_bulk.cli import tables

Record = Mapping[str, Any]
Cell = Callable[[Record], str]

FORMATS = ("table", "json", "jsonl", "csv")
output_format = click.option(
    "--output-format", type=click.Choice(FORMATS), default="table", show_default=True, help="How it is printed."
)


def source_name(record: Record) -> str:
    """Name a source by its program, platform and instrument type."""
    return "/".join(str(record.get(name)) for name in ("program", "platform", "instrument_type"))


def _field(*path: str) -> Cell:
    return lambda record: _text(_within(record, path))


def _within(record: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        record = record.get(name) if isinstance(record, Mapping) else None
    return record


def _text(value: object) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, (list, dict, bool)) else str(value)


def _source(record: Record) -> str:
    return source_name(record.get("data_source") or {})


def _place(name: str) -> Cell:
    def cell(record: Record) -> str:
        lat, lon = (_within(record, (name, part)) for part in ("lat", "lon"))
        return "" if lat is None or lon is None else f"{_rounded(lat, 2)}, {_rounded(lon, 2)}"

    return cell


def _sources(record: Record) -> str:
    return " + ".join(source_name(each) for each in record.get("data_sources") or ())


def _km(name: str) -> Cell:
    return lambda record: "" if record.get(name) is None else _rounded(record[name], 0)


def _rounded(value: object, digits: int) -> str:
    """Write a number to so many digits; what an archive has put in its place, as it is."""
    return f"{value:.{digits}f}" if isinstance(value, int | float) else _text(value)


COLUMNS: dict[str, dict[str, Cell]] = {
    "data_products": {
        "Source": _source, "Type": _field("data_product_type"), "Start": _field("start"), "End": _field("end"),
        "URL": _field("url"),
    },
    "ephemeris": {
        "Source": _source, "Epoch": _field("epoch"), "Geographic": _place("location_geo"),
        "North Trace": _place("nbtrace"), "South Trace": _place("sbtrace"),
    },
    "conjunctions": {
        "Type": _field("conjunction_type"), "Start": _field("start"), "End": _field("end"), "Sources": _sources,
        "Closest km": _km("min_distance"), "Farthest km": _km("max_distance"),
    },
    "sources": {
        "Identifier": _field("identifier"), "Program": _field("program"), "Platform": _field("platform"),
        "Instrument Type": _field("instrument_type"), "Source Type": _field("source_type"),
        "Display Name": _field("display_name"), "Ephemeris": _field("stats", "ephemeris_count"),
        "Products": _field("stats", "data_product_count"),
    },
    "availability": {"Source": _field("source"), "Day": _field("day"), "Records": _field("records")},
    "missing": {"Source": _field("source"), "Day": _field("day")},
}  # fmt: skip
_ONLY_WHERE_TOLD = {"Ephemeris", "Products"}
_TRIPLE = ("data_source.program", "data_source.platform", "data_source.instrument_type")
_PLACES = tuple(
    f"{name}.{part}" for name in ("location_geo", "location_gsm", "nbtrace", "sbtrace") for part in ("lat", "lon")
)
_CSV: dict[str, tuple[str, ...]] = {
    "data_products": (*_TRIPLE, "data_product_type", "start", "end", "url", "metadata"),
    "ephemeris": (*_TRIPLE, "epoch", *_PLACES, "metadata"),
    "conjunctions": (
        "conjunction_type", "start", "end", "min_distance", "max_distance", "closest_epoch", "farthest_epoch",
        "data_sources", "events",
    ),
    "sources": (
        "identifier", "program", "platform", "instrument_type", "source_type", "display_name", "owner",
    ),
    "availability": ("source", "day", "records"),
    "missing": ("source", "day"),
}  # fmt: skip


async def show(name: str, what: str, records: AsyncIterator[Record], form: str) -> None:
    """Print records, as they come wherever the form lets them; `what` says what they are in a table's head."""
    if form == "table":
        click.echo(_table(name, what, [record async for record in records]))
    elif form == "json":
        await _show_array(records)
    else:
        if form == "csv":
            click.echo(_csv_line(_CSV[name]))
        async for record in records:
            click.echo(json.dumps(record) if form == "jsonl" else _csv_row(name, record))


def _table(name: str, what: str, records: list[Record]) -> str:
    head = f"Found [{len(records)}] {what}"
    if not records:
        return head
    told = {title: [cell(record) for record in records] for title, cell in COLUMNS[name].items()}
    return f"{head}\n{tables.layout(told, _ONLY_WHERE_TOLD)}"


async def _show_array(records: AsyncIterator[Record]) -> None:
    before = "[\n"
    async for record in records:
        click.echo(before + json.dumps(record), nl=False)
        before = ",\n"
    click.echo("[]" if before == "[\n" else "\n]")


def _csv_row(name: str, record: Record) -> str:
    return _csv_line(_text(_within(record, tuple(column.split(".")))) for column in _CSV[name])


def _csv_line(cells: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


async def each(records: Iterable[Record]) -> AsyncIterator[Record]:
    """Yield a list as a search would."""
    for record in records:
        yield record
