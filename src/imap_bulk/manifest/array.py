"""A JSON array, element by element: each one's line is known, and of millions one at a time is in memory."""

import json
import re
from collections.abc import Iterator
from itertools import islice

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
_LONGEST_ELEMENT = 1 << 20
"""Characters beyond which no further line is read to make sense of an element."""


def elements(numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, object]]:
    """Yield the elements of the array that begins on the first of these lines, each with its line.

    Where the text goes wrong, a ValueError that says so is the last element.
    """
    text = _Text(numbered)
    text.ahead()
    text.step()  # over the bracket
    is_over = text.ahead() == "]"
    while not is_over:
        line = text.line()
        try:
            element = text.element()
        except (ValueError, RecursionError):
            yield line, ValueError("unreadable as JSON; write an array of names, or of objects with a file_path")
            return
        yield line, element
        is_over = text.ahead() != ","
        if not is_over:
            text.step()
            text.ahead()
    line, closing = text.line(), text.ahead()
    text.step()
    if closing != "]" or text.ahead():
        yield (
            line,
            ValueError("the JSON array goes wrong here; separate its elements by ',' and end it by one ']'"),
        )


class _Text:
    """As much of a JSON text as is being read."""

    def __init__(self, numbered: Iterator[tuple[int, str]]) -> None:
        self._lines = numbered
        self._line, self._text = next(numbered)
        self._at = self._counted = 0

    def line(self) -> int:
        """Tell the number of the line."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def ahead(self) -> str:
        """Pass what is blank, and return the character that comes then, "" at the end."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            self._at = blank.end() if blank else self._at
            if self._at < len(self._text) or not self._read_on(1):
                return self._text[self._at : self._at + 1]

    def step(self) -> None:
        """Pass one character."""
        self._at += 1

    def element(self) -> object:
        """Read the value that begins here. Raises ValueError, RecursionError."""
        lines = 1
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if len(self._text) - self._at > _LONGEST_ELEMENT or not self._read_on(lines):
                    raise
                lines *= 2  # else an element on many lines would cost the square of their number
            else:
                return value

    def _read_on(self, lines: int) -> bool:
        """Forget what was read, and take some more lines; False when there are none."""
        more = "".join(f"\n{line}" for _, line in islice(self._lines, lines))
        self.line()
        self._text = self._text[self._at :] + more
        self._at = self._counted = 0
        return bool(more)
