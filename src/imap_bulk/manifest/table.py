"""CSV, row by row, each with the number of the line on which it begins."""

import csv
from collections.abc import Iterator, Sequence


class Fault(Exception):
    """Why a line cannot be used, and what to do."""


def cells_of(header: str) -> list[str]:
    """Return the cells of a header; none where it is not CSV."""
    try:
        return [cell.strip() for cell in next(csv.reader([header]), [])]
    except csv.Error:
        return []


def rows(
    number: int, columns: Sequence[str], lines: Iterator[str]
) -> Iterator[tuple[int, dict[str, str] | Fault]]:
    """Yield what comes below a header on line `number`: cells by column, without blanks; or what is wrong."""
    read = csv.reader(lines, strict=True)
    while True:
        at = number + 1 + read.line_num
        try:
            row = next(read, None)
        except csv.Error as error:
            yield at, Fault(f"unreadable as CSV ({error}); look for a missing quotation mark")
            continue
        if row is None:
            return
        if len(row) > len(columns):
            yield at, Fault(f"{len(row)} cells under a header of {len(columns)}; quote a cell that holds a comma")
        elif any(row):
            yield at, dict(zip(columns, map(str.strip, row), strict=False))
