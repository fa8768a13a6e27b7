"""The verbs as coroutines, for programs: what the command line does, from plain arguments.

`url`, `data_dir`, `api_key` and `access_token` default to the official client's environment variables.
Filters are those of the command line with underscores: `instrument="mag"`, `start_date="20260101"`, …
`report` is called with each `Event` of a run as it comes; what it raises ends the run.
"""

import errno
from collections.abc import Iterable
from itertools import chain
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imap_bulk import bulk, lockfile, sources
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.cache import Cache
from imap_bulk.engine.places import StrPath
from imap_bulk.environment import read_bucket_credentials, read_cache_dir, read_environment, usual_cache_dir
from imap_bulk.errors import BadBucket, BadQuery
from imap_bulk.model import RemoteFile, Result, Sample
from imap_bulk.settings import Settings

if TYPE_CHECKING:  # needs the extra s3
    from imap_bulk.delivery import Destination

__all__ = ["pull", "push", "query", "verify"]

DEFAULT = Settings()


async def query(
    *,
    url: str | None = None,
    api_key: str | None = None,
    access_token: str | None = None,
    settings: Settings = DEFAULT,
    **filters: Any,
) -> list[RemoteFile]:
    """Return what matches all filters, as in `query(instrument=["mag", "swe"], version="latest")`.

    Filters: table, instrument, data_level, descriptor, start_date, end_date, ingestion_start_date,
    ingestion_end_date, repointing, version, major_version, minor_version, extension, filename, type. Days are
    dates or YYYYMMDD, in UTC and inclusive. Raises BadQuery before any request, BulkError when the archive fails.
    """
    wanted = ImapQuery.of(**filters)
    async with open_archive(url, api_key, access_token, settings) as archive:
        return [file async for file in archive.search(wanted)]


async def pull(
    files: StrPath | Iterable[StrPath | RemoteFile] | None = None,
    *,
    data_dir: StrPath | None = None,
    url: str | None = None,
    api_key: str | None = None,
    access_token: str | None = None,
    settings: Settings = DEFAULT,
    report: bulk.Report = bulk.ignore,
    locked: StrPath | None = None,
    cache_dir: StrPath | None = None,
    offline: bool = False,
    to: str | None = None,
    **filters: Any,
) -> Result:
    """Bring files below `data_dir`: those of `files` (names, archive paths, manifests, query results) or filters.

    Or exactly those that the lock file `locked` pins. That uses the user's cache; other pulls use one when
    `cache_dir` or `IMAP_BULK_CACHE_DIR` names it. When `offline`, what is neither in the cache nor in the data
    directory fails, and filters are refused. What goes `to` a bucket, s3://BUCKET[/PREFIX], that the variables
    `AWS_…` open, stays neither in the data directory nor in a cache (extra: imap-bulk[s3]).

    `report` is called with each `Event` of the run: Plan, Progress, Outcome, at last Result; what it raises ends
    the run. Raises BadQuery, BadManifest or BadBucket before anything moves, BulkError when the search fails,
    OSError when this machine cannot go on. A file that fails is counted: see `Result.raise_for_failures`.
    """
    if [files is not None, bool(filters), locked is not None].count(True) != 1:
        raise BadQuery("say what to pull: either files, or filters such as instrument='mag', or a lock file")
    if offline and filters:
        raise BadQuery("filters are for the archive to answer, which is not asked offline; name files instead")
    if to is not None and (offline or cache_dir is not None):
        raise BadQuery("what goes to a bucket is asked of the archive: neither offline nor of a cache")
    destination = None if to is None else _bucket(to)
    archive = open_archive(url, api_key, access_token, settings)
    if locked is not None:
        wanted = bulk.each(lockfile.files_of(lockfile.read(Path(locked))))
    else:
        wanted = archive.search(ImapQuery.of(**filters)) if files is None else bulk.each(_listed(files))
    cache = None if destination else _cache(cache_dir, usually=locked is not None)
    with bulk.orderly(report) as told:
        return await bulk.pull(
            archive,
            wanted,
            directory(data_dir),
            settings,
            bulk.of_each(told),
            cache=cache,
            offline=offline,
            destination=destination,
        )


