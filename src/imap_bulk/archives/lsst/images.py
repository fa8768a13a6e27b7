"""Which images are wanted: as a query, and each of them as a key of its own and what to ask the archive for."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from imap_bulk.archives.lsst.cutouts import Cutout, Position
from imap_bulk.archives.lsst.service import LEVELS
from imap_bulk.errors import BadQuery, Garbled

KINDS = ("bias", "calexp", "coadd", "colorForEpo", "deepCoadd", "diffIm", "fpCoadd", "raw", "template")
PLANES = ("data", "mask", "variance")

_EXTENSIONS = {"data": "IMAGE", "mask": "MASK", "variance": "VARIANCE"}
_ONE_PLANE = {"raw", "bias"}
_KEY = re.compile(
    r"lsst/([^/]+)/([^/]+)/([^/]+)/([^/]+?)(?:_(data|mask|variance))?\.fits"  # but for cutouts, it tells all
)
_DEPLOYED = "deployed"
"""What stands in keys where the form of the API that was deployed knows neither level nor collection."""


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """What images are wanted: those with `ids`, or cutouts of them, or all of a kind. Dates are of creation."""

    level: str
    collection: str
    kind: str
    ids: tuple[str, ...] = ()
    plane: str = ""
    cutouts: Iterable[Position] | None = None
    created_after: date | None = None
    created_before: date | None = None
    owner: str = ""
    by_job: bool = False
    """Ask by POST, and wait until the archive is done."""
    deployed: bool = False
    """Ask in the form that was once deployed, which knows kinds and ids alone."""
    stable: bool = False
    """Refuse a list that changes while it is read."""

    @classmethod
    def of(cls, level: str, collection: str, kind: str, **more: object) -> Self:
        """Check what is asked for; the case of levels and kinds is mended. Raises BadQuery."""
        query = cls(_known(level, LEVELS), collection, _known(kind, KINDS), **more)  # type: ignore[arg-type]
        query._check()
        return query

    def _check(self) -> None:
        by_name = bool(self.ids) or self.cutouts is not None
        dated = self.created_after or self.created_before or self.owner
        if by_name and dated:
            raise BadQuery("dates and owners choose from a list of images: leave them out where ids are given")
        if self.plane and self.plane not in PLANES:
            raise BadQuery(f"there is no plane {self.plane!r}; there are {', '.join(PLANES)}")
        if self.deployed and self.by_job:
            raise BadQuery("the deployed form of the API had no asynchronous requests; leave one of them out")
        if self.deployed and self.plane:
            raise BadQuery("the deployed form of the API gives whole images only; leave `plane` out")
        if self.deployed and not by_name:
            raise BadQuery("the deployed form of the API lists no images: say which, by `ids` or `cutouts`")
        for name, told in (("level", self.level), ("collection", self.collection), ("kind", self.kind)):
            if told in (".", ".."):
                raise BadQuery(f"`{name}` {told!r} is no name; write what `imap-bulk lsst list` tells")
        if any(image in (".", "..") for image in self.ids):
            raise BadQuery("`ids` have '.' or '..' among them, which no image is called")
        if not self.kind:
            raise BadQuery("say which kind of images: `kind`, as in calexp")
        if not self.deployed and not (self.level and self.collection):
            raise BadQuery("say where the images are: `level` and `collection`")

    def list_params(self) -> dict[str, str]:
        """Spell what the list of images is narrowed by."""
        told = {
            "owner": self.owner,
            "createAfter": self.created_after.isoformat() if self.created_after else "",
            "createBefore": self.created_before.isoformat() if self.created_before else "",
        }
        return {name: value for name, value in told.items() if value}

    @property
    def path(self) -> str:
        """Path of the list of images, behind the service's."""
        return "/".join(quote(part, safe="") for part in (self.level, self.collection, self.kind))

    @property
    def directory(self) -> str:
        """Where the images' keys lie."""
        parts = (_DEPLOYED, self.kind) if self.deployed else (self.level, self.collection, self.kind)
        return "/".join(("lsst", *(quote(part, safe="") for part in parts)))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask the archive for, and what the answer has to hold; it travels as text beside the key."""

    address: str
    """As the archive gave it, or a path of its API."""
    params: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    by_job: bool = False

    def text(self) -> str:
        """Write it, in one way only."""
        told = {
            "address": self.address,
            "params": dict(self.params),
            "extensions": self.extensions,
            "job": self.by_job,
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `text` wrote."""
        told = json.loads(text)
        return cls(told["address"], told["params"], tuple(told["extensions"]), told["job"])


