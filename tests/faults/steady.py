"""Pulls the same files again and again in one process, and tells after every pull what the process holds.

    python -m tests.faults.steady URL DIRECTORY SECONDS

Prints one JSON object a pull: the time in seconds, the resident memory in bytes, how many objects the collector
knows, open file descriptors, tasks, and how the pull ended.
"""

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from imap_bulk import aio
from imap_bulk.errors import TransientError
from imap_bulk.settings import Settings

MOST_THREADS = 32
"""Of the pool that asyncio keeps."""

HURRIED = Settings(
    retries=20,
    wait_base=0.0,
    fsync=False,
    idle_timeout=0.3,
    retry_after_max=0.02,
    outage_max=60.0,
    breaker_wait_max=0.05,
    parallel_bytes=1 << 18,
    parallel_latency=0.0,
    chunk_bytes=1 << 16,
)


def resident_bytes() -> int:
    """Return the memory that this process needs now.

    glibc keeps what it once had: every answer that is larger than those before, as a wrapped one may be, shows as
    a step of half a MiB, for ever. It is asked to give back first what nobody uses.
    """
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


async def main(url: str, directory: str, seconds: float) -> None:
    """Pull until the time is over.

    All threads there may be are started first: they come one by one as work does, each with half a MiB of its own.
    """
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.1) for _ in range(MOST_THREADS)))
    began = time.monotonic()
    number = 0
    while time.monotonic() - began < seconds:
        number += 1
        data_dir = Path(directory, str(number))
        ended: Counter[str] = Counter()
        with contextlib.suppress(TransientError):  # the listing itself may fail so
            result = await aio.pull(
                instrument="mag", descriptor="norm-gse", data_dir=data_dir, url=url, settings=HURRIED
            )
            ended.update(done=result.done, failed=result.failed, passing=result.passing)
        shutil.rmtree(data_dir, ignore_errors=True)
        told = {
            "at": time.monotonic() - began,
            "rss": resident_bytes(),
            "objects": len(gc.get_objects()),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "tasks": len(asyncio.all_tasks()),
            **ended,
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
