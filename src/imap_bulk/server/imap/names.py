"""File names as the SDC's services took them: what is refused, and in which words.

The service of 2026 reads names as `filenames` does. That of 2024 knew science files with a version vNNN, and
kernels by their suffix; its words are those of the validator in imap-data-access 0.10.1, which it ran.
"""

import re
from dataclasses import dataclass

from imap_bulk import filenames
from imap_bulk.errors import BadName
from imap_bulk.filenames import FileName, Kind


@dataclass(frozen=True, slots=True)
class Columns:
    """The values of PostgreSQL's ENUM columns: a comparison with any other makes the database fail."""

    instrument: tuple[str, ...]
    data_level: tuple[str, ...]
    extension: dict[str, tuple[str, ...]]
    """By table."""

    def check(self, table: str, name: str, value: str) -> None:
        """Raise ValueError where PostgreSQL would fail."""
        known = {"instrument": self.instrument, "data_level": self.data_level}.get(name)
        if name == "extension":
            known = self.extension[table]
        if known is not None and value not in known:
            raise ValueError(f'invalid input value for enum {name}: "{value}"')


YEAR_2024 = Columns(
    ("codice", "glows", "hi", "hit", "idex", "lo", "mag", "swapi", "swe", "ultra"),
    (
        "l0", "l1", "l1a", "l1b", "l1c", "l1ca", "l1cb", "l1d", "l2", "l3", "l3a", "l3b", "l3c", "l3d",
    ),
    {"science": ("cdf", "pkts")},
)  # fmt: skip
YEAR_2026 = Columns(
    filenames.INSTRUMENTS,
    filenames.DATA_LEVELS,
    {
        "science": filenames.SCIENCE_EXTENSIONS,
        "ancillary": filenames.ANCILLARY_EXTENSIONS,
        "quicklook": filenames.QUICKLOOK_EXTENSIONS,
    },
)

_KERNEL_DIRECTORIES = {
    "bc": "ck", "bpc": "pck", "bsp": "spk", "tf": "fk", "tls": "lsk", "tm": "mk", "tpc": "pck", "tsc": "sclk",
}  # fmt: skip
_KERNEL = re.compile(rf"[A-Za-z0-9_-][A-Za-z0-9_.-]{{0,200}}\.({'|'.join(_KERNEL_DIRECTORIES)})")
_FORM_2024 = "<mission>_<instrument>_<datalevel>_<descriptor>_<startdate>(-<repointing>)_<version>.<extension>"
_FIRST_GENERATION = re.compile(r"imap_[^_]+_[^_]+_[^_]+_[0-9]{8}_[0-9]{8}_v[0-9]{2}-[0-9]{2}\.[a-z]+")
_SCIENCE_2024 = re.compile(r"imap_([^_]+)_([^_]+)_[^_]+_([0-9]{8})(?:-repoint[0-9]{5})?_v[0-9]{3}\.(cdf|pkts)")


def read_name_of_2026(name: str, *, legacy: bool) -> FileName:
    """Read a name. Raises BadName in the words of the service of 2026."""
    try:
        return filenames.parse(name, legacy=legacy)
    except BadName:
        said = f"error: {name} does not match ancillary, science, cadence, or SPICE file naming convention."
        raise BadName(said) from None


def read_name_of_2024(name: str, *, legacy: bool) -> FileName:
    """Read a name. Raises BadName in the words of the service of 2024, which took kernels of any stem."""
    if legacy and _FIRST_GENERATION.fullmatch(name):
        return filenames.parse(name, legacy=True)
    if fault := _fault_of_2024(name):
        raise BadName(fault)
    try:
        return filenames.parse(name)
    except BadName:
        return _kernel_of_2024(name)


def _kernel_of_2024(name: str) -> FileName:
    extension = name.rpartition(".")[2]
    return FileName(name, Kind.SPICE, f"imap/spice/{_KERNEL_DIRECTORIES[extension]}/{name}", extension)


def _fault_of_2024(name: str) -> str | None:
    """Tell what is wrong with a name: a line per fault, or None."""
    if _KERNEL.fullmatch(name):
        return None
    match = _SCIENCE_2024.fullmatch(name)
    if not match:
        return f"Filename {name} does not match expected pattern: {_FORM_2024}"
    instrument, level, date, extension = match.groups()
    lines = []
    if instrument not in YEAR_2024.instrument:
        lines.append(f"Invalid instrument {instrument}. Please choose from {_as_set(YEAR_2024.instrument)}")
    if level not in YEAR_2024.data_level:
        lines.append(f"Invalid data level {level}. Please choose from {_as_set(YEAR_2024.data_level)}")
    if not filenames.is_date(date):
        lines.append("Invalid start date format. Please use YYYYMMDD format.")
    if (level == "l0") != (extension == "pkts"):
        lines.append(
            "Invalid extension. Extension should be pkts for data level l0 and cdf for data level higher than l0"
        )
    return "".join(f"{line} \n" for line in lines) or None


def _as_set(values: tuple[str, ...]) -> str:
    return f"{{{', '.join(map(repr, values))}}}"
