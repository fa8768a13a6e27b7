"""What the embedded LSST archive holds: levels, databases, collections, images, and the stars they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import cos, radians
from types import MappingProxyType

from imap_bulk.server.lsst.schema import ALERTS, COADDS, EXPOSURES, OBJECTS, SOURCES, Table

LEVELS = ("DC", "L1", "L2", "L3", "dev")
FILTERS = "ugriz"

WIDTH, HEIGHT = 256, 200
"""Of every image, in pixels."""

ARCSEC_PER_PIXEL = 0.396

FIRST_EXACT_ID = 2**53 + 1
"""The least whole number that a double cannot hold."""


@dataclass(frozen=True, slots=True)
class Database:
    """A catalogue database."""

    name: str
    level: str
    owner: str
    tables: tuple[Table, ...]
    port: int = 3306
    host: str = "lsst10"
    annotations: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> Table | None:
        """Return a table of this name, whatever its case."""
        return next((table for table in self.tables if table.name.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one patch of sky; angles in degrees, `created` in UTC."""

    id: int
    filter: str
    ra: float
    dec: float
    owner: str
    created: datetime
    names: Mapping[str, str] = field(hash=False)
    """What else names it: run, camcol and field, or tract and patch."""


@dataclass(frozen=True, slots=True)
class Star:
    """A star that the images show and the catalogue lists; `flux` in counts."""

    id: int
    ra: float
    dec: float
    flux: float


def database(name: str, level: str = "") -> Database | None:
    """Return a database, whatever the case of its level."""
    found = next((each for each in DATABASES if each.name == name), None)
    return found if found and level.lower() in ("", found.level.lower()) else None


def level_of(text: str) -> str | None:
    """Return the level that is meant, whatever its case."""
    return next((level for level in LEVELS if level.lower() == text.lower()), None)


def kind_of(text: str) -> str | None:
    """Return the kind of image that is meant, whatever its case."""
    return next((kind for kind in KINDS if kind.lower() == text.lower()), None)


def exposure_id(run: int, filter_name: str, camcol: int, number: int) -> int:
    """Return the science id of a raw or calibrated exposure."""
    return run * 10**6 + FILTERS.index(filter_name) * 10**5 + camcol * 10**4 + number


def coadd_id(tract: int, patch: str, filter_name: str) -> int:
    """Return the science id of a coadd; `patch` is `x,y`."""
    x, y = (int(part) for part in patch.split(","))
    return tract * 2**29 + x * 2**16 + y * 2**3 + FILTERS.index(filter_name)


DATABASES = (
    Database("live", "L1", "lsst", (ALERTS,)),
    Database("userDB", "L1", "lsst", ()),
    Database("DR1", "L2", "lsst", (EXPOSURES, COADDS, OBJECTS)),
    Database("DC_W13_Stripe82", "L2", "lsst", (EXPOSURES, COADDS, OBJECTS, SOURCES)),
    Database("joe_myDb", "L3", "joe", (OBJECTS,), port=3360, annotations=MappingProxyType({"note": "demo"})),
)

_EPOCH = datetime(2015, 5, 14, 16, 43, 21, tzinfo=UTC)
_OWNERS = ("tom", "lsst")

_EXPOSED = (
    (5646, "r", 4, 694, 37.6292, 0.1042),
    (3325, "z", 1, 171, 9.5, -1.16),
    (5646, "g", 4, 694, 37.6292, 0.1042),
    (5646, "i", 4, 694, 37.6292, 0.1042),
    (5646, "r", 4, 695, 37.6392, 0.1042),
    (3325, "r", 1, 171, 9.5, -1.16),
    (1752, "u", 2, 100, 359.999, 0.0),
    (1752, "g", 2, 100, 359.999, 0.0),
)
"""run, filter, camcol, field, ra, dec: the second r of run 5646 overlaps the first, run 1752 lies across ra 0."""

