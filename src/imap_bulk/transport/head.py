"""The head of an answer, read by httptools (the parser of Node.js); and bodies that only a parser can frame.

Most heads of a run differ from the one before in two lines. Where all lines are of the usual form, each is looked
up among those that were read before, which takes a third of the time; all other heads go to the parser.
"""

import re
from collections import deque
from functools import lru_cache

import httptools

_LENGTH = re.compile("[0-9]{1,18}")
_BODILESS = {204, 304}

Unreadable = (httptools.HttpParserError, httptools.HttpParserUpgrade)
"""What reading raises when the other side speaks no HTTP/1.1, or wants to speak something else."""


_END = b"\r\n\r\n"
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([2345][0-9]{2}) [\t -~\x80-\xff]*")
_FIELD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*((?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?)"
)
_FRAMING = {"connection": re.compile("keep-alive", re.IGNORECASE), "content-length": _LENGTH}
_FOR_THE_PARSER = {"transfer-encoding", "upgrade", "trailer"}


@lru_cache(maxsize=16)
def _status(line: bytes) -> int:
    """Read a usual status line; 0 where the parser has to."""
    match = _STATUS_LINE.fullmatch(line)
    return int(match[1]) if match else 0


def _field(line: bytes) -> tuple[str, str] | None:
    """Read a usual line; None where the parser has to."""
    match = _FIELD.fullmatch(line)
    if not match:
        return None
    name, value = match[1].decode("latin-1").lower(), match[2].decode("latin-1")
    framing = _FRAMING.get(name)
    if name in _FOR_THE_PARSER or (framing and not framing.fullmatch(value)):
        return None
    return name, value


_known_field = lru_cache(maxsize=128)(_field)
_LONGEST_KNOWN = 128
"""No longer line is remembered: of what an archive answers that would be signed URLs, which are new each time."""


def _usual(head: bytes) -> tuple[int, list[tuple[str, str]]] | None:
    """Read a whole head of which each line is as usual, no field comes twice, and that tells the body's length."""
    if not head.endswith(_END):
        return None
    first, *lines = head.removesuffix(_END).split(b"\r\n")
    status = _status(first)
    fields = [
        field for line in lines if (field := _known_field(line) if len(line) <= _LONGEST_KNOWN else _field(line))
    ]
    if not status or status in _BODILESS or len(fields) < len(lines):
        return None
    names = {name for name, _ in fields}
    return (status, fields) if len(names) == len(fields) and "content-length" in names else None


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
        self._parser: httptools.HttpResponseParser | None = None

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
        """Read on; the head at first, whole. Raises one of `Unreadable`."""
        if self.is_through:
            self.has_excess = True
        elif self._parser is None and (usual := _usual(bytes(received))):
            self.status, fields = usual
            self.headers.update(fields)
            self.keeps_connection = True
        else:
            self._feed(received)

    def _feed(self, received: memoryview) -> None:
        self._parser = self._parser or httptools.HttpResponseParser(self)
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
        assert self._parser
        self.keeps_connection = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        """Note a part of a body."""
        self.pieces.append(body)

    def on_message_complete(self) -> None:
        """Note the end of the answer."""
        self.is_through = True
