"""The options of a search of AuroraX, and what they mean as a query."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli.filters import refuse_empty, refuse_unreadable
from imap_bulk.cli.options import Decorator, Number, all_of, option_of, several
from imap_bulk.cli.place import Place
from imap_bulk.errors import BadQuery, Rejected
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from imap_bulk.archives.aurorax import AuroraxArchive, Chosen, ConjunctionQuery, Kind, Query

KINDS = ("data-products", "ephemeris", "conjunctions")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_DAY = "YYYYMMDD"


def _product_types() -> tuple[str, ...]:
    from imap_bulk.archives.aurorax.query import PRODUCT_TYPES

    return PRODUCT_TYPES


chosen: Decorator[Any] = all_of(
    several("--program", None, "Program, as in themis-asi"),
    several("--platform", None, "Platform, as in gillam"),
    several("--instrument-type", None, "Instrument type, as in 'RGB ASI'"),
)
dates: Decorator[Any] = all_of(
    click.option("--start-date", metavar=_DAY, help="First day; or a time, as in 2020-01-01T06:30:00."),
    click.option("--end-date", metavar=_DAY, help="Last day, all of it; or a time."),
)
_BLOCK = "PROGRAM[/PLATFORM[/TYPE]]"
_BLOCKS = ("ground", "space", "events")
"""Options of which an empty one stands for any source of its kind."""
_DATES = ("start_date", "end_date")
_TOLD_ELSEWHERE = (*_DATES, "file_base_url")
"""Options of which an empty one is not told by what leaving it out would mean."""

search_options: Decorator[Any] = all_of(
    click.option(
        "--kind", type=click.Choice(KINDS), default="data-products", show_default=True,
        help="What is searched for.",
    ),
    chosen,
    dates,
    several("--product-type", _product_types, "Data products: keogram, montage, movie …"),
    click.option(
        "--where", multiple=True, metavar="CONDITION",
        help="A condition on metadata, as in 'nbtrace_region in north polar cap'; repeat.",
    ),
    click.option("--any", "any_of", is_flag=True, help="One of the conditions is enough."),
    click.option(
        "--query", "document", type=_FILE, metavar="FILE",
        help="Conjunctions: the whole search, as a JSON document of AuroraX.",
    ),
    click.option("--ground", multiple=True, metavar=_BLOCK, help="Conjunctions: sites on the ground; repeat."),
    click.option("--space", multiple=True, metavar=_BLOCK, help="Conjunctions: spacecraft; repeat."),
    click.option("--events", multiple=True, metavar="PLATFORM[/TYPE]", help="Conjunctions: events; repeat."),
    several("--conjunction-type", None, "Conjunctions: nbtrace (default), sbtrace, geographic"),
    several("--hemisphere", None, "Conjunctions: northern, southern"),
    click.option("--distance", type=Number(0), metavar="KM", help="Conjunctions: how close.  [300]"),
    click.option(
        "--search-timeout", type=Number(1), default=900.0, show_default=True, metavar="SECONDS",
        help="How long a search may take before it is cancelled.",
    ),
)  # fmt: skip

_ONLY_FOR = {
    "program": ("data-products", "ephemeris"), "platform": ("data-products", "ephemeris"),
    "instrument_type": ("data-products", "ephemeris"), "where": ("data-products", "ephemeris"),
    "any_of": ("data-products", "ephemeris"), "product_type": ("data-products",),
    "file_base_url": ("data-products",), "window": ("ephemeris",), "document": ("conjunctions",),
    "ground": ("conjunctions",), "space": ("conjunctions",), "events": ("conjunctions",),
    "conjunction_type": ("conjunctions",), "hemisphere": ("conjunctions",), "distance": ("conjunctions",),
}  # fmt: skip
"""Option -> the kinds of search that have it; others have it too."""


def archive_at(place: Place, settings: Settings, search_timeout: float | None = None) -> "AuroraxArchive":
    """Make the archive, unopened, told by options or else environment. Raises click.BadParameter."""
    from imap_bulk.archives.aurorax import PRODUCTION_URL, AuroraxArchive, Polling

    door = place.door("aurorax")
    polling = Polling() if search_timeout is None else Polling(timeout=search_timeout)
    try:
        return AuroraxArchive(door.url or PRODUCTION_URL, door.api_key, settings, polling)
    except Rejected as error:
        raise click.BadParameter(str(error), param_hint="--url / IMAP_BULK_AURORAX_URL") from error


def names_of(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Take lists with commas apart."""
    return tuple(dict.fromkeys(name.strip() for text in texts for name in text.split(",") if name.strip()))


