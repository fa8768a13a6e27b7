"""An archive in a process of its own that kills itself, as if by kill -9, in the middle of a commit.

    python -m tests.server.dying ROOT STEP

STEP says when: `first`, renamed but not catalogued; `before` or `after` the rename of a replacement; or `never`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from imap_bulk.server import objects
from imap_bulk.server.app import ArchiveServer, ServerOptions


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def serve(root: Path) -> None:
    async with ArchiveServer(ServerOptions(root)) as server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main(root: Path, step: str) -> None:
    rename = objects._rename_durably

    def deadly(incoming: Path, final: Path) -> None:
        is_last = step == "first" or final.exists()
        if is_last and step == "before":
            die()
        rename(incoming, final)
        if is_last:
            die()

    if step != "never":
        objects._rename_durably = deadly
    asyncio.run(serve(root))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
