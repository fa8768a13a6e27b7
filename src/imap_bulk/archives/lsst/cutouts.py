"""Cutouts: positions from a CSV file, sizes as people write them, and the parameters that they become."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Self

from imap_bulk.errors import BadManifest, BadQuery

_SIZE = re.compile(r"([0-9.]{1,20})(?:x([0-9.]{1,20}))?(arcsec|arcmin|pix)?")
_NUMBER = re.compile(r"[+-]?([0-9]{1,12}(\.[0-9]{0,25})?|\.[0-9]{1,25})([eE][+-]?[0-9]{1,2})?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_SPELLINGS = {"decl": "dec", "image": "id", "imageid": "id", "image_id": "id"}
_COLUMNS = {"id", "ra", "dec", "x", "y", "width", "height", "name"}
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a cutout; `unit` is arcsec, arcmin or pix."""

    width: Decimal
    height: Decimal
    unit: str

    @classmethod
    def parse(cls, text: str, unit: str = "") -> Self:
        """Read `30arcsec`, `30x45arcsec`, `100pix` or `2arcmin`; a bare number has `unit`. Raises BadQuery."""
        match = _SIZE.fullmatch(text.strip().lower())
        width = _decimal(match[1]) if match else None
        height = _decimal(match[2]) if match and match[2] else width
        told = (match[3] if match else None) or unit
        if width is None or height is None or not told or width <= 0 or height <= 0:
            raise BadQuery(f"{text!r} is no size of a cutout; write 30arcsec, 30x45arcsec, 100pix or 2arcmin")
        if told == "pix" and (width % 1 or height % 1):
            raise BadQuery(f"{text!r} is no size of a cutout: there are no parts of pixels")
        return cls(width, height, told)


@dataclass(frozen=True, slots=True)
class Cutout:
    """A box on an image, about a place on the sky in degrees, or about a pixel, counting from 0."""

    x: Decimal
    """Right ascension, where `on_sky`."""
    y: Decimal
    """Declination, where `on_sky`."""
    size: Size
    on_sky: bool = True

    def params(self, plane: str = "") -> dict[str, str]:
        """Spell the cutout as the archive wants it, numbers in their shortest form. Raises BadQuery.

        Of boxes on the sky only those in arc minutes come as a single plane; arc seconds are turned into them.
        """
        width, height, unit = self.size.width, self.size.height, self.size.unit
        if plane and self.on_sky and unit == "arcsec":
            width, height, unit = round(width / 60, 12), round(height / 60, 12), "arcmin"
        if plane and self.on_sky and unit == "pix":
            raise BadQuery(
                "a single plane about a place on the sky has a size in arcsec or arcmin; "
                "leave `plane` out, or give the place in pixels"
            )
        if not self.on_sky and unit != "pix":
            raise BadQuery(f"a cutout about a pixel has its size in pixels, as in 100pix, not in {unit}")
        place = ("ra", "dec") if self.on_sky else ("x", "y")
        names = _SIZE_NAMES[unit] if self.on_sky else ("width", "height")
        told = zip((*place, *names), (self.x, self.y, width, height), strict=True)
        return {name: _plain(number) for name, number in told}


_SIZE_NAMES = {
    "arcsec": ("widthAng", "heightAng"),
    "arcmin": ("deltaRa", "deltaDec"),
    "pix": ("widthPix", "heightPix"),
}


@dataclass(frozen=True, slots=True)
class Position:
    """A line of a list of positions; `image` is empty where the line names none."""

    line: int
    image: str
    cutout: Cutout
    name: str = ""


class _Problem(Exception):
    """Why a line cannot be used, and what to do."""


