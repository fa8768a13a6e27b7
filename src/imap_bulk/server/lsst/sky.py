"""Regions on the sky, as the functions that Qserv's SQL has for them; all angles in degrees."""

import math
import sqlite3
from collections.abc import Callable

Vector = tuple[float, float, float]


def register(connection: sqlite3.Connection) -> None:
    """Give a connection the functions of this module."""
    for name, count, function in _FUNCTIONS:
        connection.create_function(name, count, _null_safe(function), deterministic=True)


def separation(ra1: float, dec1: float, ra2: float, dec2: float) -> float:
    """Return the angle between two positions."""
    a, b = _vector(ra1, dec1), _vector(ra2, dec2)
    return math.degrees(math.atan2(math.hypot(*_cross(a, b)), _dot(a, b)))  # exact also for tiny angles


def in_box(ra: float, dec: float, ra_min: float, dec_min: float, ra_max: float, dec_max: float) -> bool:
    """Tell whether a position is in a box; one whose ra_min is above its ra_max lies across ra 0."""
    if not dec_min <= dec <= dec_max:
        return False
    if ra_max - ra_min >= 360:
        return True
    ra, ra_min, ra_max = ra % 360, ra_min % 360, ra_max % 360
    return ra_min <= ra <= ra_max if ra_min <= ra_max else ra >= ra_min or ra <= ra_max


def in_circle(ra: float, dec: float, ra0: float, dec0: float, radius: float) -> bool:
    """Tell whether a position is in a circle."""
    return separation(ra, dec, ra0, dec0) <= radius


def in_convex_polygon(ra: float, dec: float, *vertices: float) -> bool:
    """Tell whether a position is in a convex polygon, whichever way round. Raises ValueError below 3 vertices."""
    if len(vertices) < 6 or len(vertices) % 2:
        raise ValueError("a polygon needs at least three vertices, each with ra and decl")
    corners = [_vector(*vertices[i : i + 2]) for i in range(0, len(vertices), 2)]
    point = _vector(ra, dec)
    sides = [_dot(_cross(a, b), point) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]
    # Both ways round are allowed, so a point on the far side of the sky needs a word of its own.
    near = _dot(point, (sum(c[0] for c in corners), sum(c[1] for c in corners), sum(c[2] for c in corners))) > 0
    return near and (min(sides) >= 0 or max(sides) <= 0)


def _vector(ra: float, dec: float) -> Vector:
    longitude, latitude = math.radians(ra), math.radians(dec)
    return math.cos(latitude) * math.cos(longitude), math.cos(latitude) * math.sin(longitude), math.sin(latitude)


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _null_safe(function: Callable[..., float]) -> Callable[..., float | None]:
    def answer(*arguments: float | None) -> float | None:
        return None if None in arguments else function(*arguments)

    return answer


_FUNCTIONS: tuple[tuple[str, int, Callable[..., float]], ...] = (
    ("scisql_angSep", 4, separation),
    ("scisql_s2PtInBox", 6, in_box),
    ("scisql_s2PtInCircle", 5, in_circle),
    ("scisql_s2PtInCPoly", -1, in_convex_polygon),
)
