"""Which data source records are sent to or deleted from."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli.options import Decorator, all_of
from imap_bulk.errors import BadQuery

if TYPE_CHECKING:
    from imap_bulk.archives.aurorax.keys import Triple

source_options: Decorator[Any] = all_of(
    click.option("--source-id", type=int, metavar="N", help="The data source, by its identifier."),
    click.option("--source", metavar="PROGRAM/PLATFORM/TYPE", help="The data source, by its names."),
)


def target_of(given: Mapping[str, Any]) -> "int | Triple":
    """Read which data source is meant, by its identifier or its names. Raises click.UsageError, BadQuery."""
    identifier, names = given["source_id"], given["source"]
    if (identifier is None) == (names is None):
        raise click.UsageError("Say which data source: --source-id N, or --source PROGRAM/PLATFORM/TYPE.")
    if identifier is not None:
        return int(identifier)
    parts = tuple(part.strip() for part in names.split("/"))
    if len(parts) != 3 or not all(parts):
        raise BadQuery(f"{names!r} is no data source; write PROGRAM/PLATFORM/TYPE, as in 'trex/gillam/RGB ASI'.")
    return parts[0], parts[1], parts[2]
