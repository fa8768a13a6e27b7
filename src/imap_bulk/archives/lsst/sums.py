"""The checksums that a FITS file carries of itself, held to it by astropy (extra: imap-bulk[lsst])."""

from collections.abc import Callable
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any


class Verdict(Enum):
    """What the checksums of a file say; `MISSING` where a unit with data has none."""

    KEPT = "kept"
    MISSING = "missing"


class Broken(Exception):
    """Which checksum does not hold."""


Sums = Callable[[Path], Verdict]
"""Holds a file to its checksums. Raises Broken, OSError."""


def load() -> Sums | None:
    """Import astropy, which takes half a second; None where it is not installed."""
    try:
        import_module("astropy.io.fits")
    except ImportError:
        return None
    return hold


def hold(path: Path) -> Verdict:
    """Hold each unit to its CHECKSUM and DATASUM. The file is mapped, not read into memory.

    Raises Broken where one does not hold or astropy cannot read the file, OSError where this machine cannot.
    """
    from astropy.io import fits

    verdict = Verdict.KEPT
    try:
        with fits.open(path, memmap=True, disable_image_compression=True) as units:
            for unit in units:
                _hold_unit(unit)
                if unit.size and "DATASUM" not in unit.header:
                    verdict = Verdict.MISSING
            return verdict if any(unit.size for unit in units) else Verdict.MISSING
    except (OSError, ValueError, TypeError, KeyError, fits.VerifyError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # this machine's trouble, not the file's
        raise Broken(f"astropy cannot read it ({error})") from error


def _hold_unit(unit: Any) -> None:
    for keyword, verify in (("DATASUM", unit.verify_datasum), ("CHECKSUM", unit.verify_checksum)):
        if verify() == 0:
            raise Broken(f"the {keyword} of its part {unit.name or 'PRIMARY'} does not hold")
