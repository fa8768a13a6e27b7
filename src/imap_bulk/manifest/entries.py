"""What the lines of a manifest say: entries, or problems."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

from imap_bulk.digest import HEX_LENGTHS, Digest
from imap_bulk.errors import BadManifest
from imap_bulk.manifest.forms import (
    DIGEST_FIELDS,
    PATH_FIELDS,
    Fields,
    first_said,
    line_fields,
    parse,
    says_something,
    tells_lines,
)
from imap_bulk.manifest.table import Fault

_IN_NO_NAME = re.compile("[\0\ud800-\udfff]")  # JSON can spell both
_SIZE = re.compile("[0-9]{1,18}")
_LINES_OF_A_RUN = 500


class Entry(NamedTuple):
    """One file of a manifest; `path` as written there, `line` counting from 1, `size` in bytes."""

    line: int
    path: str
    digest: Digest | None = None
    size: int | None = None


class Problem(NamedTuple):
    """Why a line cannot be used, and what to do."""

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}"


class Run(NamedTuple):
    """Lines of the usual form, one after the other, not taken apart: what a million lines would cost most."""

    line: int
    """Number of the first."""
    text: str
    names: list[str]
    """The name on each of them."""


Usual = Callable[[str, int], list[str] | None]
"""Finds the names on so many lines; None if one of them has not the usual form."""


def read(path: Path) -> list[Entry]:
    """Read the manifest at `path`. Raises `BadManifest`, also where there is no such file."""
    return _read_all(lines_of(path), str(path))


def read_text(content: str | bytes, name: str) -> list[Entry]:
    """Read a manifest from its content; `name` is what messages call it. Raises `BadManifest`."""
    # Half a surrogate pair, which no bytes can spell, so fails as undecodable bytes do.
    whole = content.encode(errors="surrogatepass") if isinstance(content, str) else content
    return _read_all(BytesIO(whole), name)


def _read_all(lines: Iterable[bytes], name: str) -> list[Entry]:
    told = list(scan(lines, name))
    if problems := [each for each in told if isinstance(each, Problem)]:
        raise refusal(problems, name)
    return [each for each in told if isinstance(each, Entry)]


def lines_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of what is to be a manifest. Raises `BadManifest`."""
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        raise BadManifest(f"there is no manifest {path}; check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadManifest(f"the manifest {path} cannot be read: {reason}") from error


def scan(lines: Iterable[bytes], name: str) -> Iterator[Entry | Problem]:
    r"""Yield what each line says, reading on as it is asked for; lines end at `\n`, other breaks are characters.

    `name` is what messages call the manifest. Raises `BadManifest` only when this is none at all, and that may
    turn out late.
    """
    yield from (told for told in scan_runs(lines, name, _none_is_usual) if not isinstance(told, Run))


def _none_is_usual(_text: str, _count: int) -> None:
    return None


def scan_runs(lines: Iterable[bytes], name: str, usual: Usual) -> Iterator[Entry | Problem | Run]:
    """Do as `scan`, errors included, but yield plain lines and sums as `usual` in runs of some hundreds."""
    is_empty = True
    for told in _scanned(iter(lines), name, usual):
        is_empty = False
        yield told
    if is_empty:
        raise BadManifest(f"{name} lists no files; write one file name a line")


def _scanned(lines: Iterator[bytes], name: str, usual: Usual) -> Iterator[Entry | Problem | Run]:
    numbered = enumerate(_decoded(lines, name), 1)  # takes a line when it is asked for one, and not before
    number, first = first_said(numbered)
    if not number:
        return
    if not tells_lines(first):
        for line, fields in parse(number, first, numbered):
            yield _told(line, fields)
        return
    yield _told(number, line_fields(first))
    while some := list(islice(lines, _LINES_OF_A_RUN)):
        yield from _in_runs(some, number + 1, name, usual)
        number += len(some)


def _in_runs(some: Sequence[bytes], number: int, name: str, usual: Usual) -> Iterator[Entry | Problem | Run]:
    """Yield what lines from that number on say: all in one if they are as usual, else those between the others."""
    if run := _run(some, number, usual):
        yield run
        return
    for is_usual, lines in groupby(some, lambda line: _run([line], 0, usual) is not None):
        several = list(lines)
        if is_usual and (run := _run(several, number, usual)):
            yield run
        else:
            yield from _each(several, number, name)
        number += len(several)


def _run(some: Sequence[bytes], number: int, usual: Usual) -> Run | None:
    try:
        text = b"".join(some).decode("ascii")
    except UnicodeDecodeError:
        return None
    names = usual(text, len(some))
    return Run(number, text, names) if names else None


def _each(lines: Iterable[bytes], number: int, name: str) -> Iterator[Entry | Problem]:
    for line, said in enumerate(_decoded(lines, name, "utf-8"), number):
        if says_something(said):
            yield _told(line, line_fields(said))


def refusal(problems: Sequence[Problem], name: str, untold: int = 0) -> BadManifest:
    """Make the error about the manifest called `name`, with its problems, and with the count of more of them."""
    count = len(problems) + untold
    summary = f"{name} has {count} problem{'s' * (count > 1)}; correct the manifest and run again"
    more = (f"… and {untold} more",) if untold else ()
    return BadManifest(summary, (*map(str, problems), *more))


def _decoded(lines: Iterable[bytes], name: str, encoding: str = "utf-8-sig") -> Iterator[str]:
    for line in lines:
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise BadManifest(f"{name} looks like a binary file and not a manifest; give a list of files in UTF-8")
        encoding = "utf-8"
        yield text.removesuffix("\n").removesuffix("\r")


def _told(line: int, fields: Fields) -> Entry | Problem:
    try:
        return _entry(line, fields)
    except Fault as fault:
        return Problem(line, str(fault))


def _entry(line: int, fields: Fields) -> Entry:
    if isinstance(fields, Fault):
        raise fields
    for name in PATH_FIELDS:
        if path := fields.get(name):
            break
    else:
        raise Fault("names no file; fill in file_path")
    if not isinstance(path, str):
        raise Fault("the file is not a text; write its name between quotation marks")
    if _IN_NO_NAME.search(path):
        raise Fault(f"{path!r} holds a character that no file name can have; correct the name")
    return Entry(line, path, _digest(fields), _size(fields.get("size")))


def _digest(fields: Mapping[str, object]) -> Digest | None:
    for name in DIGEST_FIELDS:
        text = fields.get(name)
        if text is None or text == "":
            continue
        if not isinstance(text, str):
            raise Fault(f"the {name} is not a text; write algorithm:hexadecimal, as in sha256:ab12…")
        try:
            return Digest.parse(f"{name}:{text.strip()}" if name in HEX_LENGTHS and ":" not in text else text)
        except ValueError as error:
            raise Fault(str(error)) from None
    return None


def _size(value: object) -> int | None:
    if value is None or value == "":
        return None
    text = str(value).strip() if isinstance(value, int | float | str) else type(value).__name__
    if not _SIZE.fullmatch(text):
        raise Fault(f"the size {text[:40]!r} is no whole number of bytes from 0 up; correct it or leave it out")
    return int(text)
