"""How an embedded archive listens, and the address that it is reached by."""

import socket
from contextlib import AsyncExitStack

from aiohttp import web

WILDCARDS = {"0.0.0.0", "::", ""}  # noqa: S104
"""Hosts that mean every address of this machine."""


async def listen(stack: AsyncExitStack, runner: web.BaseRunner, host: str, port: int) -> int:
    """Serve until the stack unwinds; return the real port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # One socket of our own: `localhost` may mean two addresses, and port 0 would take a free one for each.
    listener = socket.create_server((host, port), family=family, backlog=1024)
    stack.callback(listener.close)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.SockSite(runner, listener, backlog=1024).start()
    return int(listener.getsockname()[1])


def origin(host: str, port: int) -> str:
    """Return the base URL that reaches a server which listens there."""
    shown = "127.0.0.1" if host in WILDCARDS else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
