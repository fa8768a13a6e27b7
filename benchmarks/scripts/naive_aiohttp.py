"""The obvious script: gather, a semaphore, aiofiles for every chunk. Gets the job as a JSON file."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiofiles
import aiohttp
import yarl


async def pull(session: aiohttp.ClientSession, limit: asyncio.Semaphore, file: dict[str, str]) -> None:
    async with limit, session.get(file["url"]) as response:
        response.raise_for_status()
        async with aiofiles.open(file["path"], "wb") as out:
            async for chunk in response.content.iter_chunked(64 << 10):
                await out.write(chunk)


async def push(session: aiohttp.ClientSession, limit: asyncio.Semaphore, file: dict[str, str]) -> None:
    async with limit:
        async with session.get(file["url"]) as response:
            signed = await response.json(content_type=None)
        with open(file["path"], "rb") as body:  # noqa: ASYNC230, PTH123  as it is usually written
            async with session.put(yarl.URL(signed, encoded=True), data=body) as response:
                response.raise_for_status()


async def main(job: dict[str, Any]) -> None:
    limit = asyncio.Semaphore(job["jobs"])
    move = push if job["direction"] == "push" else pull
    # Quoting a signed URL anew may break its signature.
    async with aiohttp.ClientSession(requote_redirect_url=False) as session:
        await asyncio.gather(*(move(session, limit, file) for file in job["files"]))


asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
