"""Where a command works: the data directory, and the archive with what opens its door."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imap_bulk.environment import (
    ArchiveEnvironment,
    read_archive_environment,
    read_bucket_credentials,
    read_environment,
)
from imap_bulk.errors import Rejected
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.archives.imap import ImapArchive

OTHER_ARCHIVES = ("aurorax", "lsst")
"""The archives beside IMAP's, each of which has a group of commands."""


@dataclass(frozen=True, slots=True)
class Place:
    """The global options: which directory, and, where they were given, which archive and what opens its door."""

    data_dir: Path
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)

    def imap(self, settings: Settings) -> "ImapArchive":
        """Make IMAP's archive, unopened, told by options or else environment. Raises click.BadParameter."""
        from imap_bulk.archives.imap import ImapArchive

        told = read_environment()
        try:
            return ImapArchive(self.url or told.url, self.api_key or told.api_key, told.access_token, settings)
        except Rejected as error:
            raise click.BadParameter(str(error), param_hint="--url / IMAP_DATA_ACCESS_URL") from error

    def door(self, archive: str) -> ArchiveEnvironment:
        """Tell where another archive is and what opens its door, by options or else environment."""
        told = read_archive_environment(archive)
        return ArchiveEnvironment(self.url or told.url, self.api_key or told.api_key)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must not be shown to anybody."""
        told, bucket = read_environment(), read_bucket_credentials()
        others = (read_archive_environment(archive).api_key for archive in OTHER_ARCHIVES)
        ours = (bucket.secret_access_key, bucket.session_token)
        return tuple(filter(None, (self.api_key, told.api_key, told.access_token, *ours, *others)))