def refuse_unfit(given: Mapping[str, Any]) -> None:
    """Refuse options that say nothing, and what no request can hold. Raises BadQuery."""
    refuse_unreadable(given)
    refuse_empty({name: value for name, value in given.items() if name not in (*_BLOCKS, *_TOLD_ELSEWHERE)})


def chosen_of(given: Mapping[str, Any]) -> "Chosen":
    """Turn the options that choose data sources into a value."""
    from imap_bulk.archives.aurorax import Chosen

    return Chosen(
        program=names_of(given.get("program") or ()),
        platform=names_of(given.get("platform") or ()),
        instrument_type=names_of(given.get("instrument_type") or ()),
    )


def kind_of(name: str) -> "Kind":
    """Turn what --kind says into what the API calls it."""
    from imap_bulk.archives.aurorax import Kind

    return Kind(name.replace("-", "_"))


def range_of(given: Mapping[str, Any], hint: str = "as in 20200131") -> "tuple[datetime, datetime]":
    """Read the first and the last moment, in UTC, that --start-date and --end-date mean.

    Raises BadQuery, which ends with the `hint` where one of them is missing.
    """
    from imap_bulk.archives.aurorax.moments import read_bound

    if not given["start_date"] or not given["end_date"]:
        raise BadQuery(f"say from when to when: give --start-date and --end-date, {hint}.")
    start = read_bound("--start-date", given["start_date"], is_end=False)
    return start, read_bound("--end-date", given["end_date"], is_end=True)


def query_of(given: Mapping[str, Any]) -> "Query":
    """Turn the options of a search into a query. Raises BadQuery, click.UsageError."""
    from imap_bulk.archives.aurorax import Condition, EphemerisQuery, ProductQuery

    kind = given["kind"]
    refuse_unfit(given)
    _refuse_strangers(given, kind)
    if kind == "conjunctions":
        return _conjunctions(given)
    start, end = range_of(given)
    where = tuple(map(Condition.of, given["where"]))
    told: dict[str, Any] = {
        "chosen": chosen_of(given), "start": start, "end": end, "where": where, "any_of": given["any_of"],
    }  # fmt: skip
    if kind == "ephemeris":
        return EphemerisQuery(**told, window=given.get("window") or "day")
    types = names_of(given["product_type"])
    return ProductQuery(**told, product_type=types, file_base_url=given.get("file_base_url"))


def _refuse_strangers(given: Mapping[str, Any], kind: str) -> None:
    """Refuse options that this kind of search has no use for, rather than leave them out. Raises UsageError."""
    for name, kinds in _ONLY_FOR.items():
        if given.get(name) not in (None, (), False) and kind not in kinds:
            raise click.UsageError(f"{option_of(name)} is for --kind {' or '.join(kinds)}, not for {kind}.")


def _conjunctions(given: Mapping[str, Any]) -> "ConjunctionQuery":
    from imap_bulk.archives.aurorax import ConjunctionQuery

    blocks = {
        "ground": [_block(text) for text in given["ground"]],
        "space": [_block(text) for text in given["space"]],
        "events": [_block(f"events/{text}") for text in given["events"]],
    }
    path: Path | None = given["document"]
    if path:
        if any(blocks.values()) or any(given[name] is not None for name in _DATES):
            raise click.UsageError("--query holds the whole search; leave out the dates and blocks, or the file.")
        return ConjunctionQuery(_text_of(path), path.stem)
    return ConjunctionQuery.of(
        blocks,
        *range_of(given, "or a document by --query"),
        types=names_of(given["conjunction_type"]) or ("nbtrace",),
        hemispheres=names_of(given["hemisphere"]),
        distance_km=300.0 if given["distance"] is None else given["distance"],
    )


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadQuery(f"{path} is no text in UTF-8; write the search as a JSON document.") from None


def _block(text: str) -> "Chosen":
    """Read `swarm`, `swarm/swarma` or `swarm/swarma/footprint`; an empty part is any."""
    from imap_bulk.archives.aurorax import Chosen

    program, platform, instrument_type = (*text.split("/", 2), "", "")[:3]
    return Chosen(
        program=names_of((program,)), platform=names_of((platform,)), instrument_type=names_of((instrument_type,))
    )
