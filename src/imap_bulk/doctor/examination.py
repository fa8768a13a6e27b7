"""All checks, in the order in which one thing rests on another."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from imap_bulk.archives.imap import ImapArchive
from imap_bulk.doctor import disk, locks, network, service, versions
from imap_bulk.doctor.finding import Finding

SECONDS = 10.0
"""Longest wait for a connection, or for an answer."""


async def examine(archive: ImapArchive, data_dir: Path) -> AsyncIterator[Finding]:
    """Yield what is found about this machine, its way to `archive`, and the place of `data_dir`."""
    settings = replace(archive.settings, connect_timeout=SECONDS, idle_timeout=SECONDS)
    archive = replace(archive, settings=settings)
    parts = urlsplit(archive.name)
    for finding in versions.check():
        yield finding
    yield network.check_proxy(parts.scheme, parts.hostname or "")
    yield network.check_certificates(parts.scheme)
    yield await network.check_name(parts.scheme, parts.hostname or "")
    async for finding in service.check(archive):
        yield finding
    with disk.trial_place(data_dir) as place:
        for finding in disk.check(data_dir, place):
            yield finding
        if place:
            yield locks.check(place)
