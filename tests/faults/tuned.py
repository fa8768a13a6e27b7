"""The command line with settings that it has no options for: TUNED holds them as JSON, PATIENCE is in seconds."""

import json
import os
from functools import partial

from imap_bulk.cli import ending, wishes
from imap_bulk.cli.main import main
from imap_bulk.settings import Settings


def tune() -> None:
    """Let the command line's settings begin with those of the environment, and an interrupt have its patience."""
    if patience := os.environ.get("PATIENCE"):
        vars(ending)["_PATIENCE"] = float(patience)
    vars(wishes)["Settings"] = partial(Settings, **json.loads(os.environ.get("TUNED", "{}")))


if __name__ == "__main__":
    tune()
    main()
