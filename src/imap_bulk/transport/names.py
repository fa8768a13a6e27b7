"""Host names become addresses, each of which the guard has seen."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from imap_bulk.transport.guard import Guard


class Address(NamedTuple):
    """Where a host can be reached."""

    family: int
    ip: str


Resolve = Callable[[str], Awaitable[Sequence[Address]]]
"""Finds the addresses of a host name. Raises OSError when there are none."""


async def resolve(host: str) -> list[Address]:
    """Ask the system."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [Address(family, str(address[0])) for family, _, _, _, address in found]


async def guarded(resolve: Resolve, guard: Guard, host: str) -> Sequence[Address]:
    """Resolve, and refuse a name that leads where the guard lets nobody go. Raises OSError, Rejected."""
    found = await resolve(host)
    for address in found:
        guard.check_address(host, address.ip)
    return found
