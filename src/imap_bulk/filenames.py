"""The IMAP name conventions: a name tells what a file is, and its object key.

Written after the official client, `imap-data-access` 1.3.0. What this module accepts, the client files under
the same key; it refuses more, because the client also takes accidents: directories, blanks, text after a SPICE
extension. Each reader below reads one convention, or raises `NameFault`, the end of a sentence about the name.
"""

import re
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from imap_bulk.errors import BadName
from imap_bulk.spice_names import SPICE_TYPES, NameFault, read_spice

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

INSTRUMENTS = (
    "codice", "glows", "hi", "hit", "ialirt", "idex", "l1const", "lo", "mag", "spacecraft", "swapi", "swe",
    "ultra",
)  # fmt: skip
"""Instruments, and the sources that are named like one."""

DATA_LEVELS = (
    "l0", "l1", "l1a", "l1b", "l1c", "l1ca", "l1cb", "l1d", "l2", "l2a", "l2b", "l2c", "l3", "l3a", "l3b",
    "l3c", "l3d", "l3e",
)  # fmt: skip

SCIENCE_EXTENSIONS = ("cdf", "pkts")
QUICKLOOK_EXTENSIONS = ("jpg", "pdf", "png")
DEPENDENCY_EXTENSIONS = ("json",)
ANCILLARY_EXTENSIONS = ("cdf", "csv", "dat", "json", "pgm", "tsv", "xlsx", "zip")
RELEASE_EXTENSIONS = ("txt",)

_G1_INSTRUMENTS = (
    "codice", "glows", "hi-45", "hi-90", "hit", "idex", "lo", "mag", "swapi", "swe", "ultra-45", "ultra-90",
)  # fmt: skip
_G1_LEVELS = ("l0", "l1", "l1a", "l1b", "l1c", "l1ca", "l2", "l2pre", "l3", "l3a", "l3b", "l3c", "l3d")

_LEVEL_FORM = "imap_<instrument>_<level>_<descriptor>_<YYYYMMDD>[-repointNNNNN|-crNNNNN]_<version>.<extension>"
_DATED_FORM = "imap_<instrument>_<descriptor>_<YYYYMMDD>[_<YYYYMMDD>|-repointNNNNN]_vNNN.<extension>"
_G1_FORM = "imap_<instrument>_<level>_<descriptor>_<YYYYMMDD>_<YYYYMMDD>_vNN-NN.<extension>"

_LONGEST_NAME = 255  # no common file system keeps a longer one

# Printable ASCII without what a disk, a shell pattern or a URL reads as something else than a letter.
_FOREIGN_CHARACTER = re.compile(r'[^!-~]|["#%*:<>?|]')
_ORDINARY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_TAIL = re.compile(r"([^.]*(?:\.[0-9]+)?)\.(.*)")
_LEVEL_DAY = re.compile(r"([0-9]{8})(?:-(?:repoint([0-9]{5})|cr([0-9]{5})))?")
_DATED_DAY = re.compile(r"([0-9]{8})(?:-repoint([0-9]{5}))?")
_USUAL = re.compile(
    rf"imap_({'|'.join(INSTRUMENTS)})_({'|'.join(DATA_LEVELS)})_([A-Za-z0-9-]+)_([0-9]{{8}})"
    rf"_(v([0-9]{{3}})\.([0-9]{{4}}))\.({'|'.join(SCIENCE_EXTENSIONS)})"
)
_EIGHT_DIGITS = re.compile("[0-9]{8}")
_VERSION = re.compile(r"v(?:([0-9]{3})\.([0-9]{4})|([0-9]{3}))")
_G1_VERSION = re.compile(r"v([0-9]{2})-([0-9]{2})")
_SPICE_HINT = re.compile(
    r"imap_[0-9]|.*\.(bc|bpc|bsp|mk|repoint|sff|spin|tf|tls|tm|tpc|tsc)([^a-z0-9]|$)", re.IGNORECASE
)


class Kind(StrEnum):
    """The classes of names."""

    SCIENCE = "science"
    QUICKLOOK = "quicklook"
    DEPENDENCY = "dependency"
    ANCILLARY = "ancillary"
    RELEASE = "release"
    SPICE = "spice"


_TRIAL_ORDER = (Kind.SCIENCE, Kind.ANCILLARY, Kind.SPICE, Kind.QUICKLOOK, Kind.DEPENDENCY, Kind.RELEASE)

_EXTENSIONS = {
    Kind.SCIENCE: SCIENCE_EXTENSIONS,
    Kind.QUICKLOOK: QUICKLOOK_EXTENSIONS,
    Kind.DEPENDENCY: DEPENDENCY_EXTENSIONS,
    Kind.ANCILLARY: ANCILLARY_EXTENSIONS,
    Kind.RELEASE: RELEASE_EXTENSIONS,
}


