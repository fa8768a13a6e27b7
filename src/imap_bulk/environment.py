"""The environment variables of the official client, read here alone.

The command line and the Python functions honour the same ones, so that a user who changes tools does not
have to change the shell. An empty variable counts as unset, as the official client has it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

PRODUCTION_URL = "https://api.imap-mission.com"


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the archive is, where files go, and what opens the door."""

    url: str
    data_dir: Path
    api_key: str | None
    access_token: str | None


def read_environment() -> Environment:
    """Read `IMAP_DATA_ACCESS_URL`, `IMAP_DATA_DIR`, `IMAP_API_KEY` and `IMAP_ACCESS_TOKEN`."""
    return Environment(
        url=os.environ.get("IMAP_DATA_ACCESS_URL") or PRODUCTION_URL,
        data_dir=Path(os.environ.get("IMAP_DATA_DIR") or "data"),
        api_key=os.environ.get("IMAP_API_KEY") or None,
        access_token=os.environ.get("IMAP_ACCESS_TOKEN") or None,
    )
