"""imap-bulk for the lab, where a row asks for settings that the command line does not have."""

import argparse
import asyncio
import sys
from dataclasses import replace

from imap_bulk import aio
from imap_bulk.cli.ending import code_of
from imap_bulk.settings import MIB, Settings


def main() -> int:
    """Pull one file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument("--in-parts", action="store_true")
    parser.add_argument("place", nargs=3, metavar="URL DIRECTORY KEY")
    given = parser.parse_args()
    url, data_dir, key = given.place
    settings = Settings(idle_timeout=given.idle)
    if given.in_parts:
        settings = replace(settings, parallel_bytes=MIB, parallel_latency=0.0)
    return int(code_of(asyncio.run(aio.pull(key, data_dir=data_dir, url=url, settings=settings))))


if __name__ == "__main__":
    sys.exit(main())
