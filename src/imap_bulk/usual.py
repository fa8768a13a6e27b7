"""Lines of a manifest as nearly all are, hundreds at one look: a name of science data, after its sum or alone.

What this takes, `manifest` and `filenames` read the same way, line by line, at ten times the cost. It leaves much
to them: other names, faults, and days that only a calendar knows.
"""

import re

from imap_bulk.digest import ALGORITHM_OF_LENGTH
from imap_bulk.filenames import DATA_LEVELS, INSTRUMENTS, SCIENCE_EXTENSIONS

_LONGEST_NAME = 255

_SUM = f"(?:{'|'.join(f'[0-9a-f]{{{length}}}' for length in (64, 32, 128, 40, 96))}) [ *]"
_DIRECTORIES = "imap/(?:[A-Za-z0-9_-]+/)+"
_DAY = (
    "(?!0000)[0-9]{4}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|1[0-9]|2[0-8])"  # not the 29th of February
    "|(?:0[13-9]|1[0-2])(?:29|30)|(?:0[13578]|1[02])31)"
)
_REST = rf"(?:-(?:repoint|cr)[0-9]{{5}})?_v[0-9]{{3}}(?:\.[0-9]{{4}})?\.(?:{'|'.join(SCIENCE_EXTENSIONS)})"
_BEGIN = f"imap_(?:{'|'.join(INSTRUMENTS)})_(?:{'|'.join(DATA_LEVELS)})_[A-Za-z0-9-]+"

_LINE = re.compile(rf"^(?:{_SUM})?(?:{_DIRECTORIES})?({_BEGIN}_{_DAY}{_REST})\r?$", re.MULTILINE)
_PARTS = re.compile(
    r"^(?:([0-9a-f]+) [ *])?(imap/[^\r\n]+/)?"
    r"(imap_([a-z0-9]+)_(l[a-z0-9]+)_[A-Za-z0-9-]+_([0-9]{4})([0-9]{2})[^\r\n]+)",
    re.MULTILINE,
)


Usual = tuple[str, str, str | None]
"""What one line says: what is written there but for the digest, the key, and the digest."""


def names_on(lines: str, count: int) -> list[str] | None:
    """Return the names on so many lines; None if one of these has another form, or perhaps a fault."""
    names: list[str] = _LINE.findall(lines)
    return names if len(names) == count and max(map(len, names)) <= _LONGEST_NAME else None


def read(lines: str) -> list[Usual]:
    """Read lines that `names_on` has taken."""
    return [
        (
            directories + name,
            directories + name if directories else f"imap/{instrument}/{level}/{year}/{month}/{name}",
            f"{ALGORITHM_OF_LENGTH[len(digits)]}:{digits}" if digits else None,
        )
        for digits, directories, name, instrument, level, year, month in _PARTS.findall(lines)
    ]
