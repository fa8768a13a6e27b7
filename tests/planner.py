"""Plans a pull in a process of its own, and tells as JSON how long that took and how much memory it had.

The arguments: a manifest or an archive's URL, a data directory. All that the manifest lists may be there.
"""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from imap_bulk import aio, bulk
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.errors import BadManifest
from imap_bulk.model import Event, Plan
from imap_bulk.settings import Settings
from imap_bulk.sources import files_of


def main(source: str, data_dir: Path) -> dict[str, object]:
    """Plan, and move nothing."""
    told: dict[str, object] = {}
    started = time.monotonic()

    def report(event: Event) -> None:
        if isinstance(event, Plan):
            told.update(files=event.files, skipped=event.skipped, planned=time.monotonic() - started)
            raise SystemExit

    try:
        if source.startswith("http"):
            archive = ImapArchive(source)
            files: Any = archive.search(ImapQuery.of(instrument="mag"))
        else:
            archive = ImapArchive("https://archive.example")
            files = aio.each(files_of([source]))
            told["checked"] = time.monotonic() - started
        asyncio.run(bulk.pull(archive, files, data_dir, Settings(), report))
    except BadManifest as error:
        told["bad_lines"] = [int(problem.split()[1].rstrip(":")) for problem in error.problems]
    except SystemExit:
        pass
    told["cpu"] = time.process_time()
    return told | {"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
