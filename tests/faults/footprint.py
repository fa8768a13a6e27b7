"""The command line in a process that tells at its end how much memory it has had."""

import resource
import sys

from imap_bulk.cli.main import main

if __name__ == "__main__":
    try:
        main()
    finally:
        sys.stderr.write(f"\nmaxrss {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")