class FileName(NamedTuple):
    """What a name says. None where the convention has no such field or this name leaves it out."""

    name: str
    kind: Kind
    key: str
    extension: str
    """Without its first dot; of a SPICE name, everything after that dot, in lower case."""
    instrument: str | None = None
    data_level: str | None = None
    descriptor: str | None = None
    start_date: str | None = None
    """YYYYMMDD, as all dates here; also where a SPICE name counts the days of the year."""
    end_date: str | None = None
    repointing: int | None = None
    cr: int | None = None
    """Carrington rotation."""
    version: str | None = None
    """As written: `v001.0002`, `v001`, `v00-01` (first generation), or the digits of a SPICE name."""
    major: int | None = None
    minor: int | None = None
    spice_type: str | None = None


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
    if not match or len(name) > _LONGEST_NAME or _day(match[4]) is None:
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
    return _EIGHT_DIGITS.fullmatch(text) is not None and _day(text) is not None


def is_version(text: str) -> bool:
    """Whether this is `vNNN` or `vMMM.mmmm`."""
    return _VERSION.fullmatch(text) is not None


def version_order(version: str) -> tuple[int, int, int]:
    """Sort versions by age: first generation, then those without a major number, then those with one.

    The digits of a SPICE name sort as those without. Raises `BadName`.
    """
    if match := _VERSION.fullmatch(version):
        return (1, int(match[1]), int(match[2])) if match[1] else (0, 0, int(match[3]))
    if match := _G1_VERSION.fullmatch(version):
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
            return _read(kind, name, lenient)
        except NameFault as fault:
            faults[kind] = str(fault)
    if not _looks_first_generation(name):
        raise NameFault(faults[_nearest(name)])
    if legacy:
        return _read_first_generation(name)
    raise NameFault(f"is a first-generation name, taken only where legacy names are; today: {_LEVEL_FORM}")


def _read(kind: Kind, name: str, lenient: bool) -> FileName:
    if kind is Kind.SPICE:
        return _read_kernel(name, lenient)
    if kind in (Kind.ANCILLARY, Kind.RELEASE):
        return _read_dated(kind, name)
    return _read_leveled(kind, name)


def _nearest(name: str) -> Kind:
    """Guess which convention the writer had in mind; only the complaint depends on it."""
    fields, _, extension = _split(name)
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


def _split(name: str) -> tuple[list[str], str, str]:
    """Cut a name into the fields before its version, the version, and the extension."""
    *fields, last = name.split("_")
    match = _TAIL.fullmatch(last)
    version, extension = (match[1], match[2]) if match else (last, "")
    return fields or [last], version, extension


def _read_leveled(kind: Kind, name: str) -> FileName:
    fields, version, extension = _split(name)
    _check_shape(kind, fields, version, (5,), _LEVEL_FORM)
    _, instrument, level, descriptor, day = fields
    _check_choice("instrument", instrument, INSTRUMENTS)
    _check_choice("data level", level, DATA_LEVELS)
    if not descriptor:
        raise NameFault(f"has an empty descriptor; {_article(kind)} name is {_LEVEL_FORM}")
    match = _LEVEL_DAY.fullmatch(day)
    if not match:
        raise NameFault(
            f"has {day!r} in place of a date; write YYYYMMDD, YYYYMMDD-repointNNNNN or YYYYMMDD-crNNNNN"
        )
    start_date, repointing, cr = match.groups()
    _check_date(start_date)
    major, minor = _read_version(version)
    _check_extension(kind, extension)
    directory = "imap" if kind is Kind.SCIENCE else f"imap/{kind}"
    return FileName(
        name, kind, f"{directory}/{instrument}/{level}/{_year_and_month(start_date)}/{name}", extension,
        instrument, level, descriptor, start_date, repointing=_number(repointing), cr=_number(cr),
        version=version, major=major, minor=minor,
    )  # fmt: skip


def _read_dated(kind: Kind, name: str) -> FileName:
    fields, version, extension = _split(name)
    _check_shape(kind, fields, version, (4, 5), _DATED_FORM)
    _, instrument, descriptor, day, *rest = fields
    end_date = rest[0] if rest else None
    _check_choice("instrument", instrument, INSTRUMENTS)
    if not descriptor:
        raise NameFault(f"has an empty descriptor; {_article(kind)} name is {_DATED_FORM}")
    if end_date and not day[:1].isdigit():
        raise NameFault(f"has '_' in its descriptor; write {f'{descriptor}-{day}'!r}")
    if end_date and "-repoint" in day + end_date:
        raise NameFault("has an end date and a repointing; leave one out")
    match = _DATED_DAY.fullmatch(day)
    if not match:
        raise NameFault(f"has {day!r} in place of a date; write YYYYMMDD or YYYYMMDD-repointNNNNN")
    for written in (match[1], *rest):
        _check_date(written)
    major, minor = _read_version(version)
    if major is not None:
        raise NameFault(f"has the version {version!r}; {_article(kind)} version is vNNN, as in v001")
    _check_extension(kind, extension)
    return FileName(
        name, kind, f"imap/{kind}/{instrument}/{name}", extension, instrument, descriptor=descriptor,
        start_date=match[1], end_date=end_date, repointing=_number(match[2]), version=version, minor=minor,
    )  # fmt: skip


