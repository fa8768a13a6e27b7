"""The document of a search's result, read record by record: a month of one source is a quarter of a gigabyte."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from imap_bulk.archives.aurorax.refusals import hidden_refusal
from imap_bulk.errors import Garbled

_BLANK = re.compile(r"[ \t\r\n]*")
_MORE_OF_A_NUMBER = re.compile("[-+.0-9eE]*")
_DECODER = json.JSONDecoder()
_PIECE_CHARACTERS = 1 << 18


def unwrap(answer: Any, subject: str) -> list[Mapping[str, Any]]:
    """Take the records out of an answer: a bare array, or the one in a wrapper.

    Raises Garbled, and what an error in their place stands for.
    """
    if isinstance(answer, Mapping):
        if isinstance(error := answer.get("error"), Mapping):
            raise hidden_refusal(error, subject)
        answer = answer.get("result")
    if not isinstance(answer, list) or not all(isinstance(record, Mapping) for record in answer):
        raise Garbled(f"{subject}: the archive answered no list of records; check the URL")
    return answer


def count_records(path: Path, subject: str) -> int:
    """Count the records of a document on disk, of which one at a time is in memory. Raises as `unwrap`."""
    with path.open(encoding="utf-8-sig") as file:
        text = _Text(file)
        try:
            return _count(text, subject)
        except (ValueError, RecursionError) as error:
            raise Garbled(f"{subject}: what came is no whole JSON document ({_shown(path)})") from error


def _count(text: "_Text", subject: str) -> int:
    if text.ahead() == "[":
        count = sum(1 for _ in text.elements())
    elif text.ahead() == "{":
        count = _count_wrapped(text, subject)
    else:
        raise ValueError("neither an array nor an object")
    if text.ahead():
        raise ValueError("more than one document")
    return count


def _count_wrapped(text: "_Text", subject: str) -> int:
    count: int | None = None
    for name in text.members():
        if name == "result" and text.ahead() == "[":
            count = sum(1 for _ in text.elements())
            continue
        value = text.value()
        if name == "error" and isinstance(value, Mapping):
            raise hidden_refusal(value, subject)
    if count is None:
        raise Garbled(f"{subject}: the archive's document holds no result")
    return count


def _shown(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(200).lstrip().lower()
    return "a web page" if head.startswith((b"<!doctype", b"<html")) else f"{path.stat().st_size} bytes"


class _Text:
    """As much of a JSON text as is being read. Its methods raise ValueError where it goes wrong."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._text = ""
        self._at = 0

    def ahead(self) -> str:
        """Pass what is blank, and return the character that comes then, "" at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text) or not self._read_on(_PIECE_CHARACTERS):
                return self._text[self._at : self._at + 1]

    def step(self, wanted: str) -> None:
        """Pass one character, which must be one of those wanted."""
        if not (found := self.ahead()) or found not in wanted:
            raise ValueError(f"{wanted} is missing")
        self._at += 1

    def elements(self) -> Iterator[Any]:
        """Yield the elements of the array that begins here."""
        self.step("[")
        while self.ahead() != "]":
            yield self.value()
            if self.ahead() != "]":
                self.step(",")
                if self.ahead() == "]":
                    raise ValueError("a comma before the end of an array")
        self.step("]")

    def members(self) -> Iterator[Any]:
        """Yield the names of the object that begins here; whoever asks reads each one's value."""
        self.step("{")
        while self.ahead() != "}":
            name = self.value()
            self.step(":")
            yield name
            if self.ahead() != "}":
                self.step(",")
        self.step("}")

    def value(self) -> Any:
        """Read the value that begins here."""
        self.ahead()
        more = _PIECE_CHARACTERS
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if not self._read_on(more):
                    raise
                more *= 2  # else a value of many pieces would cost the square of their number
                continue
            is_open = not isinstance(value, str | list | dict) and _MORE_OF_A_NUMBER.fullmatch(self._text, end)
            if is_open and self._read_on(more):
                continue  # a number may go on in the next piece
            self._at = end
            return value

    def _read_on(self, characters: int) -> bool:
        """Forget what was read, and take some more; False when there is none."""
        more = self._file.read(characters)
        self._text = self._text[self._at :] + more
        self._at = 0
        return bool(more)
