"""The image service answers I5 to I12 of the page, and what once ran; cutouts lie where they must."""

import io
import math
from typing import Any

import pytest
from astropy.io import fits
from astropy.wcs import WCS
from tests.server.conftest import Answer
from tests.server.lsst.conftest import Astronomer, StartLsst

from imap_bulk.digest import Digest, hasher
from imap_bulk.server.lsst.sample import IMAGES, STARS, Image, Star

PIXELS = 0.396
"""Arc seconds in one."""

CALEXP = "/image/v0/L2/DR1/calexp/5646240694"
RA, DEC = 37.6292, 0.1042
"""Of its middle."""

FAR_NORTH = next(image for image in IMAGES["deepCoadd"] if image.dec == 60)
NORTHERN = f"/image/v0/L2/DR1/deepCoadd/{FAR_NORTH.id}"


class Opened:
    """The HDUs of an answer, their checksums verified."""

    def __init__(self, answer: Answer) -> None:
        assert answer.status == 200, answer.text
        assert answer.headers["Content-Type"] == "image/fits"
        assert len(answer.body) % 2880 == 0
        with fits.open(io.BytesIO(answer.body), checksum=True, memmap=False) as units:
            self.names = [unit.name for unit in units]
            self.data = {unit.name: unit.data for unit in units[1:]}
            self.header = {unit.name: unit.header for unit in units}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.data[self.names[1]].shape
        return width, height

    @property
    def wcs(self) -> Any:
        return WCS(self.header[self.names[1]])

    @property
    def origin(self) -> tuple[int, int]:
        """Which pixel of the whole image is the first one here."""
        header = self.header[self.names[1]]
        return -header["LTV1"], -header["LTV2"]

    def pixel(self, ra: float, dec: float) -> tuple[float, float]:
        x, y = self.wcs.all_world2pix(ra, dec, 0)
        return float(x), float(y)


async def opened(astronomer: Astronomer, path: str) -> Opened:
    return Opened(await astronomer.ask(path))


# --- the page's form


async def test_i5_lists_all_images_of_a_kind(astronomer: Astronomer) -> None:
    answer = await astronomer.told("/image/v0/L2/DR1/deepCoadd?start=1;count=2&plane=mask")
    first, second = IMAGES["deepCoadd"][1:3]
    base = f"{astronomer.server.url}/image/v0/L2/DR1/deepCoadd"
    assert answer["results"] == [f"{base}/{first.id}?plane=mask", f"{base}/{second.id}?plane=mask"]
    assert (answer["more"], answer["stable"]) == (True, True)


async def test_i6_gives_three_planes(astronomer: Astronomer) -> None:
    image = await opened(astronomer, CALEXP)
    assert image.names == ["PRIMARY", "IMAGE", "MASK", "VARIANCE"]
    assert image.size == (256, 200)
    assert [image.data[name].dtype.name for name in image.names[1:]] == ["float32", "int32", "float32"]
    assert (image.data["VARIANCE"] > 0).all()
    assert image.header["MASK"]["MP_DETECTED_NEGATIVE"] == 6


async def test_i6_gives_the_same_bytes_at_every_request(start_lsst: StartLsst, tmp_path: Any) -> None:
    one, other = await start_lsst(), await start_lsst(root=tmp_path, rows=30)
    for path in (CALEXP, f"{CALEXP}/cutout?x=9&y=9&width=9&height=9"):
        first = await one.ask(path)
        assert (await one.ask(path)).body == first.body == (await other.ask(path)).body


@pytest.mark.parametrize(("plane", "name"), [("data", "IMAGE"), ("mask", "MASK"), ("variance", "VARIANCE")])
async def test_i7_gives_the_plane_that_is_asked_for(astronomer: Astronomer, plane: str, name: str) -> None:
    whole, part = await opened(astronomer, CALEXP), await opened(astronomer, f"{CALEXP}?plane={plane}")
    assert part.names == ["PRIMARY", name]
    assert (part.data[name] == whole.data[name]).all()


async def test_i7_knows_no_other_plane_and_no_mask_of_a_raw_image(astronomer: Astronomer) -> None:
    assert (await astronomer.ask(f"{CALEXP}?plane=colour")).status == 400
    assert (await astronomer.ask("/image/v0/L2/DR1/raw/5646240694?plane=mask")).status == 404
    assert (await opened(astronomer, "/image/v0/L1/live/raw/5646240694")).names == ["PRIMARY", "IMAGE"]


