"""What the pytest plugin does when it is used: pinned files are brought, and an archive is served."""

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from imap_bulk import blocking, lockfile
from imap_bulk.digest import Digest
from imap_bulk.errors import (
    AccessDenied,
    BadManifest,
    BulkError,
    DigestMismatch,
    NotCached,
    PermanentError,
    TransientError,
)
from imap_bulk.model import Outcome, RemoteFile
from imap_bulk.settings import Settings
from imap_bulk.transport.api import NeverMet

__all__ = ["BadManifest", "BulkError", "Library", "Missing", "serving"]

SETTINGS = Settings(retries=3, connect_timeout=10.0, outage_max=20.0, fsync=False)
"""A test waits for an archive that is down, but not for ten minutes."""

_OUT_OF_REACH = (TransientError, NeverMet)
"""Also a name that cannot be looked up: on a train there is nobody who could."""


class Missing(PermanentError):
    """Data cannot be had now: no connection, no key, or nothing in the cache."""


class Library:
    """The files that the lock file at `path` pins, brought below `root` once a session. Raises BadManifest."""

    def __init__(self, path: Path, root: Path, cache_dir: Path, *, offline: bool = False) -> None:
        self._path = path
        self._files = lockfile.files_of(lockfile.read(path))
        # Two lock files may pin the same key to different bytes.
        self._directory = root / Digest.of(path).value[:16]
        self._cache_dir = cache_dir
        self._offline = offline
        self._lost = ""
        """Why the archive could not be reached."""
        self._brought: set[str] = set()

    def find(self, wanted: Sequence[str], *, exactly: bool = False) -> list[RemoteFile]:
        """Find what names, archive paths, directories or patterns mean, by key. Raises BadManifest for a stranger.

        With `exactly`, only names and archive paths are taken.
        """
        found: dict[str, RemoteFile] = {}
        for each in wanted:
            matches = [file for file in self._files if _is_meant(file, each, exactly)]
            if not matches:
                raise BadManifest(f"{self._path} pins no {each}{self._hint(each)}")
            found |= {file.key: file for file in matches}
        return [found[key] for key in sorted(found)]

    def bring(self, files: Sequence[RemoteFile]) -> list[Path]:
        """Bring files, and return where they are, read-only. Raises Missing, or BulkError where one is wrong."""
        absent = [file for file in files if file.key not in self._brought]
        if absent:
            self._pull(absent)
        return [self._directory / file.key for file in files]

    def _pull(self, files: Sequence[RemoteFile]) -> None:
        with _turn(self._directory):
            result = blocking.pull(
                files,
                data_dir=self._directory,
                settings=SETTINGS,
                cache_dir=self._cache_dir,
                offline=self._offline,
            )
        if result.failures:
            self._refuse(result.failures)
        for file in files:
            (self._directory / file.key).chmod(0o444)
        self._brought.update(file.key for file in files)

    def _refuse(self, failures: Sequence[Outcome]) -> None:
        """Raise what a run's failures mean to a test: what is wrong weighs more than what is missing."""
        errors = [failure.error for failure in failures if failure.error]
        if wrong := next((error for error in errors if not _is_missing(error)), None):
            raise wrong
        if self._lost:
            key = failures[0].transfer.key
            raise Missing(f"{key}: the archive is not asked again, for it could not be reached ({self._lost})")
        if lost := next((error for error in errors if isinstance(error, _OUT_OF_REACH)), None):
            self._lost, self._offline = str(lost), True  # no other test need wait for it
        raise Missing(str(lost or errors[0]))

    def _hint(self, name: str) -> str:
        near = get_close_matches(name, [file.name for file in self._files], n=1)
        nearest = f"; did you mean {near[0]}?" if near else ""
        return f"{nearest or ';'} imap-bulk lock --update {self._path} brings it up to date"


def _is_meant(file: RemoteFile, wanted: str, exactly: bool) -> bool:
    if wanted in (file.name, file.key):
        return True
    if exactly:
        return False
    directory = wanted.strip("/")
    below = any(file.key.startswith(f"{prefix}{directory}/") for prefix in ("", "imap/"))
    return below or fnmatchcase(file.name, wanted) or fnmatchcase(file.key, wanted)


def _is_missing(error: BulkError) -> bool:
    """Tell what cannot be had now from what is not as it was pinned."""
    if isinstance(error, DigestMismatch):
        return False
    return isinstance(error, (*_OUT_OF_REACH, NotCached, AccessDenied))


@contextmanager
def _turn(directory: Path) -> Iterator[None]:
    """Let the workers of one session bring files in turns, so that each is fetched once.

    It spares requests and no more: where the file system ignores such locks, files are fetched twice.
    """
    import fcntl

    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / ".turn", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve an archive below `root` from a thread of its own; yield its URL."""
    started: Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]] = Future()
    thread = threading.Thread(target=_serve, args=(root, started), name="imap-archive", daemon=True)
    thread.start()
    url, loop, leaving = started.result()
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(leaving.set)
        thread.join()


def _serve(root: Path, started: "Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]") -> None:
    from imap_bulk.server.app import ArchiveServer, ServerOptions

    async def serve() -> None:
        leaving = asyncio.Event()
        async with ArchiveServer(ServerOptions(root, grace=0.2)) as server:
            started.set_result((server.url, asyncio.get_running_loop(), leaving))
            await leaving.wait()

    try:
        asyncio.run(serve())
    except BaseException as error:
        if started.done():
            raise
        started.set_exception(error)
