"""imap-data-access by its Python API, file after file, or in threads where argv[2] says how many."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import certifi
import imap_data_access
import requests.adapters

# It looks at no variable: Session.send leaves that to Session.request, which the client does not call.
vars(requests.adapters)["DEFAULT_CA_BUNDLE_PATH"] = os.environ.get("REQUESTS_CA_BUNDLE", certifi.where())


def main(job: dict[str, Any], threads: int) -> None:
    imap_data_access.config["DATA_ACCESS_URL"] = job["url"]
    imap_data_access.config["DATA_DIR"] = Path(job["dest"])
    uploads = job["direction"] == "push"
    move = imap_data_access.upload if uploads else imap_data_access.download
    wanted = [file["path"] if uploads else file["key"] for file in job["files"]]
    if threads == 1:
        for name in wanted:
            move(name)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(move, wanted))


main(json.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]))
