"""Moving transfers here, and with helpers where that pays."""

import os
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from imap_bulk.archives.base import Archive
from imap_bulk.engine.attempts import Report
from imap_bulk.engine.delivery import OpenDelivery
from imap_bulk.engine.download import Keep
from imap_bulk.engine.engine import Engine
from imap_bulk.engine.pace import Paces
from imap_bulk.model import Transfer
from imap_bulk.processes.load import spare_cores
from imap_bulk.processes.team import Team
from imap_bulk.processes.wire import packed
from imap_bulk.processes.words import Kit
from imap_bulk.settings import Settings
from imap_bulk.transport import StorageTransport

_FEW = 32
"""So few are not shared out."""

_MOST_HELPERS = 3
"""With more, what they report keeps the process busy that writes the journal."""


async def move(
    archive: Archive,
    transfers: Iterable[Transfer],
    count: int,
    root: Path,
    settings: Settings,
    report: Report,
    *,
    keep: Keep | None = None,
    open_delivery: OpenDelivery | None = None,
) -> None:
    """Move `transfers`, `count` of them, below `root`, and report how each ended.

    What was verified is given to `keep`, and delivered where `open_delivery` leads if that is given. Raises
    whatever is no BulkError and ends the run, OSError for one.
    """
    opened = open_delivery(settings) if open_delivery else nullcontext()
    async with StorageTransport(settings, archive.name) as transport, opened as begin_delivery:
        most = most_helpers(count, settings)
        memory = settings.memory_bytes // (1 + most)
        share = replace(settings, memory_bytes=memory)
        kit = _packed_kit(Kit(archive, root, share, keep, open_delivery)) if most else None
        engine = Engine(archive, transport, root, settings, keep, begin_delivery)
        if kit is None:
            await engine.run(transfers, report)
        else:
            paces = Paces(settings)
            engine = replace(engine, paces=paces)
            await Team(engine, paces, settings, transfers, count, report).run(kit, most, memory)


def most_helpers(count: int, settings: Settings) -> int:
    """Tell how many helpers there may be; with a limit per second the processor is not what one waits for."""
    if os.name != "posix" or count < _FEW or settings.limit_rate or settings.limit_requests:
        return 0
    most = settings.processes - 1 if settings.processes else min(spare_cores(), _MOST_HELPERS)
    return max(0, min(most, settings.jobs - 1))


def _packed_kit(kit: Kit) -> bytes | None:
    """Return a kit for elsewhere; None if something in it can only be used here."""
    try:
        return packed(kit)
    except Exception:  # pickle raises whatever the values do
        return None