async def test_kinds_and_levels_are_known_whatever_their_case(astronomer: Astronomer) -> None:
    assert (await astronomer.ask("/image/v0/l2/DR1/calExp/5646240694")).status == 200


@pytest.mark.parametrize("path", ["/1", "/x", "/-5", "/5646240694000000000000000"])
async def test_an_image_that_is_not_there_is_not_found(astronomer: Astronomer, path: str) -> None:
    answer = await astronomer.ask(f"/image/v0/L2/DR1/calexp{path}")
    assert (answer.status, answer.json) == (404, {"exception": "OSError", "message": "Image Not Found"})


async def test_i8_cuts_about_a_pixel(astronomer: Astronomer) -> None:
    whole = await opened(astronomer, CALEXP)
    part = await opened(astronomer, f"{CALEXP}/cutout?x=100&y=60&width=30&height=20")
    assert (part.size, part.origin) == ((30, 20), (85, 50))
    for name in ("IMAGE", "MASK", "VARIANCE"):
        assert (part.data[name] == whole.data[name][50:70, 85:115]).all()
    assert part.pixel(RA, DEC) == pytest.approx((127.5 - 85, 99.5 - 50), abs=1e-6)


async def test_i8_gives_one_plane_where_one_is_asked_for(astronomer: Astronomer) -> None:
    part = await opened(astronomer, f"{CALEXP}/cutout?x=100&y=60&width=30&height=20&plane=mask")
    assert part.names == ["PRIMARY", "MASK"]


async def test_i9_cuts_between_corners_that_belong_to_it(astronomer: Astronomer) -> None:
    part = await opened(astronomer, f"{CALEXP}/cutout?x1=1&y1=1&x2=2&y2=3")
    assert (part.size, part.origin) == ((2, 3), (1, 1))
    assert (await opened(astronomer, f"{CALEXP}/cutout?x1=255&y1=199&x2=255&y2=199")).size == (1, 1)


async def test_i10_measures_in_arc_minutes_on_the_sky(astronomer: Astronomer) -> None:
    image = await opened(astronomer, f"{NORTHERN}/cutout?ra=120&dec=60&deltaRa=0.5&deltaDec=0.25")
    assert image.size == (int(30 / PIXELS), int(15 / PIXELS))
    width, height = image.size
    east, west = (image.wcs.all_pix2world(x, height / 2, 0)[0] for x in (-0.5, width - 0.5))
    # At declination 60, half an arc minute on the sky is a whole one of right ascension.
    assert (east - west) * 60 == pytest.approx(0.5 / math.cos(math.radians(60)), abs=0.02)


async def test_i11_measures_in_arc_seconds(astronomer: Astronomer) -> None:
    image = await opened(astronomer, f"{CALEXP}/cutout?ra={RA}&dec={DEC}&widthAng=12&heightAng=4")
    assert image.size == (int(12 / PIXELS), int(4 / PIXELS))


async def test_i12_measures_in_pixels(astronomer: Astronomer) -> None:
    image = await opened(astronomer, f"{CALEXP}/cutout?ra={RA}&dec={DEC}&widthPix=31&heightPix=11")
    assert image.size == (31, 11)


async def test_a_cutout_at_a_star_of_the_catalogue_shows_it_in_the_middle(astronomer: Astronomer) -> None:
    shown = 0
    for image in IMAGES["deepCoadd"][4:]:
        for star in (star for star in STARS if is_near(image, star)):
            box = f"ra={star.ra}&dec={star.dec}&widthPix=21&heightPix=21&plane=data"
            part = await opened(astronomer, f"/image/v0/L2/DR1/deepCoadd/{image.id}/cutout?{box}")
            x, y = part.pixel(star.ra, star.dec)
            assert 10.5 <= x < 11.5
            assert 10.5 <= y < 11.5
            row, column = divmod(part.data["IMAGE"].argmax(), 21)
            assert (column, row) == pytest.approx((x, y), abs=2)
            shown += 1
    assert shown >= 12


def is_near(image: Image, star: Star) -> bool:
    east = abs((image.ra - star.ra + 180) % 360 - 180) * math.cos(math.radians(image.dec))
    return east < 0.012 and abs(image.dec - star.dec) < 0.009


