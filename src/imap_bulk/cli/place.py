"""Where a command works: the data directory, and the archive with what opens its door."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imap_bulk.environment import (
    USUAL_DATA_DIR,
    ArchiveEnvironment,
    read_archive_environment,
    read_bucket_credentials,
    read_environment,
    unfit_proxies,
)
from imap_bulk.errors import Rejected
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.archives.imap import ImapArchive

OTHER_ARCHIVES = ("aurorax", "lsst")
"""The archives beside IMAP's, each of which has a group of commands."""


@dataclass(frozen=True, slots=True)
class Place:
    """The global options, where they were given: which directory, which archive, and what opens its door."""

    given_dir: Path | None = None
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)

    @property
    def named_dir(self) -> Path:
        """The data directory, told by an option or else environment, whatever is there."""
        return self.given_dir or read_environment().data_dir

    @property
    def data_dir(self) -> Path:
        """The data directory; commands take it before they ask anybody. Raises click.UsageError for a file."""
        named = self.named_dir
        by_variable = self.given_dir is None and named != USUAL_DATA_DIR
        refuse_file(named, "IMAP_DATA_DIR" if by_variable else None, "--data-dir or IMAP_DATA_DIR")
        return named

    @property
    def _given_url(self) -> str | None:
        """The URL that was given. Raises click.BadParameter for an empty one: that would stand for production."""
        if self.url == "":
            raise click.BadParameter("it is empty; leave it out to ask the usual archive.", param_hint="--url")
        return self.url

    def imap(self, settings: Settings) -> "ImapArchive":
        """Make IMAP's archive, unopened, told by options or else environment. Raises click.BadParameter."""
        from imap_bulk.archives.imap import ImapArchive

        told = read_environment()
        _refuse_unfit_proxies()
        api_key = self._key_or(told.api_key, "IMAP_API_KEY")
        access_token = told.access_token if api_key else _fit(told.access_token, "IMAP_ACCESS_TOKEN")
        try:
            return ImapArchive(self._given_url or told.url, api_key, access_token, settings)
        except Rejected as error:
            raise click.BadParameter(str(error), param_hint="--url / IMAP_DATA_ACCESS_URL") from error

    def door(self, archive: str) -> ArchiveEnvironment:
        """Tell where another archive is and what opens its door, by options or else environment.

        Raises click.BadParameter.
        """
        told = read_archive_environment(archive)
        _refuse_unfit_proxies()
        return ArchiveEnvironment(
            self._given_url or told.url, self._key_or(told.api_key, f"IMAP_BULK_{archive.upper()}_API_KEY")
        )

    def _key_or(self, told: str | None, variable: str) -> str | None:
        """Return the key that the option gives, or else what the variable has told. Raises click.BadParameter."""
        return _fit(self.api_key, "--api-key") if self.api_key else _fit(told, variable)

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must not be shown to anybody."""
        told, bucket = read_environment(), read_bucket_credentials()
        others = (read_archive_environment(archive).api_key for archive in OTHER_ARCHIVES)
        ours = (bucket.secret_access_key, bucket.session_token)
        return tuple(filter(None, (self.api_key, told.api_key, told.access_token, *ours, *others)))


def refuse_file(directory: Path, variable: str | None, ways: str) -> None:
    """Raise click.UsageError where a `directory`, named by a `variable` or by nobody, can be none."""
    # Methods of Path raise at what is behind a closed directory, of which whoever needs it tells.
    if os.path.lexists(directory) and not os.path.isdir(directory):  # noqa: PTH112
        from imap_bulk.doctor.disk import why_no_directory

        cure = f"set {variable} to a directory" if variable else f"name a directory by {ways}"
        raise click.UsageError(f"{directory} {why_no_directory(directory)}; {cure}.")


def _fit(secret: str | None, source: str) -> str | None:
    """Pass on what can stand in a header, where a line end behind it is cut off. Raises click.BadParameter."""
    if secret and not (secret.isascii() and secret.strip().isprintable()):
        said = "there is a line end or another character in it that no key has; give the key alone."
        raise click.BadParameter(said, param_hint=source)
    return secret


def _refuse_unfit_proxies() -> None:
    """Raise click.BadParameter, which does not show a proxy: there may be a password in it."""
    if unfit := unfit_proxies():
        said = "there is a line end or another control character in it; write it as http://host:port."
        raise click.BadParameter(said, param_hint=" / ".join(unfit))