async def push(
    files: StrPath | Iterable[StrPath],
    *,
    data_dir: StrPath | None = None,
    url: str | None = None,
    api_key: str | None = None,
    access_token: str | None = None,
    settings: Settings = DEFAULT,
    report: bulk.Report = bulk.ignore,
) -> Result:
    """Send data files, directories and manifests to the archive. Reports and raises as `pull`."""
    transfers = sources.uploads_of(map(_name_of, _several(files)))
    archive = open_archive(url, api_key, access_token, settings)
    with bulk.orderly(report) as told:
        return await bulk.push(archive, transfers, directory(data_dir), settings, bulk.of_each(told))


async def verify(
    files: StrPath | Iterable[StrPath | RemoteFile] | None = None,
    *,
    data_dir: StrPath | None = None,
    settings: Settings = DEFAULT,
    report: bulk.Report = bulk.ignore,
    sample: Sample | None = None,
) -> Result:
    """Re-read what is below `data_dir`, held to manifests or else to the journal.

    A file that is missing or wrong is counted: see `Result.raise_for_failures`. Raises BadManifest, OSError, and
    FileNotFoundError where `data_dir` is not there.
    """
    root = directory(data_dir)
    if files is None and not root.exists():  # of a name that is mistyped, nothing would be found wrong
        raise FileNotFoundError(errno.ENOENT, "there is no such data directory", str(root))
    wanted = None if files is None else _listed(files)
    with bulk.orderly(report) as told:
        return await bulk.verify(root, wanted, settings, told, sample)


def open_archive(
    url: str | None, api_key: str | None, access_token: str | None, settings: Settings
) -> ImapArchive:
    """Return the archive that the arguments or else the environment name; `async with` opens it."""
    environment = read_environment()
    return ImapArchive(
        url or environment.url,
        api_key or environment.api_key,
        access_token or environment.access_token,
        settings,
    )


def directory(data_dir: StrPath | None) -> Path:
    """Return the data directory that the argument or else the environment names."""
    return Path(data_dir) if data_dir else read_environment().data_dir


def _bucket(place: str) -> "Destination":
    """Name a bucket with what the environment opens it with. Raises BadBucket."""
    try:
        from imap_bulk.bucket import BucketOptions
        from imap_bulk.delivery import Destination
    except ModuleNotFoundError:
        raise BadBucket("going to a bucket needs obstore; install imap-bulk[s3]") from None
    told = read_bucket_credentials()
    return Destination(BucketOptions.opened_with(place, told.endpoint, told))


def _cache(cache_dir: StrPath | None, *, usually: bool) -> Cache | None:
    """Return the cache that the argument or else the environment names, or else the user's if it is usual."""
    told = Path(cache_dir) if cache_dir else read_cache_dir()
    if told or usually:
        return Cache(told or usual_cache_dir())
    return None


def _listed(files: StrPath | Iterable[StrPath | RemoteFile]) -> Iterable[RemoteFile]:
    several = list(_several(files))
    found = [file for file in several if isinstance(file, RemoteFile)]
    named = sources.files_of(_name_of(file) for file in several if not isinstance(file, RemoteFile))
    return chain(found, named) if found else named


def _several(files: Any) -> Iterable[Any]:
    is_one = isinstance(files, (str, bytes, PathLike, RemoteFile)) or not isinstance(files, Iterable)
    return [files] if is_one else files


def _name_of(file: Any) -> str:
    name = fspath(file) if isinstance(file, PathLike) else file
    if not isinstance(name, str):
        raise TypeError(f"files are named by text or paths, not by this {type(file).__name__}")
    return name