async def test_a_bright_star_is_saturated_and_the_edge_is_marked(astronomer: Astronomer) -> None:
    image = await opened(astronomer, CALEXP)
    mask = image.data["MASK"]
    x, y = image.pixel(RA, DEC)
    assert mask[round(y), round(x)] >> image.header["MASK"]["MP_SAT"] & 1
    assert mask[0, 100] >> image.header["MASK"]["MP_EDGE"] & 1
    assert not mask[50, 100] >> image.header["MASK"]["MP_EDGE"] & 1


@pytest.mark.parametrize(
    ("box", "size", "origin"),
    [
        ("x=0&y=0&width=20&height=20", (10, 10), (0, 0)),
        ("x=255&y=199&width=20&height=20", (11, 11), (245, 189)),
        ("x1=-9&y1=190&x2=4&y2=999", (5, 10), (0, 190)),
        (f"ra={RA}&dec={DEC}&widthAng=9e9&heightAng=9e9", (256, 200), (0, 0)),
    ],
)
async def test_a_box_over_the_edge_is_clipped(
    astronomer: Astronomer, box: str, size: tuple[int, int], origin: tuple[int, int]
) -> None:
    part = await opened(astronomer, f"{CALEXP}/cutout?{box}")
    assert (part.size, part.origin) == (size, origin)
    assert part.pixel(RA, DEC) == pytest.approx((127.5 - origin[0], 99.5 - origin[1]), abs=1e-6)


@pytest.mark.parametrize(
    "box",
    [
        "x=300&y=0&width=20&height=20",
        "x1=256&y1=0&x2=300&y2=9",
        "ra=38&dec=0.1&widthPix=9&heightPix=9",
        f"ra={RA + 180}&dec={-DEC}&widthPix=9&heightPix=9",
        "ra=0&dec=90&deltaRa=1&deltaDec=1",
    ],
)
async def test_a_box_beside_the_image_is_not_found(astronomer: Astronomer, box: str) -> None:
    answer = await astronomer.ask(f"{CALEXP}/cutout?{box}")
    assert (answer.status, answer.json["message"]) == (404, "Image Not Found")


@pytest.mark.parametrize(
    "box",
    [
        "",
        "ra=37.6&dec=0.1",
        "ra=37.6&widthPix=9&heightPix=9",
        "ra=37.6&dec=0.1&widthPix=9",
        "ra=37.6&dec=91&widthPix=9&heightPix=9",
        "x=1&y=1&width=0&height=5",
        "x=nan&y=1&width=5&height=5",
        "x=1&y=1&width=inf&height=5",
        "x=one&y=1&width=5&height=5",
        "x1=5&y1=5&x2=4&y2=9",
    ],
)
async def test_a_box_that_makes_no_sense_is_refused(astronomer: Astronomer, box: str) -> None:
    answer = await astronomer.ask(f"{CALEXP}/cutout?{box}")
    assert (answer.status, answer.json["exception"]) == (400, "ValueError")
    assert answer.json["message"].startswith("INVALID_INPUT")


async def test_a_cutout_across_ra_zero_is_one_piece(astronomer: Astronomer) -> None:
    path = "/image/v0/L2/DR1/calexp/1752020100/cutout?ra=0&dec=0&widthPix=40&heightPix=40"
    part = await opened(astronomer, path)
    assert part.size == (40, 40)
    assert part.pixel(0.0, 0.0) == pytest.approx((20, 20), abs=1)


# --- in parts, and under conditions


