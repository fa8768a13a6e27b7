"""parfive: its queue, one connection a file. Gets the job as a JSON file."""

import json
import sys
from pathlib import Path
from typing import Any

import parfive  # type: ignore[import-not-found, import-untyped, unused-ignore]


def main(job: dict[str, Any]) -> int:
    downloader = parfive.Downloader(max_conn=job["jobs"], max_splits=1, progress=False, overwrite=True)
    for file in job["files"]:
        path = Path(file["path"])
        downloader.enqueue_file(file["url"], path=str(path.parent), filename=path.name)
    return len(downloader.download().errors)


sys.exit(1 if main(json.loads(Path(sys.argv[1]).read_text())) else 0)
