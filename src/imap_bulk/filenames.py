"""The IMAP name conventions: a name tells what a file is, and its object key.

Written after the official client, `imap-data-access` 1.3.0. What this module accepts, the client files under
the same key; it refuses more, because the client also takes accidents: directories, blanks, text after a SPICE
extension. The conventions themselves are in `name_forms`.
"""

import re

from imap_bulk.errors import BadName
from imap_bulk.name_forms import (
    ANCILLARY_EXTENSIONS,
    DATA_LEVELS,
    DEPENDENCY_EXTENSIONS,
    EIGHT_DIGITS,
    G1_VERSION,
    INSTRUMENTS,
    LEVEL_FORM,
    QUICKLOOK_EXTENSIONS,
    RELEASE_EXTENSIONS,
    SCIENCE_EXTENSIONS,
    VERSION,
    FileName,
    Kind,
    day_of,
    looks_first_generation,
    read,
    read_first_generation,
    split,
)
from imap_bulk.spice_names import SPICE_TYPES, NameFault

__all__ = [
    "ANCILLARY_EXTENSIONS",
    "DATA_LEVELS",
    "DEPENDENCY_EXTENSIONS",
    "INSTRUMENTS",
    "QUICKLOOK_EXTENSIONS",
    "RELEASE_EXTENSIONS",
    "SCIENCE_EXTENSIONS",
    "SPICE_TYPES",
    "FileName",
    "Kind",
    "is_date",
    "is_valid",
    "is_version",
    "parse",
    "version_order",
]

_LONGEST_NAME = 255  # no common file system keeps a longer one

# Printable ASCII without what a disk, a shell pattern or a URL reads as something else than a letter.
_FOREIGN_CHARACTER = re.compile(r'[^!-~]|["#%*:<>?|]')
_ORDINARY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_USUAL = re.compile(
    rf"imap_({'|'.join(INSTRUMENTS)})_({'|'.join(DATA_LEVELS)})_([A-Za-z0-9-]+)_([0-9]{{8}})"
    rf"_(v([0-9]{{3}})\.([0-9]{{4}}))\.({'|'.join(SCIENCE_EXTENSIONS)})"
)
_SPICE_HINT = re.compile(
    r"imap_[0-9]|.*\.(bc|bpc|bsp|mk|repoint|sff|spin|tf|tls|tm|tpc|tsc)([^a-z0-9]|$)", re.IGNORECASE
)


_TRIAL_ORDER = (Kind.SCIENCE, Kind.ANCILLARY, Kind.SPICE, Kind.QUICKLOOK, Kind.DEPENDENCY, Kind.RELEASE)


def parse(name: str, *, legacy: bool = False, lenient: bool = False) -> FileName:
    """Read a bare name. Raises `BadName`, one sentence about the convention that the name comes nearest to.

    `legacy` also takes the first generation (two dates, `vNN-NN`). `lenient` also takes what the official
    client lets pass: text after a SPICE extension, an end date before the start date, and a line end after
    the name, which is cut off.
    """
    if usual := _read_usual(name):
        return usual
    if lenient:
        name = name.removesuffix("\n").removesuffix("\r")
    try:
        _check_characters(name)
        found = _read_any(name, legacy, lenient)
        if not lenient and found.start_date and found.end_date and found.end_date < found.start_date:
            raise NameFault(f"ends on {found.end_date}, before it starts on {found.start_date}; swap the dates")
    except NameFault as fault:
        shown = name if len(name) <= _LONGEST_NAME else f"{name[:60]}…"
        raise BadName(f"{shown!r} {fault}") from None
    return found


