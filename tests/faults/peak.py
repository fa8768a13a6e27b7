"""The command line, see `tuned`, in a process that tells at its end the most memory that it has had."""

import re
import sys
from pathlib import Path

from tests.faults.tuned import tune

from imap_bulk.cli.main import main


def peak_bytes() -> int:
    """Return the most memory that this process has had; `ru_maxrss` would count that of its parent, too."""
    told = re.search(r"^VmHWM:\s+([0-9]+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert told
    return int(told[1]) << 10


if __name__ == "__main__":
    tune()
    try:
        main()
    finally:
        sys.stderr.write(f"\npeak {peak_bytes()}\n")
