"""Where an embedded archive keeps its files: a disk or a bucket, and what is there before anybody uploads."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli.bucket import bucket_of
from imap_bulk.cli.options import Decorator, all_of

if TYPE_CHECKING:
    from imap_bulk.server.importing import Survey

_LINE_SECONDS = 2.0
"""Between two lines about an import that goes on."""


storing: Decorator[Any] = all_of(
    click.option(
        "--storage", metavar="s3://BUCKET[/PREFIX]",
        help="Keep the files in a bucket, and in --root the catalog alone.  [AWS_ACCESS_KEY_ID and its like]",
    ),
    click.option("--s3-endpoint", metavar="URL", help="Where the bucket is, if not at Amazon's."),
    click.option("--rescan", is_flag=True, help="Begin by making the catalog true to what the storage holds."),
    click.option(
        "--import", "bring", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR",
        help="Begin by archiving the data files below DIR; they are linked, or copied from another disk.",
    ),
)  # fmt: skip
"""Options that a command hands on to `store_options`."""


def store_options(
    storage: str | None, s3_endpoint: str | None, rescan: bool, bring: Path | None
) -> dict[str, Any]:
    """Return the options as fields of `ServerOptions`. Raises click.UsageError if they contradict each other."""
    if s3_endpoint == "":
        raise click.UsageError("--s3-endpoint is empty; leave it out to mean Amazon's.")
    if s3_endpoint and not storage:
        raise click.UsageError("--s3-endpoint says where a bucket is; name that by --storage s3://BUCKET.")
    if storage and bring:
        raise click.UsageError(
            "--import is for files on disk; put them into the bucket by imap-bulk push, or beside it and --rescan."
        )
    return {
        "bucket": bucket_of(storage, s3_endpoint, "--storage") if storage is not None else None,
        "rescan": rescan,
        "bring": bring,
        "report": _Lines(),
    }


class _Lines:
    """Tells of an import on standard error: a line now and then, and at the end what was left out."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, survey: "Survey") -> None:
        if survey.is_over:
            self._sum_up(survey)
        elif time.monotonic() - self._last >= _LINE_SECONDS:
            self._last = time.monotonic()
            click.echo(f"Looking through files: {survey.added:,} archived so far ({_mb(survey)})", err=True)

    def _sum_up(self, survey: "Survey") -> None:
        told = [f"{survey.added:,} {'file' if survey.added == 1 else 'files'} archived ({_mb(survey)})"]
        told += [f"{survey.known:,} known before"] if survey.known else []
        told += [f"{survey.missing:,} gone from the storage and dropped"] if survey.missing else []
        told += [f"{survey.left_out:,} left out"] if survey.left_out else []
        click.echo("; ".join(told), err=True)
        for reason in survey.reasons:
            click.echo(f"  {reason}", err=True)
        if (more := survey.left_out - len(survey.reasons)) > 0:
            click.echo(f"  and {more:,} more", err=True)


def _mb(survey: "Survey") -> str:
    return f"{survey.added_bytes / 1e6:,.1f} MB"
