"""The filters of a query of IMAP's archive, and what they mean as a query."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli.options import Decorator, all_of, completing, several
from imap_bulk.errors import BadQuery
from imap_bulk.manifest import is_utf8

if TYPE_CHECKING:
    from imap_bulk.archives.imap import ImapQuery


def _tables() -> tuple[str, ...]:
    from imap_bulk.archives.imap.query import TABLES

    return TABLES


def _instruments() -> tuple[str, ...]:
    from imap_bulk.filenames import INSTRUMENTS

    return INSTRUMENTS


def _levels() -> tuple[str, ...]:
    from imap_bulk.filenames import DATA_LEVELS

    return DATA_LEVELS


def _types() -> tuple[str, ...]:
    from imap_bulk.filenames import SPICE_TYPES

    return SPICE_TYPES


def _extensions() -> tuple[str, ...]:
    from imap_bulk.filenames import ANCILLARY_EXTENSIONS, SCIENCE_EXTENSIONS

    return tuple(sorted({*SCIENCE_EXTENSIONS, *ANCILLARY_EXTENSIONS}))


search_options: Decorator[Any] = all_of(
    click.option(
        "--table",
        metavar="TABLE",
        shell_complete=completing(_tables),
        help="science (default), ancillary or spice.",
    ),
    several("--instrument", _instruments, "Instrument, as in mag"),
    several("--data-level", _levels, "Data level, as in l1a"),
    several("--descriptor", None, "Descriptor, as in sci-1min"),
    click.option("--start-date", metavar="YYYYMMDD", help="First day of data."),
    click.option("--end-date", metavar="YYYYMMDD", help="Last day on which files start."),
    click.option("--ingestion-start-date", metavar="YYYYMMDD", help="First day on which files were archived."),
    click.option("--ingestion-end-date", metavar="YYYYMMDD", help="Last day on which files were archived."),
    click.option("--today", is_flag=True, help="Data that start today (UTC)."),
    click.option("--days-ago", type=click.IntRange(0), metavar="N", help="Data that start in the last N days."),
    click.option("--repointing", metavar="repointNNNNN", help="Repointing, also as a plain number."),
    click.option("--version", metavar="VERSION", help="vNNN, vMMM.mmmm or latest."),
    click.option("--major-version", metavar="N", help="Major version."),
    click.option("--minor-version", metavar="N", help="Minor version."),
    click.option(
        "--extension",
        metavar="EXT",
        shell_complete=completing(_extensions),
        help="File name extension, as in cdf.",
    ),
    click.option("--filename", metavar="NAME", help="One exact file name; works alone."),
    click.option(
        "--type", metavar="TYPE", shell_complete=completing(_types), help="Kind of SPICE kernel, as in spin."
    ),
)


def any_given(filters: Mapping[str, object]) -> bool:
    """Whether any filter was given; days ago may be 0."""
    return any(value not in (None, (), False) or (value == 0 and value is not False) for value in filters.values())


def refuse_empty(filters: Mapping[str, Any]) -> None:
    """Refuse filters that say nothing: an empty variable of a shell would bring everything. Raises BadQuery."""
    for name, value in filters.items():
        texts = value if isinstance(value, tuple) else (value,)
        if texts and all(isinstance(text, str) and not text.strip(" ,") for text in texts):
            raise BadQuery(f"`{name}` is empty; leave it out to mean all of them.")


def refuse_unreadable(values: Mapping[str, Any]) -> None:
    """Refuse texts whose bytes are no UTF-8: no request can hold them. Raises BadQuery."""
    for name, value in values.items():
        for text in value if isinstance(value, tuple) else (value,):
            if isinstance(text, str) and not is_utf8(text):
                raise BadQuery(f"`{name}` {text!r} is no text in UTF-8; write it as one.")


def query_of(filters: Mapping[str, Any]) -> "ImapQuery":
    """Turn filters into a query. Raises BadQuery."""
    from imap_bulk.archives.imap.query import ImapQuery, days_ago

    conditions = dict(filters)
    refuse_empty(conditions)
    if not any_given(conditions):
        raise BadQuery("give at least one filter, as in --instrument mag; -h lists them.")
    days = conditions.pop("days_ago")
    if conditions.pop("today"):
        if days is not None:
            raise BadQuery("give --today or --days-ago, not both.")
        days = 0
    if days is not None:
        if conditions["start_date"] or conditions["end_date"]:
            raise BadQuery("--today and --days-ago stand for --start-date and --end-date; leave those out.")
        conditions["start_date"], conditions["end_date"] = days_ago(days, datetime.now(UTC).date())
    return ImapQuery.of(**conditions)
