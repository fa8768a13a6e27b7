"""The conventions themselves: what each class of names consists of, and its key.

Each reader reads one convention, or raises `NameFault`, the end of a sentence about the name.
"""

import re
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from imap_bulk.spice_names import NameFault, read_spice

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

LEVEL_FORM = "imap_<instrument>_<level>_<descriptor>_<YYYYMMDD>[-repointNNNNN|-crNNNNN]_<version>.<extension>"
_DATED_FORM = "imap_<instrument>_<descriptor>_<YYYYMMDD>[_<YYYYMMDD>|-repointNNNNN]_vNNN.<extension>"
_G1_FORM = "imap_<instrument>_<level>_<descriptor>_<YYYYMMDD>_<YYYYMMDD>_vNN-NN.<extension>"

_TAIL = re.compile(r"([^.]*(?:\.[0-9]+)?)\.(.*)")
_LEVEL_DAY = re.compile(r"([0-9]{8})(?:-(?:repoint([0-9]{5})|cr([0-9]{5})))?")
_DATED_DAY = re.compile(r"([0-9]{8})(?:-repoint([0-9]{5}))?")
EIGHT_DIGITS = re.compile("[0-9]{8}")
VERSION = re.compile(r"v(?:([0-9]{3})\.([0-9]{4})|([0-9]{3}))")
G1_VERSION = re.compile(r"v([0-9]{2})-([0-9]{2})")


class Kind(StrEnum):
    """The classes of names."""

    SCIENCE = "science"
    QUICKLOOK = "quicklook"
    DEPENDENCY = "dependency"
    ANCILLARY = "ancillary"
    RELEASE = "release"
    SPICE = "spice"


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


def read(kind: Kind, name: str, lenient: bool) -> FileName:
    """Read a name by the convention of one class."""
    if kind is Kind.SPICE:
        return _read_kernel(name, lenient)
    if kind in (Kind.ANCILLARY, Kind.RELEASE):
        return _read_dated(kind, name)
    return _read_leveled(kind, name)


def split(name: str) -> tuple[list[str], str, str]:
    """Cut a name into the fields before its version, the version, and the extension."""
    *fields, last = name.split("_")
    match = _TAIL.fullmatch(last)
    version, extension = (match[1], match[2]) if match else (last, "")
    return fields or [last], version, extension


def _read_leveled(kind: Kind, name: str) -> FileName:
    fields, version, extension = split(name)
    _check_shape(kind, fields, version, (5,), LEVEL_FORM)
    _, instrument, level, descriptor, day = fields
    _check_choice("instrument", instrument, INSTRUMENTS)
    _check_choice("data level", level, DATA_LEVELS)
    if not descriptor:
        raise NameFault(f"has an empty descriptor; {_article(kind)} name is {LEVEL_FORM}")
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
    fields, version, extension = split(name)
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


def looks_first_generation(name: str) -> bool:
    """Whether this has the fields and the version of a name of the first generation."""
    fields, version, _ = split(name)
    return len(fields) == 6 and G1_VERSION.fullmatch(version) is not None


def read_first_generation(name: str) -> FileName:
    """Read a name of the first generation. Raises NameFault."""
    fields, version, extension = split(name)
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
    if not EIGHT_DIGITS.fullmatch(text):
        raise NameFault(f"has {text!r} in place of a date; write YYYYMMDD")
    if day_of(text) is None:
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
    match = VERSION.fullmatch(text)
    if not match:
        raise NameFault(f"has {text!r} in place of a version; write vMMM.mmmm or vNNN, as in v001.0002")
    return _number(match[1]), int(match[2] or match[3])


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _article(kind: Kind) -> str:
    return f"an {kind}" if kind is Kind.ANCILLARY else f"a {kind}"


@lru_cache(maxsize=4096)
def day_of(text: str) -> date | None:
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
