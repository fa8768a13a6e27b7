"""obstore: Rust's object_store over HTTP, streamed to disk. Gets the job as a JSON file."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import obstore  # type: ignore[import-not-found, unused-ignore]
from obstore.store import HTTPStore  # type: ignore[import-not-found, unused-ignore]


async def pull(store: Any, limit: asyncio.Semaphore, file: dict[str, str]) -> None:
    async with limit:
        answer = await obstore.get_async(store, f"download/{file['key']}")
        with open(file["path"], "wb") as out:  # noqa: ASYNC230, PTH123  a thread hop a chunk costs more
            async for chunk in answer.stream(min_chunk_size=1 << 20):
                out.write(chunk)


async def main(job: dict[str, Any]) -> None:
    limit = asyncio.Semaphore(job["jobs"])
    store = HTTPStore.from_url(job["url"], client_options={"allow_http": True})
    await asyncio.gather(*(pull(store, limit, file) for file in job["files"]))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
