"""The head of an answer, read by httptools (the parser of Node.js); and bodies that only a parser can frame."""

import re
from collections import deque
from functools import lru_cache

import httptools

_LENGTH = re.compile("[0-9]{1,18}")
_BODILESS = {204, 304}

Unreadable = (httptools.HttpParserError, httptools.HttpParserUpgrade)
"""What reading raises when the other side speaks no HTTP/1.1, or wants to speak something else."""


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


class Headers(dict[str, str]):
    """Header fields under names in lower case; look-up ignores case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        """Return a field's value."""
        return dict.get(self, name.lower(), default)


class Head:
    """The head of one answer, and what the parser makes of a body in chunks or without a length."""

    def __init__(self) -> None:
        self.headers = Headers()
        self.status = 0
        self.pieces: deque[bytes] = deque()
        self.is_through = False
        """Whether the parser has seen the end of the answer."""
        self.has_excess = False
        """Whether more came than the answer."""
        self.keeps_connection = False
        """Whether the server means to answer again on this connection."""
        self._parser = httptools.HttpResponseParser(self)

    @property
    def is_interim(self) -> bool:
        """Whether this only announces the answer (1xx)."""
        return self.status < 200

    @property
    def length(self) -> int | None:
        """Bytes of the body; None when only the parser can tell, or the end of the connection."""
        if self.status in _BODILESS:
            return 0
        told = dict.get(self.headers, "content-length", "")
        return int(told) if _LENGTH.fullmatch(told) and "transfer-encoding" not in self.headers else None

    @property
    def is_chunked(self) -> bool:
        """Whether the body says itself where it ends."""
        return "transfer-encoding" in self.headers

    def read(self, received: memoryview) -> None:
        """Read on. Raises one of `Unreadable`."""
        if self.is_through:
            self.has_excess = True
        else:
            self._feed(received)

    def _feed(self, received: memoryview) -> None:
        try:
            self._parser.feed_data(received)
        except Unreadable:
            if not self.is_through:
                raise
            self.has_excess = True
        if not self.status:
            self.status = self._parser.get_status_code()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field; one that comes twice is a list (RFC 9110, 5.3)."""
        key = _lower(name)
        before = dict.get(self.headers, key)
        text = value.decode("latin-1")
        if not self.is_through:
            dict.__setitem__(self.headers, key, text if before is None else f"{before}, {text}")

    def on_headers_complete(self) -> None:
        """Note what the parser forgets when the answer is through."""
        self.keeps_connection = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Note a part of a body."""
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        """Note the end of the answer."""
        self.is_through = True
