"""Cutouts: the place that was asked for lies where it must, on an image of the size that was asked for."""

from decimal import Decimal
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.wcs import WCS
from tests.archives.lsst.conftest import Pull, Serve

from imap_bulk import errors
from imap_bulk.archives.lsst import ImageQuery, LsstArchive
from imap_bulk.archives.lsst.cutouts import Cutout, Position, Size
from imap_bulk.model import Status
from imap_bulk.settings import Settings

ID, RA, DEC = "5646240694", "37.6292", "0.1042"
"""The first exposure, in the middle of which there is a star."""
ARCSEC = 0.396
"""Of a pixel."""


def query(size: str, ra: str = RA, dec: str = DEC, *, on_sky: bool = True, **more: object) -> ImageQuery:
    position = Position(2, ID, Cutout(Decimal(ra), Decimal(dec), Size.parse(size), on_sky))
    return ImageQuery.of("L2", "DR1", "calexp", cutouts=[position], **more)


def opened(path: Path, plane: str = "IMAGE") -> tuple[fits.ImageHDU, tuple[int, int]]:
    with fits.open(path) as units:
        return units[plane].copy(), units[plane].shape


@pytest.mark.parametrize(
    ("size", "width", "height"),
    [
        ("30arcsec", 30 / ARCSEC, 30 / ARCSEC),
        ("30x45arcsec", 30 / ARCSEC, 45 / ARCSEC),
        ("0.5arcmin", 30 / ARCSEC, 30 / ARCSEC),
        ("0.5x1arcmin", 30 / ARCSEC, 60 / ARCSEC),
        ("100pix", 100, 100),
        ("40x60pix", 40, 60),
    ],
)
@pytest.mark.parametrize("deployed", [False, True])
async def test_the_place_lies_in_the_middle(
    serve: Serve, pull: Pull, settings: Settings, size: str, width: float, height: float, deployed: bool
) -> None:
    pulled = await pull(LsstArchive(await serve(), settings=settings), query(size, deployed=deployed))
    assert pulled.only.status is Status.DONE
    unit, (rows, columns) = opened(pulled.root / pulled.only.transfer.key)
    assert [columns, rows] == pytest.approx([width, height], abs=1)
    x, y = map(float, WCS(unit.header).all_world2pix(float(RA), float(DEC), 0))
    assert [x, y] == pytest.approx([columns / 2, rows / 2], abs=1.5)
    brightest_y, brightest_x = divmod(int(unit.data.argmax()), columns)
    assert [brightest_x, brightest_y] == pytest.approx([x, y], abs=1.5)


@pytest.mark.parametrize("size", ["30arcsec", "0.5arcmin"])
async def test_one_plane_is_cut_as_well(serve: Serve, pull: Pull, settings: Settings, size: str) -> None:
    pulled = await pull(LsstArchive(await serve(), settings=settings), query(size, plane="mask"))
    with fits.open(pulled.root / pulled.only.transfer.key) as units:
        assert [unit.name for unit in units] == ["PRIMARY", "MASK"]
        assert units["MASK"].shape == (pytest.approx(75, abs=1), pytest.approx(75, abs=1))


async def test_a_cutout_about_a_pixel_begins_where_it_must(serve: Serve, pull: Pull, settings: Settings) -> None:
    pulled = await pull(
        LsstArchive(await serve(), settings=settings), query("20x10pix", "100", "60", on_sky=False)
    )
    unit, shape = opened(pulled.root / pulled.only.transfer.key)
    assert shape == (10, 20)
    assert (unit.header["LTV1"], unit.header["LTV2"]) == (-90, -55)


async def test_a_cutout_is_clipped_at_the_edge(serve: Serve, pull: Pull, settings: Settings) -> None:
    pulled = await pull(LsstArchive(await serve(), settings=settings), query("20pix", "2", "60", on_sky=False))
    _, shape = opened(pulled.root / pulled.only.transfer.key)
    assert shape == (20, 12)


async def test_a_cutout_outside_is_not_found(serve: Serve, pull: Pull, settings: Settings) -> None:
    pulled = await pull(LsstArchive(await serve(), settings=settings), query("30arcsec", "200", "0"))
    assert type(pulled.only.error) is errors.NotFound


async def test_a_position_without_an_image_is_cut_from_each_id(
    serve: Serve, pull: Pull, settings: Settings
) -> None:
    position = Position(2, "", Cutout(Decimal(RA), Decimal(DEC), Size.parse("9pix")))
    wanted = ImageQuery.of("L2", "DR1", "calexp", ids=(ID, "5646140694"), cutouts=[position, position])
    pulled = await pull(LsstArchive(await serve(), settings=settings), wanted)
    assert pulled.result.done == pulled.result.wanted == 2


async def test_a_position_without_any_image_is_refused(serve: Serve, settings: Settings) -> None:
    position = Position(2, "", Cutout(Decimal(RA), Decimal(DEC), Size.parse("9pix")))
    async with LsstArchive(await serve(), settings=settings) as archive:
        with pytest.raises(errors.BadQuery, match="line 2 names no image"):
            [file async for file in archive.search(ImageQuery.of("L2", "DR1", "calexp", cutouts=[position]))]
