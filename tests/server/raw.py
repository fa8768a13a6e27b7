"""A client that sees the bytes of an answer, whatever is wrong with them."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class RawAnswer:
    """Everything that came until the connection ended, and how it ended."""

    raw: bytes
    is_reset: bool
    seconds: float

    @property
    def head(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1])

    @property
    def headers(self) -> dict[str, str]:
        """By names in lower case."""
        pairs = (line.partition(": ") for line in self.head.decode("latin-1").split("\r\n")[1:])
        return {name.lower(): value for name, _, value in pairs}

    @property
    def length(self) -> int:
        return int(self.headers["content-length"])


async def connect(
    url: str, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the head of a request."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    sent = {"Host": parts.netloc, "Connection": "close", **(headers or {})}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    await writer.drain()
    return reader, writer


async def ask(
    url: str, method: str = "GET", body: bytes = b"", headers: dict[str, str] | None = None
) -> RawAnswer:
    """Send a request and read until the connection ends."""
    began, received, is_reset = time.monotonic(), bytearray(), False
    length = {"Content-Length": str(len(body))} if method == "PUT" else {}
    reader, writer = await connect(url, method, length | (headers or {}))
    try:
        writer.write(body)
        while piece := await reader.read(1 << 20):
            received += piece
    except ConnectionResetError:
        is_reset = True
    finally:
        writer.close()
    return RawAnswer(bytes(received), is_reset, time.monotonic() - began)