_STACKED = (
    (0, "366,0", "u", 9.5, -1.16),
    (0, "225,1", "g", 37.6292, 0.1042),
    (0, "225,1", "r", 37.6292, 0.1042),
    (0, "225,1", "i", 37.6292, 0.1042),
    (0, "226,1", "r", 37.6392, 0.1042),
    (3, "12,7", "r", 120.0, 60.0),
    (3, "12,7", "i", 120.0, 60.0),
    (2**27, "3,3", "g", 359.999, 0.0),
)
"""tract, patch, filter, ra, dec: at declination 60 the cosine shows, and the last id lies beyond 2**53."""

_STAR_OFFSETS = ((0.0, 0.0), (-20.0, 12.0), (25.0, -18.0), (-38.0, -30.0))
"""Of the stars in each field from its middle, in arc seconds to the east and to the north."""


def _exposures() -> tuple[Image, ...]:
    return tuple(
        exposure(run, name, camcol, number, ra, dec, order)
        for order, (run, name, camcol, number, ra, dec) in enumerate(_EXPOSED)
    )


def exposure(run: int, name: str, camcol: int, number: int, ra: float, dec: float, order: int) -> Image:
    """Return an exposure; `order` tells its owner and how many days after the first it was made."""
    names = {"run": str(run), "camcol": str(camcol), "field": str(number), "filter": name}
    made = _EPOCH + timedelta(days=order)
    return Image(exposure_id(run, name, camcol, number), name, ra, dec, _OWNERS[order % 2], made, names)


def _coadds() -> tuple[Image, ...]:
    return tuple(
        Image(
            coadd_id(tract, patch, name),
            name,
            ra,
            dec,
            _OWNERS[order % 2],
            _EPOCH + timedelta(days=order),
            {"tract": str(tract), "patch": patch, "filter": name},
        )
        for order, (tract, patch, name, ra, dec) in enumerate(_STACKED)
    )


def _stars() -> tuple[Star, ...]:
    fields = sorted({(ra, dec) for *_, ra, dec in (*_EXPOSED, *_STACKED)})
    return tuple(
        Star(FIRST_EXACT_ID + 2 * (4 * place + number), *_offset(ra, dec, offset), 6000.0 * 4.0**-number)
        for place, (ra, dec) in enumerate(fields)
        for number, offset in enumerate(_STAR_OFFSETS)
    )


def _offset(ra: float, dec: float, offset: tuple[float, float]) -> tuple[float, float]:
    east, north = offset
    return (ra + east / 3600 / cos(radians(dec))) % 360, dec + north / 3600


IMAGES: Mapping[str, tuple[Image, ...]] = {"raw": _exposures(), "calexp": _exposures(), "deepCoadd": _coadds()}
KINDS = tuple(IMAGES)
PLANES: Mapping[str, tuple[str, ...]] = {
    "raw": ("data",),
    "calexp": ("data", "mask", "variance"),
    "deepCoadd": ("data", "mask", "variance"),
}
STARS = _stars()

COLLECTIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "DC": {},
    "L1": {"live": ("raw",)},
    "L2": {"DR1": KINDS, "kti/test20150202": ("calexp",)},
    "L3": {},
    "dev": {},
}
"""Level -> collection -> kinds."""


class Holdings:
    """The images of one server. Those of level 1 grow where a fault makes them."""

    def __init__(self) -> None:
        self._tonight: list[Image] = []

    def images(self, level: str, kind: str) -> Sequence[Image]:
        """Return the images of a kind, the newest first at level 1."""
        return [*reversed(self._tonight), *IMAGES[kind]] if level == "L1" else IMAGES[kind]

    def find(self, level: str, kind: str, image_id: int) -> Image | None:
        """Return the image of this id."""
        return next((image for image in self.images(level, kind) if image.id == image_id), None)

    def grow(self) -> None:
        """Add an exposure to level 1, as the telescope does while a list is read."""
        model = IMAGES["raw"][0]
        number = len(self._tonight)
        image_id = exposure_id(9000, "r", 1, number)
        self._tonight.append(
            replace(model, id=image_id, created=model.created + timedelta(days=1000, seconds=number))
        )
