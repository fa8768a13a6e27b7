"""Cutouts: sizes, positions, and one spelling for each, so that each has one name."""

import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.archives.lsst.cutouts import Cutout, Position, Size, read_positions
from imap_bulk.errors import BadManifest, BadQuery


def read(text: str, size: str | None = "30arcsec") -> list[Position]:
    return list(read_positions(io.StringIO(text, newline=""), "stars.csv", Size.parse(size) if size else None))


@pytest.mark.parametrize(
    ("text", "width", "height", "unit"),
    [
        ("30arcsec", "30", "30", "arcsec"),
        ("30x45arcsec", "30", "45", "arcsec"),
        ("100pix", "100", "100", "pix"),
        ("2arcmin", "2", "2", "arcmin"),
        ("0.5x1.25arcmin", "0.5", "1.25", "arcmin"),
        (" 30ArcSec ", "30", "30", "arcsec"),
    ],
)
def test_a_size_is_read(text: str, width: str, height: str, unit: str) -> None:
    assert Size.parse(text) == Size(Decimal(width), Decimal(height), unit)


@pytest.mark.parametrize(
    "text", ["", "30", "arcsec", "30x", "x30pix", "0pix", "-1pix", "1.5pix", "30deg", "1..2arcsec", ".arcsec"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="no size of a cutout"):
        Size.parse(text)


@pytest.mark.parametrize(
    ("size", "plane", "params"),
    [
        ("30x45arcsec", "", {"widthAng": "30", "heightAng": "45"}),
        ("100pix", "", {"widthPix": "100", "heightPix": "100"}),
        ("2arcmin", "", {"deltaRa": "2", "deltaDec": "2"}),
        ("2arcmin", "mask", {"deltaRa": "2", "deltaDec": "2"}),
        ("30arcsec", "mask", {"deltaRa": "0.5", "deltaDec": "0.5"}),
    ],
)
def test_a_size_on_the_sky_chooses_the_form_of_the_request(size: str, plane: str, params: dict[str, str]) -> None:
    cutout = Cutout(Decimal("10.50"), Decimal("-0.0"), Size.parse(size))
    assert cutout.params(plane) == {"ra": "10.5", "dec": "0", **params}


def test_a_cutout_about_a_pixel_has_its_size_in_pixels() -> None:
    cutout = Cutout(Decimal(1), Decimal(2), Size.parse("30x40pix"), on_sky=False)
    assert cutout.params("mask") == {"x": "1", "y": "2", "width": "30", "height": "40"}
    with pytest.raises(BadQuery, match="has its size in pixels"):
        Cutout(Decimal(1), Decimal(2), Size.parse("30arcsec"), on_sky=False).params()


def test_one_plane_of_a_size_in_pixels_about_a_place_is_refused() -> None:
    with pytest.raises(BadQuery, match="arcsec or arcmin"):
        Cutout(Decimal(1), Decimal(2), Size.parse("30pix")).params("mask")


def test_positions_on_the_sky_are_read() -> None:
    (first, second) = read("\ufeffid, RA ,decl,name\n5646240694,10.5,-0.25,star\n\n7,1e1,+2,\n")
    size = Size.parse("30arcsec")
    assert first == Position(2, "5646240694", Cutout(Decimal("10.5"), Decimal("-0.25"), size), "star")
    assert second == Position(4, "7", Cutout(Decimal(10), Decimal(2), size))


def test_positions_in_pixels_are_read() -> None:
    (found,) = read("id,x,y\n7,100,20\n", "9pix")
    assert found.cutout == Cutout(Decimal(100), Decimal(20), Size.parse("9pix"), on_sky=False)


@pytest.mark.parametrize(
    ("cells", "size", "told"),
    [
        ("20,40", "30arcsec", "20x40arcsec"),
        ("20,", "30arcsec", "20arcsec"),
        (",", "30arcsec", "30arcsec"),
        ("20arcmin,40arcmin", None, "20x40arcmin"),
    ],
)
def test_a_line_may_tell_its_own_size(cells: str, size: str | None, told: str) -> None:
    (found,) = read(f"id,ra,dec,width,height\n7,1,2,{cells}\n", size)
    assert found.cutout.size == Size.parse(told)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("7,x,2,,,", "line 2: the ra 'x' is no number"),
        ("7,,2,,,", "line 2: the ra '' is no number"),
        ("7,nan,2,,,", "line 2: the ra 'nan' is no number"),
        ("7,361,2,,,", "line 2: there is no place at ra 361, dec 2"),
        ("7,1,-91,,,", "line 2: there is no place at ra 1, dec -91"),
        ("7,1,2,0,,", "line 2: '0' is no size"),
        ("7,1,2,3pix,4arcsec,", "line 2: the width is in pix, the height in arcsec"),
        ("7,1,2,,,../x", "line 2: the name '../x' becomes part of a file's"),
        ("7,1,2,,,a,b", "line 2: 7 cells under a header of 6"),
        ('7,"1,2,,,', "line 2: unexpected end of data"),
    ],
)
def test_a_bad_line_is_named(line: str, problem: str) -> None:
    with pytest.raises(BadManifest, match=r"stars\.csv has 1 problem") as caught:
        read(f"id,ra,dec,width,height,name\n{line}\n")
    assert caught.value.problems[0].startswith(problem)


def test_all_bad_lines_are_told_and_the_rest_counted() -> None:
    with pytest.raises(BadManifest, match="30 problems") as caught:
        read("id,ra,dec\n" + "7,x,2\n" * 30)
    assert len(caught.value.problems) == 21
    assert caught.value.problems[-1] == "… and 10 more"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no header"),
        ("id,ra\n7,1\n", "no header"),
        ("7,1,2\n", "no header"),
        ("id,ra,dec,x,y\n", "leave one out"),
        ("id,ra,dec\n", "lists no positions"),
    ],
)
def test_what_is_no_list_of_positions_is_refused(text: str, problem: str) -> None:
    with pytest.raises(BadManifest, match=problem):
        read(text)


def test_a_position_without_a_size_is_refused() -> None:
    with pytest.raises(BadManifest) as caught:
        read("id,ra,dec\n7,1,2\n", None)
    assert "give --size" in caught.value.problems[0]


numbers = st.decimals(0, 89, places=6)


@given(numbers, numbers, st.integers(0, 9))
def test_one_place_has_one_spelling(ra: Decimal, dec: Decimal, zeros: int) -> None:
    plain = f"id,ra,dec\n7,{ra:f},{dec:f}\n"
    longer = f"id,ra,dec\n7,{ra:f}{'0' * zeros},+{dec:f}{'0' * zeros}\n"
    one, other = (read(text)[0].cutout.params() for text in (plain, longer))
    assert one == other


@given(st.text(max_size=200))
def test_any_text_is_positions_or_a_problem(text: str) -> None:
    try:
        found: list[Any] = read("id,ra,dec\n" + text)
    except BadManifest:
        return
    assert found
