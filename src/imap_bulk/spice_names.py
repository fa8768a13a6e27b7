"""The names of SPICE kernels: thirteen conventions, as data.

Written after the official client, `imap-data-access` 1.3.0, whose patterns are not anchored at the end: there
`naif0012.tls~` counts as a kernel. Here it does only when lenience is asked for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

_TYPES_OF = {
    "activities": ("thruster",),
    "ck": ("attitude_history", "attitude_predict", "lo_pivot_attitude", "pointing_attitude"),
    "fk": ("imap_frames", "science_frames"),
    "lsk": ("leapseconds",),
    "mk": ("metakernel",),
    "pck": ("earth_attitude", "planetary_constants"),
    "repoint": ("repoint",),
    "sclk": ("spacecraft_clock",),
    "spin": ("spin",),
    "spk": (
        "ephemeris_90days", "ephemeris_launch", "ephemeris_long", "ephemeris_nominal", "ephemeris_predicted",
        "ephemeris_reconstructed", "lagrange_point", "planetary_ephemeris",
    ),
}  # fmt: skip
_DIRECTORY = {name: directory for directory, names in _TYPES_OF.items() for name in names}
SPICE_TYPES = tuple(sorted(_DIRECTORY))
"""What a SPICE query calls its types."""


class NameFault(Exception):
    """Why a name is outside one convention: the end of a sentence about it."""


@dataclass(frozen=True, slots=True)
class SpiceName:
    """What a kernel's name says; dates are YYYYMMDD, None where the name leaves a field out."""

    spice_type: str
    directory: str
    """Below `imap/spice/`."""
    extension: str
    """Everything after the first dot, in lower case."""
    start_date: str | None
    end_date: str | None
    repointing: int | None
    version: str | None
    """Its digits."""


class _Form(NamedTuple):
    written: str
    """For a person; holds every suffix that the pattern takes."""
    pattern: re.Pattern[str]
    types: Mapping[str, str]
    """What stands in the group `type`, letter case counting -> the type that queries know."""


def _form(written: str, pattern: str, types: Mapping[str, str]) -> _Form:
    """Spell out the shorthands of the table below: START, END, VERSION and TYPE are groups."""
    shorthands = (
        ("START", "(?P<start>DOY)"), ("END", "(?P<end>DOY)"), ("DOY", "[0-9]{4}_[0-9]{3}"),
        ("VERSION", "(?P<version>[0-9]+)"), ("TYPE", f"(?P<type>{'|'.join(map(re.escape, types))})"),
    )  # fmt: skip
    for short, long in shorthands:
        pattern = pattern.replace(short, long)
    return _Form(written, re.compile(pattern, re.IGNORECASE), types)


