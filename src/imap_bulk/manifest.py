"""Manifests: lists of files with optional digests and sizes, in the forms that people and programs have them.

    plain          one path or name a line
    sums           what `sha256sum` and its sisters print and check, also their escaped and `--tag` lines
    CSV            with a header; what is no column of ours is ignored
    JSON Lines     an object a line
    JSON           an array of such objects, or of names: what the official client prints for a query

The content tells the form; plain lines and sums may be mixed. Everywhere but inside JSON, blank lines and lines
that begin with `#` say nothing. Bad lines are found all at once, before anything moves.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from imap_bulk.digest import HEX_LENGTHS, Digest
from imap_bulk.errors import BadManifest, BadName

_PATH_FIELDS = ("file_path", "path", "key", "file_name", "filename")
_DIGEST_FIELDS = ("digest", "sha512", "sha384", "sha256", "sha1", "md5")

_SUM_LINE = re.compile(
    r"(?P<escaped>\\?)(?:(?P<hex>[0-9a-fA-F]{8,}) [ *]|(?P<word>[0-9a-zA-Z]{32,})(?: [ *]|[ \t]))(?P<path>.+)",
    re.DOTALL,
)
_TAG_LINE = re.compile(
    r"(?P<escaped>\\?)(?P<algorithm>[A-Za-z][A-Za-z0-9-]*) ?\((?P<path>.+)\) ?= (?P<value>\S+)", re.DOTALL
)
_ESCAPES = {"\\\\": "\\", "\\n": "\n", "\\r": "\r"}
_IN_NO_NAME = re.compile("[\0\ud800-\udfff]")  # JSON can spell both
_SIZE = re.compile("[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of a manifest; `path` as written there, `line` counting from 1, `size` in bytes."""

    line: int
    path: str
    digest: Digest | None = None
    size: int | None = None


class _Fault(Exception):
    """Why a line cannot be used, and what to do."""


_Fields = Mapping[str, object] | _Fault
"""What a line says, by the names of `_PATH_FIELDS`, `_DIGEST_FIELDS` and `size`; or why it says nothing."""


