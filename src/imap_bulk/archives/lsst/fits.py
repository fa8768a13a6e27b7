"""Whether a file is a whole FITS file with the planes that were asked for, read from its headers alone.

Needs no library: blocks of 2880 bytes, cards of 80, and a size for each unit that its header tells.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

BLOCK = 2880
_CARD = 80
_MOST_HEADER_BLOCKS = 3000
_AXES = 999
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")


class Malformed(Exception):
    """Why these bytes are no FITS file."""


class Short(Malformed):
    """The file ends before its own headers say."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A header and its data; `start` in bytes from the beginning of the file, `data_bytes` without padding."""

    start: int
    data_start: int
    data_bytes: int
    cards: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the unit is called: its EXTNAME, or its EXTTYPE, as older files have it."""
        return (self.cards.get("EXTNAME") or self.cards.get("EXTTYPE") or "").upper()

    @property
    def end(self) -> int:
        """Where the next unit begins."""
        return self.data_start + -(-self.data_bytes // BLOCK) * BLOCK


def units(path: Path) -> list[Unit]:
    """Read the headers of a file. Raises Malformed, OSError."""
    size = path.stat().st_size
    found: list[Unit] = []
    with path.open("rb") as file:
        start = 0
        while start < size:
            unit = _unit(file, start, is_first=not found)
            if unit.end > size:
                raise Short(f"it ends after {size} bytes, {unit.end - size} before its own header says")
            found.append(unit)
            start = unit.end
    if not found:
        raise Short("it is empty")
    return found


def _unit(file: BinaryIO, start: int, *, is_first: bool) -> Unit:
    cards: dict[str, str] = {}
    file.seek(start)
    for block in range(1, _MOST_HEADER_BLOCKS):
        text = file.read(BLOCK)
        if block == 1 and not text.startswith(b"SIMPLE  =" if is_first else b"XTENSION="):
            raise Malformed("it does not begin with SIMPLE" if is_first else "something else follows its end")
        if len(text) < BLOCK:
            raise Short("it ends within a header")
        for at in range(0, BLOCK, _CARD):
            card = text[at : at + _CARD].decode("ascii", errors="replace")
            if card.startswith("END") and not card[3:].strip():
                return Unit(start, start + block * BLOCK, _data_bytes(cards), cards)
            if card[8:10] == "= ":
                cards.setdefault(card[:8].rstrip(), _value(card[10:]))
    raise Malformed("a header has no END")


def _value(text: str) -> str:
    text = text.strip()
    if text.startswith("'"):
        return text[1:].partition("'")[0].strip()
    return text.partition("/")[0].strip()


def _data_bytes(cards: Mapping[str, str]) -> int:
    axes = _number(cards, "NAXIS", 0)
    if not 0 <= axes <= _AXES:
        raise Malformed("a header tells no number of axes")
    lengths = [_number(cards, f"NAXIS{axis}", -1) for axis in range(1, axes + 1)]
    is_grouped = cards.get("GROUPS", "F") == "T" and lengths[:1] == [0]
    elements = 1 if axes else 0
    for length in lengths[1:] if is_grouped else lengths:
        elements *= length
    parameters, groups = _number(cards, "PCOUNT", 0), _number(cards, "GCOUNT", 1)
    n_bytes = abs(_number(cards, "BITPIX", 0)) // 8 * groups * (parameters + elements)
    if n_bytes < 0 or min(lengths, default=0) < 0:
        raise Malformed("a header tells an impossible size")
    return n_bytes


def _number(cards: Mapping[str, str], name: str, default: int) -> int:
    text = cards.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"{name} is {text[:20]!r}, which is no number")
    return int(text)