def whole(query: ImageQuery, image: str) -> tuple[str, Wanted]:
    """Return the key of an image known by its id, and what to ask for."""
    key = f"{query.directory}/{_stem(image, query.plane)}.fits"
    if query.deployed:
        path, params = f"/image/v0/{quote(query.kind, safe='')}/id", {"id": image}
    else:
        path, params = f"/image/v0/{query.path}/{quote(image, safe='')}", _plane_param(query.plane)
    return key, Wanted(path, params, extensions(query.kind, query.plane), query.by_job)


def listed(query: ImageQuery, address: str) -> tuple[str, Wanted]:
    """Return the key of an image by the address that the archive lists, and what to ask for. Raises Garbled."""
    image = id_of(address)
    if not image:
        raise Garbled(f"the archive lists {address!r}, in which there is no name of an image")
    key = f"{query.directory}/{_stem(image, query.plane)}.fits"
    return key, Wanted(address, _plane_param(query.plane), extensions(query.kind, query.plane), query.by_job)


def cut(query: ImageQuery, image: str, position: Position) -> tuple[str, Wanted]:
    """Return the key of a cutout, which its place and size make up, and what to ask for. Raises BadQuery."""
    params = position.cutout.params(query.plane)
    if query.deployed and "deltaRa" in params:
        params = Cutout.params(_in_seconds(position.cutout))
    if query.deployed and not position.cutout.on_sky:
        raise BadQuery("the deployed form of the API cuts about places on the sky only: give ra and dec")
    named = f"_{position.name}" if position.name else ""
    key = f"{query.directory}/{_stem(image, query.plane)}_cutout_{_hash(params)}{named}.fits"
    parts = quote(query.kind, safe="") if query.deployed else query.path
    path = f"/image/v0/{parts}/{quote(image, safe='')}/cutout"
    asked = {**params, **_plane_param(query.plane)}
    return key, Wanted(path, asked, extensions(query.kind, query.plane), query.by_job)


def of_key(key: str) -> Wanted | None:
    """Tell from the key of a whole image what to ask for; None where the key does not tell."""
    match = _KEY.fullmatch(key)
    if match is None or match[1] == _DEPLOYED or "_cutout_" in key:
        return None
    level, collection, kind, image = map(unquote, match.groups()[:4])
    return whole(ImageQuery(level, collection, kind, plane=match[5] or ""), image)[1]


def id_of(address: str) -> str:
    """Tell the id of an image from its address: what stands last, or a parameter of that name; or else ""."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    if told := parse_qs(parts.query).get("id"):
        return told[-1]
    return unquote(parts.path.rstrip("/").rpartition("/")[2]).removesuffix(".fits")


def extensions(kind: str, plane: str) -> tuple[str, ...]:
    """Name the extensions that an image of a kind must have, or one plane of it."""
    if plane:
        return (_EXTENSIONS[plane],)
    return () if kind in _ONE_PLANE else tuple(_EXTENSIONS.values())


def apart(key: str, wanted: Wanted) -> str:
    """Return another key for an image whose id is that of a different one."""
    stem = key.removesuffix(".fits")
    return f"{stem}_{hashlib.sha256(wanted.text().encode()).hexdigest()[:8]}.fits"


def _known(word: str, known: tuple[str, ...]) -> str:
    """Mend the case of a known word; the archive compares without regard to it, file systems do not."""
    return next((each for each in known if each.lower() == word.strip().lower()), word.strip())


def _stem(image: str, plane: str) -> str:
    return quote(image, safe="") + (f"_{plane}" if plane else "")


def _plane_param(plane: str) -> dict[str, str]:
    return {"plane": plane} if plane else {}


def _hash(params: Mapping[str, str]) -> str:
    canonical = json.dumps(dict(params), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:8]


def _in_seconds(cutout: Cutout) -> Cutout:
    size = cutout.size
    return Cutout(cutout.x, cutout.y, type(size)(size.width * 60, size.height * 60, "arcsec"), cutout.on_sky)
