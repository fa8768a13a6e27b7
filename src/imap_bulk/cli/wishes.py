"""What a person wishes of a run: the transfer options as plain values."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imap_bulk.cli import delivering
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.cache import Cache
    from imap_bulk.delivery import Destination


@dataclass(frozen=True, slots=True)
class Wishes:
    """The transfer options."""

    settings: Settings
    dry_run: bool
    quiet: bool
    as_json: bool
    report: Path | None = None
    cache: "Cache | None" = None
    offline: bool = False
    summary: Path | None = None
    """Where a summary in Markdown belongs."""
    dask: str | None = None
    """The cluster that is to move the files."""
    to: "Destination | None" = None
    """The bucket in which they are to end."""


def wishes_of(given: dict[str, Any]) -> Wishes:
    """Take the transfer options out of what was given, as plain values."""
    settings = Settings(
        jobs=given.pop("jobs"),
        processes=given.pop("processes") or 0,
        retries=given.pop("retries"),
        overwrite=given.pop("overwrite"),
        require_verified=given.pop("require_verified"),
        fsync=not given.pop("no_fsync"),
        limit_rate=given.pop("limit_rate"),
        transport=given.pop("transport"),
        limit_requests=given.pop("limit_requests"),
    )
    to = delivering.destination(given.pop("to", None))  # of commands that have it
    return Wishes(
        settings, given.pop("dry_run"), given.pop("quiet"), given.pop("as_json"), given.pop("report"), to=to
    )
