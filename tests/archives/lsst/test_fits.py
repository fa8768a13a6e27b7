"""FITS files: whole or not by their headers alone, and held to the checksums within them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits as astropy_fits
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.archives.lsst import sums
from imap_bulk.archives.lsst.fits import BLOCK, Malformed, Short, Unit, units
from imap_bulk.archives.lsst.sums import Broken, Verdict


def image(*, checksum: bool = True, shape: tuple[int, int] = (20, 30), table: bool = False) -> bytes:
    pixels = np.arange(shape[0] * shape[1]).reshape(shape)
    parts: list[Any] = [
        astropy_fits.PrimaryHDU(),
        astropy_fits.ImageHDU(pixels.astype("f4"), name="IMAGE"),
        astropy_fits.ImageHDU(pixels.astype("i4"), name="MASK"),
        astropy_fits.ImageHDU(pixels.astype("u2"), name="VARIANCE"),
    ]
    if table:
        values = np.array([np.arange(3), np.arange(5)], dtype=object)
        parts.append(astropy_fits.BinTableHDU.from_columns([astropy_fits.Column("v", "PJ()", array=values)]))
    stream = io.BytesIO()
    astropy_fits.HDUList(parts).writeto(stream, checksum=checksum)
    return stream.getvalue()


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "part"


def read(part: Path, content: bytes) -> list[Unit]:
    part.write_bytes(content)
    return units(part)


def test_the_parts_of_a_file_are_told_by_their_headers(part: Path) -> None:
    found = read(part, image(table=True))
    assert [unit.name for unit in found] == ["", "IMAGE", "MASK", "VARIANCE", ""]
    assert [unit.data_bytes for unit in found][:4] == [0, 2400, 2400, 1200]
    assert found[-1].end == part.stat().st_size


def test_an_older_name_of_an_extension_counts(part: Path) -> None:
    content = image().replace(b"EXTNAME = 'MASK    '", b"EXTTYPE = 'MASK    '")
    assert [unit.name for unit in read(part, content)][2] == "MASK"


@pytest.mark.parametrize("lost", [1, 80, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_a_file_that_was_cut_off_is_short(part: Path, lost: int) -> None:
    with pytest.raises(Short):
        read(part, image()[:-lost])


def test_an_empty_file_is_short(part: Path) -> None:
    with pytest.raises(Short, match="empty"):
        read(part, b"")


@pytest.mark.parametrize("content", [b"{}", b"<html>" + bytes(BLOCK), image() + b"garbage" * 500, b"\0" * BLOCK])
def test_something_else_is_no_fits_file(part: Path, content: bytes) -> None:
    with pytest.raises(Malformed):
        read(part, content)


@pytest.mark.parametrize("card", [b"NAXIS   =                   -1", b"NAXIS   =                  1e9"])
def test_an_impossible_size_is_refused(part: Path, card: bytes) -> None:
    with pytest.raises(Malformed):
        read(part, image().replace(b"NAXIS   =                    2", card))


@given(st.binary(max_size=3 * BLOCK))
def test_any_bytes_are_a_file_or_malformed(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "part"
    path.write_bytes(b"SIMPLE  =" + content)
    try:
        units(path)
    except Malformed:
        return


def test_checksums_that_hold_are_kept(part: Path) -> None:
    part.write_bytes(image(table=True))
    assert sums.hold(part) is Verdict.KEPT


def test_a_file_without_checksums_proves_nothing(part: Path) -> None:
    part.write_bytes(image(checksum=False))
    assert sums.hold(part) is Verdict.MISSING


@pytest.mark.parametrize("unit", [1, 2, 3])
def test_one_wrong_bit_breaks_a_checksum(part: Path, unit: int) -> None:
    found = read(part, image())
    spoiled = bytearray(image())
    spoiled[found[unit].data_start + 7] ^= 1
    part.write_bytes(spoiled)
    with pytest.raises(Broken, match=f"DATASUM of its part {found[unit].name}"):
        sums.hold(part)


def test_a_wrong_header_breaks_a_checksum(part: Path) -> None:
    part.write_bytes(image().replace(b"PCOUNT  =                    0", b"PCOUNT  = 0                   ", 1))
    with pytest.raises(Broken, match="CHECKSUM of its part IMAGE"):
        sums.hold(part)


def test_what_astropy_cannot_read_is_broken(part: Path) -> None:
    part.write_bytes(b"no FITS file")
    with pytest.raises(Broken, match="astropy cannot read it"):
        sums.hold(part)


def test_a_missing_file_is_this_machines_trouble(part: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sums.hold(part)
