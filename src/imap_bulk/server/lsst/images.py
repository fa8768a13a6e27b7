"""Images as FITS: the sky about a position, with the catalogue's stars on it, the same bytes at every request.

Pixels count from 0, x along NAXIS1. A file has an empty primary HDU, then IMAGE, MASK and VARIANCE; a raw image
has no mask and no variance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from imap_bulk.server.lsst.astronomical import serialized
from imap_bulk.server.lsst.sample import ARCSEC_PER_PIXEL, HEIGHT, PLANES, STARS, WIDTH, Image
from imap_bulk.server.lsst.sky import separation

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

MASK_BITS = {
    "BAD": 0,
    "SAT": 1,
    "INTRP": 2,
    "CR": 3,
    "EDGE": 4,
    "DETECTED": 5,
    "DETECTED_NEGATIVE": 6,
    "SUSPECT": 7,
    "NO_DATA": 8,
}
EXTENSIONS = {"data": "IMAGE", "mask": "MASK", "variance": "VARIANCE"}
"""Plane -> name of its HDU."""

_SKY = 100.0
_GAIN = 2.0
_STAR_WIDTH = 1.8
"""Sigma of a star, in pixels."""

_EDGE_PIXELS = 4
_SATURATED, _DETECTED = 4000.0, 130.0
_NEAR_DEGREES = 10.0
_KEPT_IMAGES = 32


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of an image: x from `left` to before `right`, y from `bottom` to before `top`."""

    left: int
    bottom: int
    right: int
    top: int

    def clipped(self) -> "Box | None":
        """Return what lies within an image; None if nothing does."""
        inside = Box(max(0, self.left), max(0, self.bottom), min(WIDTH, self.right), min(HEIGHT, self.top))
        return inside if inside.left < inside.right and inside.bottom < inside.top else None


WHOLE = Box(0, 0, WIDTH, HEIGHT)


def wcs(image: Image) -> "WCS":
    """Return the tangential projection whose centre is the middle of the image, north up and east left."""
    from astropy.wcs import WCS

    projection = WCS(naxis=2)
    projection.wcs.ctype = "RA---TAN", "DEC--TAN"
    projection.wcs.crval = image.ra, image.dec
    projection.wcs.crpix = (WIDTH + 1) / 2, (HEIGHT + 1) / 2
    projection.wcs.cdelt = -ARCSEC_PER_PIXEL / 3600, ARCSEC_PER_PIXEL / 3600
    projection.wcs.radesys, projection.wcs.equinox = "ICRS", 2000.0
    projection.wcs.set()
    return projection


def pixel(image: Image, ra: float, dec: float) -> tuple[float, float] | None:
    """Return where a position is on the image or beside it; None for one far away, which a plane cannot show."""
    if separation(ra, dec, image.ra, image.dec) > _NEAR_DEGREES:
        return None
    x, y = wcs(image).all_world2pix(ra, dec, 0)
    return float(x), float(y)


def contains(image: Image, ra: float, dec: float) -> bool:
    """Tell whether a position is on the image."""
    place = pixel(image, ra, dec)
    return place is not None and -0.5 <= place[0] < WIDTH - 0.5 and -0.5 <= place[1] < HEIGHT - 0.5


def render(image: Image, kind: str, planes: Sequence[str], box: Box, seed: int) -> bytes:
    """Return the pixels of a box as a FITS file; takes tens of milliseconds, so call it in a thread."""
    from astropy.io import fits

    everything = _pixels(image, kind, seed)
    units: list[Any] = [fits.PrimaryHDU(header=_primary_header(image, kind))]
    for plane in planes:
        part = everything[plane][box.bottom : box.top, box.left : box.right]
        units.append(fits.ImageHDU(part.copy(), header=_header(image, plane, box), name=EXTENSIONS[plane]))
    return serialized(units)


@lru_cache(maxsize=_KEPT_IMAGES)
def _pixels(image: Image, kind: str, seed: int) -> dict[str, Any]:
    """Return the planes of a whole image as arrays of (HEIGHT, WIDTH): float32, int32, float32."""
    import numpy as np

    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = np.full((HEIGHT, WIDTH), _SKY)
    for star in STARS:
        place = pixel(image, star.ra, star.dec)
        if place is not None:
            square = (columns - place[0]) ** 2 + (rows - place[1]) ** 2
            light += star.flux * np.exp(-square / (2 * _STAR_WIDTH**2))
    noise = np.random.default_rng([seed, image.id, PLANES[kind] == ("data",)])
    variance = light / _GAIN
    planes = {
        "data": (light + noise.standard_normal(light.shape) * np.sqrt(variance)).astype("float32"),
        "mask": _mask(light),
        "variance": variance.astype("float32"),
    }
    return {plane: planes[plane] for plane in PLANES[kind]}


def _mask(light: Any) -> Any:
    import numpy as np

    mask = np.zeros(light.shape, "int32")
    mask[light > _DETECTED] |= 1 << MASK_BITS["DETECTED"]
    mask[light > _SATURATED] |= 1 << MASK_BITS["SAT"]
    edge = np.ones(light.shape, bool)
    edge[_EDGE_PIXELS:-_EDGE_PIXELS, _EDGE_PIXELS:-_EDGE_PIXELS] = False
    mask[edge] |= 1 << MASK_BITS["EDGE"]
    return mask


def _primary_header(image: Image, kind: str) -> "Header":
    from astropy.io import fits

    header = fits.Header()
    header["TELESCOP"] = "LSST", "an imitation of it"
    header["IMGKIND"] = kind
    header["IMGID"] = image.id
    header["FILTER"] = image.filter
    header["DATE-OBS"] = image.created.strftime("%Y-%m-%dT%H:%M:%S")
    return header


def _header(image: Image, plane: str, box: Box) -> "Header":
    header = wcs(image).to_header()
    header["CRPIX1"] -= box.left
    header["CRPIX2"] -= box.bottom
    header["LTV1"] = -box.left, "x of the cutout = x of the image + LTV1"
    header["LTV2"] = -box.bottom
    if plane == "mask":
        for name, bit in MASK_BITS.items():
            keyword = f"MP_{name}"
            header[keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"] = bit
    return header
