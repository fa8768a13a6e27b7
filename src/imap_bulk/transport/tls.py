"""TLS between a connection and its socket: what a thread receives can be decrypted in that thread.

asyncio's own TLS keeps to itself what it has not yet decrypted, so that all has to come through the event loop.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any, cast

_SCRATCH_BYTES = 128 << 10
"""How much is received at once before it is decrypted: seven records, which a core's cache holds."""


@cache
def client_context() -> ssl.SSLContext:
    """Make what all connections have in common, once: reading whom a machine trusts takes 20 ms."""
    context = ssl.create_default_context()
    context.options |= ssl.OP_NO_RENEGOTIATION  # gone with TLS 1.3; a write might have to wait for it
    return context


async def secure(sock: socket.socket, context: ssl.SSLContext, host: str, inner: asyncio.BufferedProtocol) -> None:
    """Put TLS, and below it a socket that is connected to `host`, under a protocol.

    Raises ssl.SSLError, OSError when the connection ends meanwhile.
    """
    tls = Tls(context, host, inner)
    try:
        await asyncio.get_running_loop().create_connection(lambda: tls, sock=sock)
        await tls.ready
    except BaseException:
        tls.give_up()
        raise


class Tls(asyncio.BufferedProtocol, asyncio.Transport):
    """To a socket's transport it is the protocol, to the `inner` protocol it is the transport."""

    def __init__(self, context: ssl.SSLContext, host: str, inner: asyncio.BufferedProtocol) -> None:
        self._inner = inner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # until `connection_made`
        self._encrypted, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._encrypted, self._outgoing, server_hostname=host)
        self._scratch = memoryview(bytearray(_SCRATCH_BYTES))
        self._failure: Exception | None = None
        self._is_over = False  # behind what was decrypted stands an end or a failure
        self._is_paused = False
        self.ready: asyncio.Future[None] = self._loop.create_future()
        """Done when the handshake is; only then `inner` hears of its connection."""

    def give_up(self) -> None:
        """Close at once; nobody waits for the handshake any longer."""
        self.ready.cancel()
        if self._transport:
            self._transport.abort()

    # --- what the inner protocol calls

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.BaseTransport`."""
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """See `asyncio.BaseTransport`."""
        return self._transport.is_closing()

    def abort(self) -> None:
        """See `asyncio.WriteTransport`."""
        self._transport.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See `asyncio.WriteTransport`."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.write(view) :]
        except ssl.SSLError as error:
            self._fail(error)
        self._flush()

    def pause_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._is_paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `asyncio.ReadTransport`."""
        self._is_paused = False
        self._loop.call_soon(self._go_on)

    def receiver(self, sock: socket.socket) -> Callable[[memoryview], int]:
        """Return what receives and decrypts as `recv_into` does; for a thread, while reading is paused."""
        scratch = memoryview(bytearray(_SCRATCH_BYTES))

        def receive(buffer: memoryview) -> int:
            while True:
                try:
                    return self._decrypt(buffer)
                except ssl.SSLWantReadError:
                    here = sock.recv_into(scratch)
                    if not here:
                        return 0
                    self._encrypted.write(scratch[:here])

        return receive

    def get_write_buffer_size(self) -> int:
        """See `asyncio.WriteTransport`."""
        return self._transport.get_write_buffer_size() + self._outgoing.pending

    def sender(self, sock: socket.socket) -> Callable[[memoryview], int]:
        """Return what encrypts and sends as `send` does; for a thread, while reading is paused and nobody writes.

        What it has encrypted and not sent goes out with the next call, or with the next `write`.
        """

        def send(piece: memoryview) -> int:
            taken = 0 if self._outgoing.pending else self._tls.write(piece[:_SCRATCH_BYTES])
            encrypted = memoryview(self._outgoing.read())
            try:
                while encrypted:
                    encrypted = encrypted[sock.send(encrypted) :]
            except BlockingIOError:
                self._outgoing.write(encrypted)
                if not taken:
                    raise
            return taken

        return send

    # --- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._shake_hands()

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`."""
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._encrypted.write(self._scratch[:nbytes])
        if self.ready.done():
            self._hand_over()
        else:
            self._shake_hands()

    def eof_received(self) -> None:
        """See `asyncio.BufferedProtocol`; an end that was not announced is a failure: something may be missing.

        OpenSSL is not asked: its configuration may have it take such an end for a good one.
        """
        if self.ready.done():
            self._fail(ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the connection ended without a close_notify"))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        if not self.ready.done():
            self.ready.set_exception(self._failure or exc or ConnectionResetError())
            self.ready.exception()  # seen: whoever waited may have been cancelled
        elif not (self.ready.cancelled() or self.ready.exception()):
            self._inner.connection_lost(self._failure or exc)

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._inner.resume_writing()

    # --- TLS

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._fail(error)
            return
        self._flush()
        if self.ready.done() or self._transport.is_closing():  # nobody waits any longer, or it broke just now
            return
        self._inner.connection_made(self)
        self.ready.set_result(None)
        self._hand_over()

    def _go_on(self) -> None:
        if not self._is_paused:  # else a thread may be decrypting by now
            self._hand_over()
        if not self._is_paused:
            self._transport.resume_reading()

    def _hand_over(self) -> None:
        """Decrypt what is here, into the memory of the inner protocol, until that wants no more."""
        try:
            while not (self._is_paused or self._transport.is_closing()):
                here = self._decrypt(cast("memoryview", self._inner.get_buffer(-1)))
                if not here:
                    self._transport.abort()  # `close` would wait until the other side takes what is unsent
                    return
                self._inner.buffer_updated(here)
                if not self._has_more:
                    break
        except ssl.SSLWantReadError:
            pass
        except Exception as error:
            self._fail(error)
            if not isinstance(error, ssl.SSLError):
                raise
        self._flush()  # such as the answer to new keys

    def _decrypt(self, buffer: memoryview) -> int:
        """Fill a buffer with what is here; 0 when the other side has said that no more comes.

        Raises SSLWantReadError when nothing is here, SSLError; what came before an end or an error is given first.
        """
        if self._failure:
            raise self._failure
        filled = 0
        try:
            while filled < len(buffer) and (not filled or self._has_more):
                here = cast("int", self._tls.read(len(buffer) - filled, buffer[filled:]))
                if not here:
                    self._is_over = True
                    break
                filled += here
        except ssl.SSLWantReadError:
            if not filled:
                raise
        except ssl.SSLError as error:
            self._failure, self._is_over = error, True
            if not filled:
                raise
        return filled

    @property
    def _has_more(self) -> bool:
        """Whether another try may give something; one in vain costs an exception."""
        return self._is_over or self._encrypted.pending > 0 or self._tls.pending() > 0

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._flush()  # tells the other side why
        self._transport.abort()
