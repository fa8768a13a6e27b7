"""The standard streams: what they cannot show is escaped, and the one that cannot be written to is named."""

import codecs
import io
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STANDARD_OUTPUT = "standard output"
"""The name under which an error speaks of it."""

_ESCAPING = "imap_bulk.escaping"
_BYTE_IN_QUOTES = re.compile(r"\\udc([89a-f][0-9a-f])")


def prepare() -> None:
    """Make the streams ready for names of any bytes, for closed ends, and for full disks."""
    codecs.register_error(_ESCAPING, _escaped)
    if sys.stdin is None:  # the shell has closed it, as by <&-
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115  until the end
    sys.stdout = _prepared(sys.stdout, _Output)
    sys.stderr = _prepared(sys.stderr, _ErrorOutput)


def readable(text: str) -> str:
    r"""Write the bytes of a name that is no UTF-8 as they are written outside of quotes: `\xe9`, not `\udce9`."""
    return _BYTE_IN_QUOTES.sub(r"\\x\1", text)


def shell_word(text: str) -> str:
    r"""Quote a word for a shell; bytes that are no UTF-8 as bash and zsh read them, $'\xe9'."""
    try:
        text.encode()
    except UnicodeEncodeError:
        escaped = text.replace("\\", "\\\\").replace("'", "\\'")
        return f"$'{readable(escaped.encode(errors='backslashreplace').decode())}'"
    return shlex.quote(text)


class _Output(io.FileIO):
    """Standard output. Its errors name it: they would sound like those of the disk that files go to."""

    def write(self, piece: "ReadableBuffer", /) -> int:
        try:
            return super().write(piece)
        except OSError as error:
            error.filename = STANDARD_OUTPUT
            raise


class _ErrorOutput(io.FileIO):
    """Standard error. What cannot be said there is not said: nobody else is there to be told of it."""

    def write(self, piece: "ReadableBuffer", /) -> int:
        try:
            return super().write(piece)
        except OSError:
            return memoryview(piece).nbytes


def _prepared(stream: TextIO | None, kind: type[io.FileIO]) -> TextIO:
    if stream is None:  # closed, as by >&-
        return Path(os.devnull).open("w")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    if os.name != "posix":  # a console of Windows is no file
        stream.reconfigure(errors=_ESCAPING)
        return stream
    stream.flush()
    raw = kind(stream.fileno(), "wb", closefd=False)
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)  # not so by python -u
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if is_buffered else raw,
        # click puts a stream of its own, in UTF-8, over one in ASCII.
        encoding="utf-8" if codecs.lookup(stream.encoding).name == "ascii" else stream.encoding,
        errors=_ESCAPING, newline="\n",
        line_buffering=stream.line_buffering, write_through=stream.write_through,
    )  # fmt: skip


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""Write what an encoding lacks as `\u2026`, and a byte of a name that is no UTF-8 as `\xe9`.

    Both can be typed again between $' and ' in a shell.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return readable(lacking.encode("ascii", "backslashreplace").decode()), error.end