def _read_usual(name: str) -> FileName | None:
    """Read a name of the form that nearly all have, at one look; None: it has another form, or a fault."""
    match = _USUAL.fullmatch(name)
    if not match or len(name) > _LONGEST_NAME or day_of(match[4]) is None:
        return None
    instrument, level, descriptor, day, version, major, minor, extension = match.groups()
    key = f"imap/{instrument}/{level}/{day[:4]}/{day[4:6]}/{name}"
    return FileName(
        name, Kind.SCIENCE, key, extension, instrument, level, descriptor, day, None, None, None, version,
        int(major), int(minor),
    )  # fmt: skip


def is_valid(name: str) -> bool:
    """Whether `parse` takes the name as it stands."""
    try:
        parse(name)
    except BadName:
        return False
    return True


def is_date(text: str) -> bool:
    """Whether this is a day as YYYYMMDD, in the years 0001 to 9999."""
    return EIGHT_DIGITS.fullmatch(text) is not None and day_of(text) is not None


def is_version(text: str) -> bool:
    """Whether this is `vNNN` or `vMMM.mmmm`."""
    return VERSION.fullmatch(text) is not None


def version_order(version: str) -> tuple[int, int, int]:
    """Sort versions by age: first generation, then those without a major number, then those with one.

    The digits of a SPICE name sort as those without. Raises `BadName`.
    """
    if match := VERSION.fullmatch(version):
        return (1, int(match[1]), int(match[2])) if match[1] else (0, 0, int(match[3]))
    if match := G1_VERSION.fullmatch(version):
        return (-1, int(match[1]), int(match[2]))
    if re.fullmatch("[0-9]{1,20}", version):
        return (0, 0, int(version))
    raise BadName(f"{version!r} is no version; write vMMM.mmmm or vNNN, as in v001.0002")


def _check_characters(name: str) -> None:
    if _ORDINARY.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return
    if not name:
        raise NameFault("is empty; give a file name")
    base = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    if base != name:
        raise NameFault(f"holds a path separator; give the bare file name, as in {base[:_LONGEST_NAME]!r}")
    if name.strip() != name:
        raise NameFault("has white space or a line end around it; remove that")
    if match := _FOREIGN_CHARACTER.search(name):
        raise NameFault(f"holds the character {match[0]!r}; a name has ASCII letters, digits, '_', '-' and '.'")
    if ".." in name:
        raise NameFault("holds two dots in a row; one dot comes before the extension")
    if len(name) > _LONGEST_NAME:
        raise NameFault(f"has {len(name)} characters; a disk keeps {_LONGEST_NAME}")


def _read_any(name: str, legacy: bool, lenient: bool) -> FileName:
    """Try the conventions in the official order; if none fits, raise the fault of the nearest."""
    faults: dict[Kind, str] = {}
    for kind in _TRIAL_ORDER:
        try:
            return read(kind, name, lenient)
        except NameFault as fault:
            faults[kind] = str(fault)
    if not looks_first_generation(name):
        raise NameFault(faults[_nearest(name)])
    if legacy:
        return read_first_generation(name)
    raise NameFault(f"is a first-generation name, taken only where legacy names are; today: {LEVEL_FORM}")


def _nearest(name: str) -> Kind:
    """Guess which convention the writer had in mind; only the complaint depends on it."""
    fields, _, extension = split(name)
    if _SPICE_HINT.match(name) or fields[0].lower() not in {"imap", "ibex"}:
        return Kind.SPICE
    has_level = len(fields) > 2 and re.fullmatch("l[0-9][0-9a-z]*", fields[2].lower()) is not None
    dated = len(fields) == 4 and fields[3][:8].isdigit()
    if extension in QUICKLOOK_EXTENSIONS:
        return Kind.QUICKLOOK
    if extension == "pkts" or (has_level and not dated):
        return Kind.DEPENDENCY if extension in DEPENDENCY_EXTENSIONS else Kind.SCIENCE
    if len(fields) > 4 and not fields[3][:1].isdigit() and extension not in ANCILLARY_EXTENSIONS[1:]:
        return Kind.SCIENCE
    return Kind.RELEASE if extension in RELEASE_EXTENSIONS else Kind.ANCILLARY
