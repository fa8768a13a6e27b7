"""Which box of an image a request means: by centre and size, by corners, or about a position on the sky."""

import math
from collections.abc import Mapping

from imap_bulk.server.lsst.images import Box, pixel
from imap_bulk.server.lsst.sample import ARCSEC_PER_PIXEL, Image

_ARCSEC = {"deltaRa": 60.0, "deltaDec": 60.0, "widthAng": 1.0, "heightAng": 1.0}
"""Parameter -> arc seconds in its unit: of deltas, arc minutes on the sky."""


def box(image: Image, asked: Mapping[str, str]) -> Box | None:
    """Return the pixels that a cutout covers, clipped at the edges; None if it is beside the image.

    Raises ValueError for parameters that tell no box.
    """
    if "ra" in asked or "dec" in asked:
        centre = pixel(image, *position(asked))
        size = _size_about(asked)
        return around(*centre, *size).clipped() if centre else None
    if "x1" in asked:
        return _between(asked).clipped()
    if "x" in asked:
        centre = number(asked, "x"), number(asked, "y")
        return around(*centre, number(asked, "width"), number(asked, "height")).clipped()
    raise ValueError("INVALID_INPUT no position for cutout specified: give x and y, x1 to y2, or ra and dec")


def around(x: float, y: float, width: float, height: float) -> Box:
    """Return the box of a size in pixels about a point. Raises ValueError if it is smaller than one pixel."""
    if width < 1 or height < 1:
        raise ValueError("INVALID_INPUT a cutout is at least one pixel wide and high")
    left, bottom = int(x - width / 2), int(y - height / 2)
    return Box(left, bottom, left + int(width), bottom + int(height))


def position(asked: Mapping[str, str]) -> tuple[float, float]:
    """Return ra and dec in degrees. Raises ValueError."""
    ra, dec = number(asked, "ra"), number(asked, "dec")
    if not -360 <= ra <= 360 or not -90 <= dec <= 90:
        raise ValueError("INVALID_INPUT ra and dec are in degrees, from 0 to 360 and from -90 to 90")
    return ra % 360, dec


def number(asked: Mapping[str, str], name: str) -> float:
    """Return a finite number. Raises ValueError, which names the parameter."""
    try:
        value = float(asked[name])
    except KeyError:
        raise ValueError(f"INVALID_INPUT {name} is missing") from None
    except ValueError:
        raise ValueError(f"INVALID_INPUT {name} is no number: {asked[name][:40]!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"INVALID_INPUT {name} is no finite number")
    return value


def _between(asked: Mapping[str, str]) -> Box:
    x1, y1, x2, y2 = (math.floor(number(asked, name)) for name in ("x1", "y1", "x2", "y2"))
    if x2 < x1 or y2 < y1:
        raise ValueError("INVALID_INPUT the second corner lies before the first")
    return Box(x1, y1, x2 + 1, y2 + 1)


def _size_about(asked: Mapping[str, str]) -> tuple[float, float]:
    """Return width and height in pixels."""
    if "widthPix" in asked or "heightPix" in asked:
        return number(asked, "widthPix"), number(asked, "heightPix")
    if "widthAng" in asked or "heightAng" in asked:
        return _pixels(asked, "widthAng"), _pixels(asked, "heightAng")
    if "deltaRa" in asked or "deltaDec" in asked:
        # An angle on the sky: as a difference of right ascension it is 1 / cos(dec) of that.
        return _pixels(asked, "deltaRa"), _pixels(asked, "deltaDec")
    raise ValueError("INVALID_INPUT no dimensions for cutout specified")


def _pixels(asked: Mapping[str, str], name: str) -> float:
    return number(asked, name) * _ARCSEC[name] / ARCSEC_PER_PIXEL
