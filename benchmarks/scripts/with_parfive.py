"""parfive: its queue, one connection a file, or as many as it may have. Gets the job as a JSON file."""

import json
import sys
from pathlib import Path
from typing import Any

import parfive  # type: ignore[import-not-found, import-untyped, unused-ignore]


def main(job: dict[str, Any]) -> int:
    # It opens max_splits connections for each of its max_conn files.
    files = max(1, job["jobs"] // job["streams"])
    downloader = parfive.Downloader(max_conn=files, max_splits=job["streams"], progress=False, overwrite=True)
    for file in job["files"]:
        path = Path(file["path"])
        downloader.enqueue_file(file["url"], path=str(path.parent), filename=path.name)
    return len(downloader.download().errors)


sys.exit(1 if main(json.loads(Path(sys.argv[1]).read_text())) else 0)