def read(path: Path) -> list[Entry]:
    """Read the manifest at `path`. Raises `BadManifest`, also where there is no such file."""
    return read_text(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Read what is to be a manifest. Raises `BadManifest`."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadManifest(f"there is no manifest {path}; check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadManifest(f"the manifest {path} cannot be read: {reason}") from error


def read_text(content: str | bytes, name: str) -> list[Entry]:
    """Read a manifest from its content; `name` is what messages call it. Raises `BadManifest`."""
    entries, problems = scan(content, name)
    refuse(problems, name)
    return entries


def scan(content: str | bytes, name: str) -> tuple[list[Entry], list[str]]:
    """Read what can be read, and say what is wrong with the other lines, so that more can be found wrong.

    Raises `BadManifest` only when this is no manifest at all.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    first_lines: dict[str, int] = {}
    for line, fields in _parse(_decode(content, name)):
        try:
            entry = _entry(line, fields)
            if entry.path in first_lines:
                raise _Fault(
                    f"{entry.path!r} is listed on line {first_lines[entry.path]} already; remove one of the two"
                )
            first_lines[entry.path] = line
        except _Fault as fault:
            problems.append(f"line {line}: {fault}")
        else:
            entries.append(entry)
    if not entries and not problems:
        raise BadManifest(f"{name} lists no files; write one file name a line")
    return entries, problems


def write(files: Iterable[tuple[str, Digest | None, int | None]]) -> Iterator[str]:
    r"""Yield the lines of a manifest, each with its `\n`: `digest  key`, or the key alone without a digest.

    Sizes are left out, for no such line can hold one. If all digests are of one kind, the tool of that name
    checks the manifest, as in `sha256sum -c`. Raises `BadName` for a key that would be misread.
    """
    for key, digest, _ in files:
        line = _sum_line(digest, key) if digest else key
        try:
            told = read_text(line, "a written line")
        except BadManifest:
            told = []
        if told != [Entry(1, key, digest)]:
            raise BadName(f"{key!r} cannot be written on a line of a manifest; list it in JSON")
        yield line + "\n"


def refuse(problems: Sequence[str], name: str) -> None:
    """Raise `BadManifest` about the manifest called `name` if there are any problems, all of them at once."""
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise BadManifest(f"{name} has {count}; correct the manifest and run again", tuple(problems))


def _decode(content: str | bytes, name: str) -> str:
    try:
        # A text with half a surrogate pair fails here as undecodable bytes do.
        text = (content.encode() if isinstance(content, str) else content).decode("utf-8-sig")
    except UnicodeError:
        text = "\0"
    if "\0" in text:
        raise BadManifest(f"{name} looks like a binary file and not a manifest; give a list of files in UTF-8")
    return text


def _parse(text: str) -> Iterator[tuple[int, _Fields]]:
    r"""Yield each line that says something, by its number. Lines end at `\n`; other breaks are characters."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    start = next((at for at, line in enumerate(lines) if _says_something(line)), len(lines))
    first = lines[start].lstrip() if start < len(lines) else ""
    if first.startswith("["):
        return _parse_array("\n" * start + "\n".join(lines[start:]))
    if first.startswith("{"):
        return ((number, _json_fields(line)) for number, line in _numbered(lines, start))
    if _is_header(first):
        return _parse_csv(lines, start)
    return ((number, _line_fields(line)) for number, line in _numbered(lines, start))


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _numbered(lines: list[str], start: int) -> Iterator[tuple[int, str]]:
    return ((at + 1, lines[at]) for at in range(start, len(lines)) if _says_something(lines[at]))


def _line_fields(line: str) -> _Fields:
    """Read a plain line or one of a sum tool."""
    if match := _SUM_LINE.fullmatch(line.lstrip()):
        digest = match["hex"] or match["word"]
    elif match := _TAG_LINE.fullmatch(line.strip()):
        algorithm = match["algorithm"].lower().removeprefix("sha2-").replace("sha-", "sha")
        digest = f"{f'sha{algorithm}' if algorithm.isdigit() else algorithm}:{match['value']}"
    else:
        return {"path": line.strip()}
    try:
        path = _unescape(match["path"]) if match["escaped"] else match["path"]
    except _Fault as fault:
        return fault
    return {"path": path, "digest": digest}


def _unescape(path: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[0] not in _ESCAPES:
            raise _Fault(rf"unknown escape {match[0]!r}; after a leading '\', write \\, \n or \r")
        return _ESCAPES[match[0]]

    return re.sub(r"\\.?", plain, path)


def _sum_line(digest: Digest, key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == key else "\\"
    return f"{mark}{digest.value}  {escaped}"


def _header_cells(line: str) -> list[str]:
    try:
        return [cell.strip().lower() for cell in next(csv.reader([line]), [])]
    except csv.Error:
        return []


def _is_header(line: str) -> bool:
    cells = _header_cells(line)
    known = {*_PATH_FIELDS, *_DIGEST_FIELDS, "size"}
    return not set(_PATH_FIELDS).isdisjoint(cells) or (len(cells) > 1 and not known.isdisjoint(cells))


def _parse_csv(lines: list[str], start: int) -> Iterator[tuple[int, _Fields]]:
    columns = _header_cells(lines[start].lstrip())
    if set(_PATH_FIELDS).isdisjoint(columns):
        yield start + 1, _Fault("the header names no column for the files; call one of them file_path")
        return
    rows = csv.reader((line if _says_something(line) else "" for line in lines[start + 1 :]), strict=True)
    while True:
        number = start + 2 + rows.line_num
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield number, _Fault(f"unreadable as CSV ({error}); look for a missing quotation mark")
            continue
        if row is None:
            return
        if len(row) > len(columns):
            yield (
                number,
                _Fault(f"{len(row)} cells under a header of {len(columns)}; quote a cell that holds a comma"),
            )
        elif any(row):
            yield number, dict(zip(columns, map(str.strip, row), strict=False))


def _json_fields(text: str) -> _Fields:
    try:
        return _record(json.loads(text))
    except (ValueError, RecursionError):
        return _Fault("unreadable as JSON; write one object a line, as in the first one")


def _record(value: object) -> _Fields:
    if isinstance(value, str):
        return {"path": value}
    if isinstance(value, dict):
        return value
    return _Fault("neither a name nor an object with a file_path; write one of them")


def _parse_array(text: str) -> Iterator[tuple[int, _Fields]]:
    """Read element by element, so that each one's line is known."""
    blank = re.compile(r"[ \t\r\n]*")
    decoder = json.JSONDecoder()
    line, counted = 1, 0

    def skip(at: int) -> int:
        nonlocal line, counted
        end = at + len(blank.match(text, at)[0])  # type: ignore[index]  # the pattern also matches nothing
        line, counted = line + text.count("\n", counted, end), end
        return end

    at = skip(skip(0) + 1)
    if text[at:].strip() == "]":
        return
    while True:
        number = line
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield number, _Fault("unreadable as JSON; write an array of names, or of objects with a file_path")
            return
        yield number, _record(value)
        at = skip(at)
        if text[at : at + 1] != ",":
            break
        at = skip(at + 1)
    if text[at:].strip() != "]":
        yield line, _Fault("the JSON array goes wrong here; separate its elements by ',' and end it by one ']'")


def _entry(line: int, fields: _Fields) -> Entry:
    if isinstance(fields, _Fault):
        raise fields
    path = next((fields[name] for name in _PATH_FIELDS if fields.get(name)), None)
    if path is None:
        raise _Fault("names no file; fill in file_path")
    if not isinstance(path, str):
        raise _Fault("the file is not a text; write its name between quotation marks")
    if _IN_NO_NAME.search(path):
        raise _Fault(f"{path!r} holds a character that no file name can have; correct the name")
    return Entry(line, path, _digest(fields), _size(fields.get("size")))


def _digest(fields: Mapping[str, object]) -> Digest | None:
    for name in _DIGEST_FIELDS:
        text = fields.get(name)
        if text is None or text == "":
            continue
        if not isinstance(text, str):
            raise _Fault(f"the {name} is not a text; write algorithm:hexadecimal, as in sha256:ab12…")
        try:
            return Digest.parse(f"{name}:{text.strip()}" if name in HEX_LENGTHS and ":" not in text else text)
        except ValueError as error:
            raise _Fault(str(error)) from None
    return None


def _size(value: object) -> int | None:
    if value is None or value == "":
        return None
    text = str(value).strip() if isinstance(value, int | float | str) else type(value).__name__
    if not _SIZE.fullmatch(text):
        raise _Fault(f"the size {text[:40]!r} is no whole number of bytes from 0 up; correct it or leave it out")
    return int(text)
