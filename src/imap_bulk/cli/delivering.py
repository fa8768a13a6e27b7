"""`--to`: files go to a bucket instead of the data directory."""

from typing import TYPE_CHECKING

import click

from imap_bulk.cli.bucket import bucket_of
from imap_bulk.environment import read_bucket_credentials

if TYPE_CHECKING:
    from imap_bulk.delivery import Destination

to = click.option(
    "--to", metavar="s3://BUCKET[/PREFIX]",
    help="Deliver to a bucket instead of the data directory.  [AWS_ACCESS_KEY_ID and its like, AWS_ENDPOINT_URL]",
)  # fmt: skip


def destination(place: str | None) -> "Destination | None":
    """Name a bucket with what the environment opens it with. Raises click.UsageError."""
    if place is None:
        return None
    bucket = bucket_of(place, read_bucket_credentials().endpoint, "--to")
    from imap_bulk.delivery import Destination

    return Destination(bucket)


def check(to: str | None, *, since: str | None, offline: bool, has_cache_dir: bool) -> None:
    """Raise click.UsageError where something contradicts --to."""
    if to is None:
        return
    if since:
        raise click.UsageError("--since keeps a directory up to date, not a bucket; leave --since or --to out.")
    if offline:
        raise click.UsageError("--offline sends no request, and --to needs some; leave one of them out.")
    if has_cache_dir:
        raise click.UsageError("--to delivers what the archive sends, and uses no cache; leave --cache-dir out.")
