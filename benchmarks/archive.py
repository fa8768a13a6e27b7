"""The embedded archive as a process of its own, for machines without nginx.

python -m benchmarks.archive ROOT PORT STORAGE_PORT [SOURCE]   serves ROOT with what is below SOURCE in it, and
                                                               prints its URL
"""

import asyncio
import sys
from pathlib import Path

from imap_bulk.server.app import ArchiveServer, ServerOptions


async def serve(root: Path, port: int, storage_port: int, source: Path | None) -> None:
    """Serve until the process is ended."""
    options = ServerOptions(root, port=port, storage_port=storage_port, answer_limit_bytes=None, grace=0.1)
    async with ArchiveServer(options) as server:
        for path in sorted(source.rglob("*.cdf")) if source else []:
            await server.add(path.name, path.read_bytes())
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    told = sys.argv[1:]
    asyncio.run(serve(Path(told[0]), int(told[1]), int(told[2]), Path(told[3]) if told[3:] else None))
