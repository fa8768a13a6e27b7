"""What a helper and its parent say to each other."""

from pathlib import Path
from typing import NamedTuple

from imap_bulk.archives.base import Archive
from imap_bulk.engine.delivery import OpenDelivery
from imap_bulk.engine.download import Keep
from imap_bulk.engine.pace.known import Thing
from imap_bulk.errors import Busy
from imap_bulk.processes.wire import Placed, Told
from imap_bulk.settings import Settings


class Kit(NamedTuple):
    """From the parent, first: what an engine needs."""

    archive: Archive
    root: Path
    settings: Settings
    keep: Keep | None
    open_delivery: OpenDelivery | None


class Share(NamedTuple):
    """From the parent: how many files the helper may move at once."""

    jobs: int


class Deal(NamedTuple):
    """From the parent: some transfers; none when there are no more."""

    transfers: list[Placed]


class HostIsBusy(NamedTuple):
    """From the parent: another process was told by this host to wait."""

    host: str
    error: Busy


class HostGave(NamedTuple):
    """From either: what this host has given, to be asked for again when it seems to be down."""

    host: str
    thing: Thing


class Want(NamedTuple):
    """From the helper: give me so many."""

    files: int


class News(NamedTuple):
    """From the helper: how transfers fare."""

    told: Told


class End(NamedTuple):
    """From the helper, last: all is done, or an error that ends the run."""

    error: Exception | None = None
