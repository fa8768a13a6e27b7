"""The embedded archive as a process of its own, for machines without nginx.

python -m benchmarks.archive ROOT HOST PORT STORAGE_PORT [SOURCE]   serves ROOT with what is below SOURCE in it,
                                                                    and prints its URL
"""

import asyncio
import sys
from pathlib import Path

from imap_bulk.server.app import ArchiveServer, ServerOptions


async def serve(root: Path, host: str, ports: tuple[int, int], source: Path | None) -> None:
    """Serve until the process is ended."""
    options = ServerOptions(
        root, host=host, port=ports[0], storage_port=ports[1], answer_limit_bytes=None, grace=0.1
    )
    async with ArchiveServer(options) as server:
        for path in sorted(source.rglob("*.cdf")) if source else []:
            await server.add(path.name, path.read_bytes())
        print(server.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    told = sys.argv[1:]
    numbers = int(told[2]), int(told[3])
    asyncio.run(serve(Path(told[0]), told[1], numbers, Path(told[4]) if told[4:] else None))
