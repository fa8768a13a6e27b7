"""A bucket that an option names, with what the environment opens it with."""

from typing import TYPE_CHECKING

import click

from imap_bulk.environment import read_bucket_credentials
from imap_bulk.errors import BadBucket

if TYPE_CHECKING:
    from imap_bulk.bucket import BucketOptions


def bucket_of(place: str, endpoint: str | None, option: str) -> "BucketOptions":
    """Return the bucket that is s3://BUCKET[/PREFIX] at `endpoint`, else at Amazon's. Raises click.UsageError."""
    try:
        from imap_bulk.bucket import BucketOptions
    except ModuleNotFoundError:
        raise click.UsageError(f"{option} needs obstore; install imap-bulk[s3].") from None
    try:
        return BucketOptions.opened_with(place, endpoint, read_bucket_credentials())
    except BadBucket as fault:
        raise click.UsageError(f"{fault}.") from None