def read_positions(lines: Iterable[str], source: str, size: Size | None) -> Iterator[Position]:
    """Yield the positions of a CSV file called `source`, with columns ra,dec or x,y, and id, width, height, name.

    A line's own width and height go before `size`. Raises BadManifest, with the first problems by line, once
    all lines are read.
    """
    rows = csv.reader(lines, strict=True)
    columns, problems, count, is_empty = _header(rows, source), [], 0, True
    while True:
        try:
            row = next(rows, None)
            if row is None:
                break
            if not any(cell.strip() for cell in row):
                continue
            is_empty = False
            position = _position(rows.line_num, _cells(row, columns), size)
        except (csv.Error, _Problem, BadQuery) as error:
            count += 1
            problems += [f"line {rows.line_num}: {error}"] if count <= _MOST_TOLD else []
            is_empty = False
        else:
            if not count:
                yield position
    if is_empty:
        raise BadManifest(f"{source} lists no positions; write one a line below the header, as in id,ra,dec")
    if count:
        more = [f"… and {count - _MOST_TOLD} more"] if count > _MOST_TOLD else []
        summary = f"{source} has {count} problem{'s' * (count > 1)}; correct the positions and run again"
        raise BadManifest(summary, (*problems, *more))


def _header(rows: Iterator[list[str]], source: str) -> list[str]:
    try:
        told = [cell.strip().lstrip("\ufeff").lower() for cell in next(rows, [])]
    except csv.Error:
        told = []
    columns = [_SPELLINGS.get(cell, cell) for cell in told]
    known = set(columns) & _COLUMNS
    if not {"ra", "dec"} <= known and not {"x", "y"} <= known:
        raise BadManifest(f"{source} has no header of positions; write columns such as id,ra,dec or id,x,y")
    if twice := [name for at, name in enumerate(columns) if name in _COLUMNS and name in columns[:at]]:
        raise BadManifest(f"{source} has two columns that say {twice[0]!r}; leave one of them out")
    if {"ra", "x"} <= known:
        raise BadManifest(f"{source} gives places on the sky (ra,dec) and in pixels (x,y); leave one out")
    return columns


def _cells(row: list[str], columns: list[str]) -> dict[str, str]:
    if len(row) > len(columns):
        raise _Problem(f"{len(row)} cells under a header of {len(columns)}; quote a cell that holds a comma")
    return {name: cell.strip() for name, cell in zip(columns, row, strict=False)}


def _position(line: int, cells: Mapping[str, str], size: Size | None) -> Position:
    on_sky = "ra" in cells or "dec" in cells
    x, y = (_coordinate(cells, name) for name in (("ra", "dec") if on_sky else ("x", "y")))
    if on_sky and not (0 <= x < 360 and -90 <= y <= 90):
        raise _Problem(f"there is no place at ra {x}, dec {y}; write degrees, 0 to 360 and -90 to 90")
    name = cells.get("name", "")
    if name and not _NAME.fullmatch(name):
        raise _Problem(f"the name {name!r} becomes part of a file's; write letters, digits, - and _")
    return Position(line, cells.get("id", ""), Cutout(x, y, _size(cells, size), on_sky), name)


def _size(cells: Mapping[str, str], size: Size | None) -> Size:
    width, height = cells.get("width", ""), cells.get("height", "")
    unit = size.unit if size else ""
    if width or height:
        wide, high = Size.parse(width or height, unit), Size.parse(height or width, unit)
        if wide.unit != high.unit:
            raise _Problem(f"the width is in {wide.unit}, the height in {high.unit}; write both in one unit")
        return Size(wide.width, high.height, wide.unit)
    if size is None:
        raise _Problem("says nothing of the size; give --size, or fill in width and height")
    return size


def _coordinate(cells: Mapping[str, str], name: str) -> Decimal:
    text = cells.get(name, "")
    number = _decimal(text)
    if number is None:
        raise _Problem(f"the {name} {text[:40]!r} is no number")
    return number


def _decimal(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text.strip()):
        return None
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


def _plain(number: Decimal) -> str:
    """Write a number in one way only, so that a cutout has one name."""
    text = f"{number.normalize():f}"
    return "0" if text in ("-0", "0") else text