def _looks_first_generation(name: str) -> bool:
    fields, version, _ = _split(name)
    return len(fields) == 6 and _G1_VERSION.fullmatch(version) is not None


def _read_first_generation(name: str) -> FileName:
    fields, version, extension = _split(name)
    _check_shape(Kind.SCIENCE, fields, version, (6,), _G1_FORM)
    _, instrument, level, descriptor, start_date, end_date = fields
    _check_choice("first-generation instrument", instrument, _G1_INSTRUMENTS)
    _check_choice("first-generation data level", level, _G1_LEVELS)
    if not descriptor:
        raise NameFault(f"has an empty descriptor; a first-generation name is {_G1_FORM}")
    _check_date(start_date)
    _check_date(end_date)
    right = "pkts" if level == "l0" else "cdf"
    if extension != right:
        raise NameFault(f"has the extension {extension!r}; a first-generation {level} file has {right}")
    return FileName(
        name, Kind.SCIENCE, f"imap/{instrument}/{level}/{_year_and_month(start_date)}/{name}", extension,
        instrument, level, descriptor, start_date, end_date, version=version,
    )  # fmt: skip


def _year_and_month(day: str) -> str:
    return f"{day[:4]}/{day[4:6]}"


def _check_shape(kind: Kind, fields: list[str], version: str, counts: tuple[int, ...], form: str) -> None:
    if fields[0] != "imap":
        raise NameFault(f"begins with {fields[0]!r}; an IMAP name begins with 'imap_', in lower case")
    if len(fields) in counts:
        return
    joined = next((field for field in fields if re.fullmatch("(repoint|cr)[0-9]+", field)), None)
    if joined:
        raise NameFault(f"has '_' before {joined!r}; write '-' there")
    if not re.match("[vV][0-9]", version):
        raise NameFault(f"has no version; {_article(kind)} name is {form}")
    if not any(field[:8].isdigit() for field in fields):
        raise NameFault(f"has no date; {_article(kind)} name is {form}")
    if len(fields) > max(counts):
        raise NameFault(f"has too many '_', and a descriptor holds none; {_article(kind)} name is {form}")
    raise NameFault(f"has too few fields; {_article(kind)} name is {form}")


def _check_choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise NameFault(f"has the unknown {what} {value!r}; use one of {', '.join(allowed)}")


def _check_date(text: str) -> None:
    if not _EIGHT_DIGITS.fullmatch(text):
        raise NameFault(f"has {text!r} in place of a date; write YYYYMMDD")
    if _day(text) is None:
        raise NameFault(f"has the date {text}, which no calendar has; write a real day as YYYYMMDD")


def _check_extension(kind: Kind, extension: str) -> None:
    if extension in _EXTENSIONS[kind]:
        return
    has = f"has the extension {extension!r}" if extension else "has no extension"
    others = ""
    if kind is Kind.SCIENCE:
        others = f" (quicklook: {', '.join(QUICKLOOK_EXTENSIONS)}; dependency: json; no other class has a level)"
    raise NameFault(f"{has}; {_article(kind)} file has one of {', '.join(_EXTENSIONS[kind])}{others}")


def _read_version(text: str) -> tuple[int | None, int]:
    match = _VERSION.fullmatch(text)
    if not match:
        raise NameFault(f"has {text!r} in place of a version; write vMMM.mmmm or vNNN, as in v001.0002")
    return _number(match[1]), int(match[2] or match[3])


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind is Kind.ANCILLARY else f"a {kind}"


@lru_cache(maxsize=4096)
def _day(text: str) -> date | None:
    """Read YYYYMMDD; None where there is no such day."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _read_kernel(name: str, lenient: bool) -> FileName:
    kernel = read_spice(name, lenient=lenient)
    return FileName(
        name, Kind.SPICE, f"imap/spice/{kernel.directory}/{name}", kernel.extension,
        start_date=kernel.start_date, end_date=kernel.end_date, repointing=kernel.repointing,
        version=kernel.version, spice_type=kernel.spice_type,
    )  # fmt: skip
