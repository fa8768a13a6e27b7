"""A cell of a notebook: an event loop runs already, and in it a plain function pulls. URL DIRECTORY NAME..."""

import asyncio
import signal
import sys

import imap_bulk


async def cell(url: str, data_dir: str, *names: str) -> None:
    """Pull, and say how it ended."""
    try:
        result = imap_bulk.pull(names, url=url, data_dir=data_dir, report=lambda _: None)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    else:
        print(f"{result.done} done", flush=True)
    await asyncio.sleep(0)
    print("the loop goes on", flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs tests in the background may ignore it
    asyncio.new_event_loop().run_until_complete(cell(*sys.argv[1:]))
