"""One scheme, host and port: its addresses, and the connections that are kept open to it."""

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohappyeyeballs

from imap_bulk import errors
from imap_bulk.settings import Settings
from imap_bulk.transport import failures, way
from imap_bulk.transport.base import Request
from imap_bulk.transport.buffers import BufferPool
from imap_bulk.transport.connection import Connection
from imap_bulk.transport.guard import Guard
from imap_bulk.transport.names import Address, Resolve, guarded
from imap_bulk.transport.tls import client_context, secure

_ADDRESS_LIFE_SECONDS = 60.0
_HEAD_START_SECONDS = 0.25  # of one address before the next one is tried as well (RFC 8305, 8)
_PORTS = {"http": 80, "https": 443}


class Origin:
    """One origin, as one lane sees it."""

    def __init__(self, base: str, settings: Settings, guard: Guard, resolve: Resolve, pool: BufferPool) -> None:
        """Reach `base`, which is scheme, host and port of a URL. Raises Rejected when the guard refuses it."""
        guard.check_url(base)
        parts = urlsplit(base)
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._tls = client_context() if parts.scheme == "https" else None
        self._settings = settings
        self._guard = guard
        self._resolve = resolve
        self._pool = pool
        self._addresses: Sequence[Address] = ()
        self._resolved_at = 0.0
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._lost = asyncio.Event()
        self.netloc = parts.netloc

    async def connection(self, request: Request, *, fresh: bool) -> tuple[Connection, bool]:
        """Give a connection, and tell whether it has been used before.

        Raises Interrupted, Stalled, Rejected, and OSError when this machine is out of file descriptors.
        """
        while self._idle and not fresh:
            connection = self._idle.pop()  # the one used last: the others may have been closed meanwhile
            if connection.is_idle:
                return connection, True
        return await self._connect(request.doing), False

    def keep(self, connection: Connection) -> None:
        """Take a connection back for another request, if it is fit for one."""
        if connection.is_idle:
            self._idle.append(connection)

    async def close(self) -> None:
        """Close all connections, and wait until they are closed."""
        while self._open:
            self._lost.clear()
            for connection in self._open:
                connection.abort()
            await self._lost.wait()

    async def _connect(self, doing: str) -> Connection:
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                return await self._open_one()
        except TimeoutError as error:
            raise failures.too_late(doing) from error
        except socket.gaierror as error:
            raise failures.no_name(doing, self._host, error.errno) from error
        except ssl.SSLError as error:
            raise failures.no_tls(doing, error) from error
        except OSError as error:
            raise failures.no_connection(doing, f"{self._host}:{self._port}", error.errno) from error

    async def _open_one(self) -> Connection:
        loop = asyncio.get_running_loop()
        known = [
            (address.family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address.ip, self._port))
            for address in await self._known_addresses()
        ]
        begun = time.monotonic()
        opened = await aiohappyeyeballs.start_connection(known, happy_eyeballs_delay=_HEAD_START_SECONDS)
        if (seconds := time.monotonic() - begun) < _HEAD_START_SECONDS:  # else another address was tried before
            way.tell(seconds)
        connection = Connection(self._pool, self._forget)
        if self._tls:
            await secure(opened, self._tls, self._host, connection)
        else:
            await loop.create_connection(lambda: connection, sock=opened)
        self._open.add(connection)
        return connection

    async def _known_addresses(self) -> Sequence[Address]:
        now = time.monotonic()
        if not self._addresses or now - self._resolved_at > _ADDRESS_LIFE_SECONDS:
            self._addresses = await guarded(self._resolve, self._guard, self._host)
            self._resolved_at = now
        return self._addresses

    def _forget(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._lost.set()


def split(url: str) -> tuple[str, str]:
    """Cut a URL in what names its origin, and the target of a request; a fragment is nobody's business.

    Raises Rejected when it holds what must not stand in a request.
    """
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise errors.Rejected("an address with blanks or control characters in it is not used")
    scheme, _, rest = url.partition("://")
    netloc, slash, path = rest.partition("#")[0].partition("/")
    host, question, params = netloc.partition("?")
    return f"{scheme}://{host}", f"/{question}{params}{slash if question else ''}{path}"