async def test_an_image_tells_size_digest_and_validator(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(CALEXP)
    sha256 = hasher("sha256")
    sha256.update(answer.body)
    assert answer.headers["Repr-Digest"] == Digest("sha256", sha256.hexdigest()).repr_digest()
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["Content-Disposition"] == "attachment; filename=image.fits"
    head = await astronomer.ask(CALEXP, "HEAD")
    assert head.body == b""
    for name in ("ETag", "Content-Length", "Repr-Digest"):
        assert head.headers[name] == answer.headers[name]


@pytest.mark.parametrize("asked", ["bytes=0-99", "bytes=2880-", "bytes=-100", "bytes=636479-999999999"])
async def test_a_part_of_an_image_is_that_part(astronomer: Astronomer, asked: str) -> None:
    whole = await astronomer.ask(CALEXP)
    part = await astronomer.ask(CALEXP, range=asked, if_range=whole.headers["ETag"])
    first, last = (int(text) for text in part.headers["Content-Range"].split()[1].partition("/")[0].split("-"))
    assert part.status == 206
    assert part.body == whole.body[first : last + 1]
    assert part.headers["Repr-Digest"] == whole.headers["Repr-Digest"]


async def test_a_part_of_another_image_is_the_whole_of_this_one(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(CALEXP, range="bytes=0-99", if_range='"another"')
    assert answer.status == 200


async def test_a_part_behind_the_end_cannot_be_given(astronomer: Astronomer) -> None:
    answer = await astronomer.ask(CALEXP, range="bytes=636480-")
    assert (answer.status, answer.headers["Content-Range"]) == (416, "bytes */636480")
    assert (await astronomer.ask(CALEXP, range="lines=1-2")).status == 200


async def test_conditions_are_kept(astronomer: Astronomer) -> None:
    etag = (await astronomer.ask(CALEXP)).headers["ETag"]
    assert (await astronomer.ask(CALEXP, if_none_match=etag)).status == 304
    assert (await astronomer.ask(CALEXP, if_match='"another"')).status == 412
    assert (await astronomer.ask(CALEXP, if_match=etag)).status == 200


async def test_images_are_made_in_one_form_alone(astronomer: Astronomer) -> None:
    assert (await astronomer.ask(CALEXP, accept="image/jpeg, application/hdf5")).status == 406
    assert (await astronomer.ask(CALEXP, accept="image/jpeg, */*;q=0.1")).status == 200


# --- the form that once ran


@pytest.mark.parametrize(
    ("path", "image_id", "size"),
    [
        ("raw?ra=37.6292&dec=0.1042&filter=r", 5646240694, (256, 200)),
        ("raw?ra=37.637&dec=0.1042&filter=r", 5646240695, (256, 200)),
        ("calexp/ids?run=3325&camcol=1&field=171&filter=z", 3325410171, (256, 200)),
        ("deepCoadd/ids?tract=0&patch=366,0&filter=u", 23986176, (256, 200)),
        ("calexp/id?id=5646240694", 5646240694, (256, 200)),
        ("calexp/cutout?ra=37.6292&dec=0.1042&filter=g&width=12&height=4", 5646140694, (30, 10)),
        ("calexp/cutoutPixel?ra=37.6292&dec=0.1042&filter=i&width=12&height=4", 5646340694, (12, 4)),
        ("CalExp/5646240694/cutout?ra=37.6292&dec=0.1042&widthAng=12&heightAng=4", 5646240694, (30, 10)),
        ("deepCoadd/23986176/cutout?ra=9.5&dec=-1.16&widthPix=12&heightPix=4", 23986176, (12, 4)),
    ],
)
async def test_what_once_ran_is_answered_too(
    astronomer: Astronomer, path: str, image_id: int, size: tuple[int, int]
) -> None:
    image = await opened(astronomer, f"/image/v0/{path}")
    assert (image.header["PRIMARY"]["IMGID"], image.size) == (image_id, size)


@pytest.mark.parametrize("path", ["raw/ids?run=5646&camcol=4", "deepCoadd/ids?tract=0", "calexp/id"])
async def test_a_missing_key_is_told_with_200_as_it_was(astronomer: Astronomer, path: str) -> None:
    answer = await astronomer.ask(f"/image/v0/{path}")
    assert (answer.status, answer.text[:13]) == (200, "INVALID_INPUT")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("raw?ra=37.6292&dec=0.1042&filter=z", 400),
        ("raw?ra=37.6292&filter=r", 400),
        ("raw?ra=100&dec=0&filter=r", 404),
        ("raw/id?id=1", 404),
        ("raw/id?id=one", 400),
        ("calexp/5646240694/cutout?ra=37.6292&dec=0.1042", 400),
        ("nokind?ra=1&dec=1&filter=r", 404),
    ],
)
async def test_what_once_ran_refuses_in_json(astronomer: Astronomer, path: str, status: int) -> None:
    answer = await astronomer.ask(f"/image/v0/{path}")
    assert (answer.status, sorted(answer.json)) == (status, ["exception", "message"])
