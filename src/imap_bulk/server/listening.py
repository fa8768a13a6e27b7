"""How an embedded archive listens, and the address that it is reached by."""

import asyncio
import socket
from contextlib import AsyncExitStack, suppress

from aiohttp import web

WILDCARDS = {"0.0.0.0", "::", ""}  # noqa: S104
"""Hosts that mean every address of this machine."""

_TURNS_TO_BE_KNOWN = 4


async def listen(stack: AsyncExitStack, runner: web.BaseRunner, host: str, port: int) -> int:
    """Serve until the stack unwinds; return the real port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # One socket of our own: `localhost` may mean two addresses, and port 0 would take a free one for each.
    listener = socket.create_server((host, port), family=family, backlog=1024)
    stack.callback(listener.close)
    stack.push_async_callback(_stop, runner, listener)
    await runner.setup()
    await web.SockSite(runner, listener, backlog=1024).start()
    return int(listener.getsockname()[1])


async def _stop(runner: web.BaseRunner, listener: socket.socket) -> None:
    """Accept nobody else, and then end what goes on.

    Both at once would drop, unclosed, the connection that was accepted just now: asyncio and aiohttp know of it
    only some turns of the loop later.
    """
    with suppress(NotImplementedError):  # as on Windows
        asyncio.get_running_loop().remove_reader(listener)
    for _ in range(_TURNS_TO_BE_KNOWN):
        await asyncio.sleep(0)
    await runner.cleanup()


def patience(grace: float) -> float:
    """Return what aiohttp wants to hear for a grace in seconds: to it, none at all is one without an end."""
    return max(grace, 0.001)


def origin(host: str, port: int) -> str:
    """Return the base URL that reaches a server which listens there."""
    shown = "127.0.0.1" if host in WILDCARDS else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
