"""Plans a pull in a process of its own, and tells as JSON how long that took and how much memory it had.

The arguments: a manifest or an archive's URL, a data directory. What is listed may be there. The archive
never answers who asks it for a file, so that nothing but planning takes time.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from imap_bulk import bulk
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.errors import BadManifest
from imap_bulk.model import Event, Plan, Transfer
from imap_bulk.settings import Settings
from imap_bulk.sources import files_of

_STARTED = time.monotonic() - time.process_time()  # the interpreter and what it imports have waited for nobody


def elapsed() -> float:
    """Return the seconds since this process began."""
    return time.monotonic() - _STARTED


class Silent(ImapArchive):
    """An archive that is asked for a file, and does not answer."""

    def __init__(self, url: str, told: dict[str, object]) -> None:
        super().__init__(url)
        self.told = told

    async def sign_download(self, _: Transfer) -> NoReturn:
        """Note when the first request was made."""
        self.told.setdefault("asked", elapsed())
        await asyncio.Event().wait()
        raise AssertionError


async def plan(source: str, data_dir: Path, told: dict[str, object]) -> None:
    """Plan until the plan is whole. Raises BadManifest."""
    whole = asyncio.Event()

    def report(event: Event) -> None:
        if isinstance(event, Plan) and event.is_whole:
            told.update(files=event.files, skipped=event.skipped, planned=elapsed())
            whole.set()

    archive = Silent(source if source.startswith("http") else "https://archive.example", told)
    if source.startswith("http"):
        files: Any = archive.search(ImapQuery.of(instrument="mag"))
    else:
        files = bulk.each(files_of([source]))
        told["checked"] = elapsed()
    pulling = asyncio.create_task(bulk.pull(archive, files, data_dir, Settings(), report))
    pulling.add_done_callback(lambda _: whole.set())  # not by itself, unless it fails
    await whole.wait()
    if not pulling.cancel():
        await pulling


def main(source: str, data_dir: Path) -> dict[str, object]:
    """Plan, and move nothing."""
    told: dict[str, object] = {}
    try:
        asyncio.run(plan(source, data_dir, told))
    except BadManifest as error:
        told["bad_lines"] = [int(problem.split()[1].rstrip(":")) for problem in error.problems]
    told["cpu"] = time.process_time()
    return told | {"peak_mib": _peak_kib() / 1024}


def _peak_kib() -> int:
    """Return the peak of this process alone: what `getrusage` tells begins with that of whoever started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (peak,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(peak.split()[1])


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
