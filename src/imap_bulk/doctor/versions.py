"""What is installed: the first question about any bug."""

import platform
import sqlite3
import ssl
from collections.abc import Iterator
from importlib import metadata

from imap_bulk import __version__
from imap_bulk.doctor.finding import Finding, ok

_LIBRARIES = ("aiohttp", "httptools", "aiohappyeyeballs", "aiofiles", "tenacity", "tqdm", "click")


def check() -> Iterator[Finding]:
    """Name the versions of all that a run rests on."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    yield ok("versions", f"imap-bulk {__version__}, {python}, {platform.platform()}")
    libraries = [f"{name} {_version(name)}" for name in _LIBRARIES]
    yield ok("libraries", ", ".join([*libraries, f"SQLite {sqlite3.sqlite_version}", ssl.OPENSSL_VERSION]))


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "of unknown version"
