"""Where the LSST archive is, and what opens its door; and how a place in it is told."""

import click

from imap_bulk.cli.place import Place
from imap_bulk.errors import Rejected

_NO_SERVER = (
    "LSST's own servers of this API are gone. Start one here, `imap-bulk serve --archives lsst --root archive`, "
    "and name it: imap-bulk --url http://127.0.0.1:8000 lsst …, or IMAP_BULK_LSST_URL."
)

level = click.option("--level", metavar="LEVEL", help="DC, L1, L2, L3 or dev.")
collection = click.option("--collection", metavar="NAME", help="Collection of images, as in DR1.")


def door(place: Place, /) -> tuple[str, str | None]:
    """Tell where the archive is, and the token. Raises click.UsageError, click.BadParameter."""
    from imap_bulk.archives.lsst.service import Service

    told = place.door("lsst")
    if not told.url:
        raise click.UsageError(_NO_SERVER)
    try:
        Service(told.url)
    except Rejected as error:
        raise click.BadParameter(str(error), param_hint="--url / IMAP_BULK_LSST_URL") from error
    return told.url, told.api_key
