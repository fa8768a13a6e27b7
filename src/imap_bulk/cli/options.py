"""Options that several commands share, and what they mean as plain values."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from imap_bulk.cli import delivering
from imap_bulk.environment import (
    ArchiveEnvironment,
    read_archive_environment,
    read_bucket_credentials,
    read_environment,
)
from imap_bulk.errors import BadQuery, Rejected
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.archives.imap import ImapArchive, ImapQuery
    from imap_bulk.cache import Cache
    from imap_bulk.delivery import Destination

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

DEFAULT = Settings()

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


def _completing(words: Callable[[], tuple[str, ...]]) -> Callable[..., list[CompletionItem]]:
    """Offer words to the shell; of a list with commas, its last member is completed."""

    def complete(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        done, comma, begun = typed.rpartition(",")
        return [CompletionItem(done + comma + word) for word in words() if word.startswith(begun)]

    return complete


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


def several(name: str, words: Callable[[], tuple[str, ...]] | None, text: str) -> Decorator[Any]:
    """Make an option that takes several values, which `words` completes."""
    complete = _completing(words) if words else None
    many = f"{text}; repeat, or separate by commas."
    return click.option(name, multiple=True, metavar="NAME,...", shell_complete=complete, help=many)


_FILTERS: tuple[Decorator[Any], ...] = (
    click.option(
        "--table",
        metavar="TABLE",
        shell_complete=_completing(_tables),
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
        shell_complete=_completing(_extensions),
        help="File name extension, as in cdf.",
    ),
    click.option("--filename", metavar="NAME", help="One exact file name; works alone."),
    click.option(
        "--type", metavar="TYPE", shell_complete=_completing(_types), help="Kind of SPICE kernel, as in spin."
    ),
)
jobs = click.option(
    "-j", "--jobs", type=click.IntRange(1, 512), default=DEFAULT.jobs, show_default=True, metavar="N",
    help="Files that move at once.",
)  # fmt: skip
quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print events as JSON Lines on stdout.")

_MULTIPLES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_LEAST_REQUESTS = 0.001
_NUMBER = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([kMG]?)")


def _rate(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """Read bytes per second. Raises click.BadParameter."""
    if text is None:
        return None
    match = _NUMBER.fullmatch(text)
    rate = float(match[1]) * _MULTIPLES[match[2]] if match else 0.0
    if rate < 1:
        raise click.BadParameter("write bytes per second, at least 1, as in 500k, 10M or 1.5G.")
    return rate


def _per_second(_context: click.Context, _parameter: click.Parameter, number: float | None) -> float | None:
    """Hold requests per second to what can be waited for. Raises click.BadParameter."""
    if number is not None and not _LEAST_REQUESTS <= number < math.inf:
        raise click.BadParameter(f"write requests per second, at least {_LEAST_REQUESTS:g}, as in 5 or 0.5.")
    return number


def _page(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """See before a long run that its page can be written. Raises click.BadParameter."""
    if path is None:
        return None
    if path.suffix not in (".html", ".htm"):
        raise click.BadParameter("name a page, as in run.html; run.jsonl and run.prov.json come to lie beside it.")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no directory {path.parent}; make it first.")
    return path


_TRANSFER: tuple[Decorator[Any], ...] = (
    jobs,
    click.option(
        "--processes", type=click.IntRange(1, 64), metavar="N",
        help="Processes that share the work.  [default: as many as pay]",
    ),
    click.option(
        "--retries", type=click.IntRange(0, 100), default=DEFAULT.retries, show_default=True, metavar="N",
        help="Attempts after the first, for each file.",
    ),
    click.option(
        "--limit-rate", callback=_rate, metavar="RATE",
        help="Bytes per second of the whole run, as in 500k, 10M or 1G.",
    ),
    click.option(
        "--limit-requests", type=float, callback=_per_second, metavar="N",
        help="Requests per second of the whole run.",
    ),
    click.option("--dry-run", is_flag=True, help="Print what would move, and move nothing."),
    click.option("--overwrite", is_flag=True, help="Move also what is there and right."),
    click.option("--require-verified", is_flag=True, help="Fail files that only their size could confirm."),
    click.option("--no-fsync", is_flag=True, help="Do not wait for the disk to confirm each file."),
    click.option(
        "--report", type=click.Path(dir_okay=False, path_type=Path), callback=_page, metavar="FILE.html",
        help="Write down how the run went: a page, and beside it .jsonl and .prov.json.",
    ),
    click.option(
        "--transport", type=click.Choice(["auto", "lean", "aiohttp"]), default=DEFAULT.transport,
        show_default=True, help="How requests travel; auto is lean, and aiohttp through proxies.",
    ),
    quiet,
    as_json,
)  # fmt: skip


dask = click.option(
    "--dask", metavar="ADDRESS",
    help="Have the workers of a Dask cluster pull, as in tcp://HOST:8786, or local:4 for four processes.",
)  # fmt: skip


def all_of(decorators: tuple[Decorator[Any], ...]) -> Decorator[Any]:
    """Make one decorator of several, whose options stand in this order in the help."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


filters: Decorator[Any] = all_of(_FILTERS)
transfer_options: Decorator[Any] = all_of(_TRANSFER)


def any_given(filters: Mapping[str, object]) -> bool:
    """Whether any filter was given; days ago may be 0."""
    return any(value not in (None, (), False) or (value == 0 and value is not False) for value in filters.values())


def refuse_empty(filters: Mapping[str, Any]) -> None:
    """Refuse filters that say nothing: an empty variable of a shell would bring everything. Raises BadQuery."""
    for name, value in filters.items():
        texts = value if isinstance(value, tuple) else (value,)
        if texts and all(isinstance(text, str) and not text.strip(" ,") for text in texts):
            raise BadQuery(f"--{name.replace('_', '-')} is empty; leave it out to mean all of them.")


def query_of(filters: Mapping[str, Any]) -> "ImapQuery":
    """Turn filters into a query. Raises BadQuery."""
    from imap_bulk.archives.imap.query import ImapQuery, days_ago

    conditions = dict(filters)
    refuse_empty(conditions)
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


def agreed(question: str, *, yes: bool) -> bool:
    """Ask a person, unless `yes` answers for them; say so where nothing is done."""
    try:
        if yes or click.confirm(question, err=True):
            return True
    except click.Abort:
        click.echo("", err=True)
    click.echo("Nothing was deleted; --yes answers for you.", err=True)
    return False