# The official order; as there, the first whose pattern matches the beginning of a name decides.
# fmt: off
_FORMS = (
    _form("imap_YYYY_DDD_YYYY_DDD_N.ah.bc (or .ap.bc, .spin, .spin.csv)", r"imap_START_END_VERSION\.TYPE",
        {"ah.bc": "attitude_history", "ap.bc": "attitude_predict", "spin.csv": "spin", "spin": "spin"}),
    _form("imap_dps_YYYY_DDD_YYYY_DDD_N.ah.bc", r"TYPE_START_END_VERSION\.ah\.bc",
        {"imap_dps": "pointing_attitude"}),
    _form("imap_lopivot-repointNNNNN_YYYY_DDD_YYYY_DDD_N.bc",
        r"TYPE-repoint(?P<repointing>[0-9]{5})_START_END_VERSION\.bc\Z", {"imap_lopivot": "lo_pivot_attitude"}),
    _form("imap_YYYY_DDD_N.repoint (or .repoint.csv)", r"imap_END_VERSION\.TYPE",
        {"repoint.csv": "repoint", "repoint": "repoint"}),
    _form("imap_TYPE_YYYYMMDD_YYYYMMDD_vN.bsp", r"imap_(?P<type>[a-z0-9-]+)_(?:od[0-9]{3}_)?"
        r"(?P<start>[0-9]{8})_(?P<end>[0-9]{8})(?:_v(?P<version>[0-9]*))?\.bsp",
        {"recon": "ephemeris_reconstructed", "nom": "ephemeris_nominal", "pred": "ephemeris_predicted",
         "90days": "ephemeris_90days", "long": "ephemeris_long", "launch": "ephemeris_launch"}),
    _form("deN.bsp, L1_deN.bsp, pckN.tpc, naifN.tls or imap_sclk_N.tsc",
        r"(?P<type>L1_de|[a-z_-]+)VERSION\.(?:tls|tpc|bsp|tsc)",
        {"de": "planetary_ephemeris", "L1_de": "lagrange_point", "pck": "planetary_constants",
         "naif": "leapseconds", "imap_sclk_": "spacecraft_clock"}),
    _form("imap_N.tf", r"imap_VERSION\.TYPE", {"tf": "imap_frames"}),
    _form("imap_YYYY_DDD_YYYY_DDD_TEXT_NN.sff", r"imap_START_END_[a-z0-9_-]+_(?P<version>[0-9]{2})\.TYPE",
        {"sff": "thruster"}),
    _form("imap_sdc_metakernel_YYYY_vNNN.tm",
        r"(?-i:imap_sdc_metakernel_(?P<start>[0-9]{4})_v(?P<version>[0-9]{3})\.TYPE)", {"tm": "metakernel"}),
    _form("imap_YYYY_DDD_aNN.spice.mk", r"imap_START_a(?P<version>[0-9]{2})\.spice\.TYPE",
        {"mk": "metakernel"}),
    _form("IMAP_YYYY_DDD_eNN.mk", r"IMAP_START_e(?P<version>[0-9]{2})\.TYPE", {"mk": "metakernel"}),
    _form("imap_science_N.tf", r"TYPE_VERSION\.tf", {"imap_science": "science_frames"}),
    _form("earth_YYMMDD_YYMMDD_YYMMDD.bpc",
        r"earth_(?P<start>[0-9]{6})_(?P<end>[0-9]{6})_(?P<prediction>[0-9]{6})\.TYPE",
        {"bpc": "earth_attitude"}),
)
# fmt: on


def read_spice(name: str, *, lenient: bool = False) -> SpiceName:
    """Read the name of a kernel; `lenient` also takes text after its extension. Raises `NameFault`."""
    match, types = _match(name)
    fields = match.groupdict()
    spice_type = types.get(fields["type"])
    if spice_type is None:
        raise NameFault(
            f"has the unknown SPICE type {fields['type']!r}; use one of {', '.join(types)}, letter by letter"
        )
    if match.end() != len(name) and not lenient:
        raise NameFault(f"goes on after its SPICE extension; cut {name[match.end() :]!r} off")
    days = {field: _day(fields[field]) for field in ("start", "end", "prediction") if fields.get(field)}
    return SpiceName(
        spice_type,
        _DIRECTORY[spice_type],
        match[0].partition(".")[2].lower(),
        days.get("start"),
        days.get("end"),
        int(fields["repointing"]) if fields.get("repointing") else None,
        fields.get("version") or None,
    )


def _match(name: str) -> tuple[re.Match[str], Mapping[str, str]]:
    for form in _FORMS:
        if match := form.pattern.match(name):
            return match, form.types
    suffix = "." + name.lower().rpartition(".")[2]
    forms = [form.written for form in _FORMS if suffix in form.written]
    if forms and "." in name:
        raise NameFault(f"is no SPICE name in {suffix}; write {', or '.join(forms)}")
    raise NameFault(
        "fits no convention; an IMAP name is like imap_mag_l2_norm-gse_20260115_v001.0002.cdf or, for SPICE, "
        "naif0012.tls"
    )


def _day(text: str) -> str:
    """Turn YYYYMMDD, YYYY_DDD, YYMMDD (1969 to 2068) or YYYY into YYYYMMDD. Raises `NameFault`."""
    try:
        day = _read_day(text)
    except (ValueError, OverflowError):
        raise NameFault(f"has the date {text}, which no calendar has; write a real day") from None
    return day.isoformat().replace("-", "")


def _read_day(text: str) -> date:
    if len(text) == 4:
        return date(int(text), 1, 1)
    if "_" in text:
        # Day 366 of a common year is the first of January after it, as the official client has it.
        day_of_year = int(text[5:])
        if not 1 <= day_of_year <= 366:
            raise ValueError(text)
        return date(int(text[:4]), 1, 1) + timedelta(days=day_of_year - 1)
    year, month, day = int(text[:-4]), int(text[-4:-2]), int(text[-2:])
    if len(text) == 6:
        year += 2000 if year < 69 else 1900
    return date(year, month, day)
