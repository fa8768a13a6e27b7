"""obstore: Rust's object_store over HTTP, streamed to disk; in ranges where a file may have several connections.

Gets the job as a JSON file.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import obstore  # type: ignore[import-not-found, unused-ignore]
from obstore.store import HTTPStore  # type: ignore[import-not-found, unused-ignore]

PART_BYTES = 8 << 20


async def pull(store: Any, limit: asyncio.Semaphore, file: dict[str, Any]) -> None:
    async with limit:
        answer = await obstore.get_async(store, f"download/{file['key']}")
        with open(file["path"], "wb") as out:  # noqa: ASYNC230, PTH123  a thread hop a chunk costs more
            async for chunk in answer.stream(min_chunk_size=1 << 20):
                out.write(chunk)


async def pull_in_parts(store: Any, limit: asyncio.Semaphore, file: dict[str, Any]) -> None:
    async def part(start: int) -> None:
        async with limit:
            end = min(start + PART_BYTES, file["size"])
            body = await obstore.get_range_async(store, f"download/{file['key']}", start=start, end=end)
            os.pwrite(out.fileno(), body, start)

    with open(file["path"], "wb") as out:  # noqa: ASYNC230, PTH123  a thread hop a chunk costs more
        await asyncio.gather(*(part(start) for start in range(0, file["size"], PART_BYTES)))


async def main(job: dict[str, Any]) -> None:
    limit = asyncio.Semaphore(job["jobs"])
    store = HTTPStore.from_url(job["url"], client_options={"allow_http": True})
    move = pull_in_parts if job["streams"] > 1 else pull
    await asyncio.gather(*(move(store, limit, file) for file in job["files"]))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
