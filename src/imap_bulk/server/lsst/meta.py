"""The metadata service: which levels, databases, tables, collections, kinds and images there are."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from aiohttp import web

from imap_bulk.server.lsst import replies
from imap_bulk.server.lsst.faults import committed
from imap_bulk.server.lsst.paging import Page, containing, parameters
from imap_bulk.server.lsst.sample import (
    COLLECTIONS,
    DATABASES,
    LEVELS,
    Database,
    Holdings,
    Image,
    database,
    kind_of,
    level_of,
)
from imap_bulk.server.lsst.schema import Table
from imap_bulk.server.lsst.sql import Result

_MOMENT = re.compile(r"\d{4}-?\d\d-?\d\d([T ](?!24).*)?", re.ASCII)
"""Without 24:00, which Python reads from 3.14 on: the answer is one whatever the Python."""

ServiceRoot = Callable[[web.Request], str]
"""The URL that all paths begin with, as this client has reached it."""


class NoSuchThing(LookupError):
    """A level, a database or whatever is not there; the message says which."""


class NoImage(NoSuchThing):
    """There is no such image, or nothing of it where it is looked at."""

    def __init__(self) -> None:
        super().__init__("Image Not Found")


class Metadata:
    """The routes below /meta."""

    def __init__(self, holdings: Holdings, service_root: ServiceRoot, page_size: int) -> None:
        self._holdings = holdings
        self._service_root = service_root
        self._page_size = page_size

    def add_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add them, with and without a slash at the end of the shortest."""
        meta = prefix + "/meta/v0"
        for path, answer in (
            ("", self._services),
            ("/", self._services),
            ("/db", self._levels),
            ("/db/{level}", self._databases),
            ("/db/{level}/{database}", self._database),
            ("/db/{level}/{database}/tables", self._tables),
            ("/db/{level}/{database}/tables/{table}", self._table),
            ("/db/{level}/{database}/tables/{table}/schema", self._schema),
            ("/image", self._levels),
            ("/image/{level}", self._collections),
            ("/image/{level}/{collection}", self._kinds),
            ("/image/{level}/{collection}/{kind}", self._images),
            ("/image/{level}/{collection}/{kind}/{id}", self._image),
        ):
            router.add_get(meta + path, answer)

    async def _services(self, request: web.Request) -> web.Response:
        return replies.names(request, {"result": ["db", "image"]}, ["db", "image"])

    async def _levels(self, request: web.Request) -> web.Response:
        return replies.names(request, list(LEVELS), list(LEVELS))

    async def _databases(self, request: web.Request) -> web.Response:
        level = wanted_level(request)
        return self._listed(request, [each.name for each in DATABASES if each.level == level])

    async def _database(self, request: web.Request) -> web.Response:
        found = _wanted_database(request)
        named = {"name": found.name, "owner": found.owner, "host": found.host, "port": found.port}
        return replies.record(request, named, found.annotations)

    async def _tables(self, request: web.Request) -> web.Response:
        return self._listed(request, [table.name for table in _wanted_database(request).tables], wrapped=True)

    async def _table(self, request: web.Request) -> web.Response:
        table = _wanted_table(request)
        return replies.record(request, {"name": table.name, "descr": table.description}, {})

    async def _schema(self, request: web.Request) -> web.Response:
        table = _wanted_table(request)
        told = [table.name, table.mysql()]
        return replies.negotiated(request, {"result": told}, Result(["Table", "Create Table"], [tuple(told)]))

    async def _collections(self, request: web.Request) -> web.Response:
        listed = list(COLLECTIONS[wanted_level(request)])
        return replies.names(request, listed, listed)

    async def _kinds(self, request: web.Request) -> web.Response:
        listed = list(wanted_kinds(request))
        return replies.names(request, listed, listed)

    async def _images(self, request: web.Request) -> web.Response:
        level, kind, asked = wanted_level(request), wanted_kind(request), parameters(request)
        urls = [
            image_url(self._service_root(request), request, image.id)
            for image in self._holdings.images(level, kind)
            if _is_wanted(image, asked)
        ]
        page = Page.asked(asked, self._page_size, is_stable=level != "L1")
        if committed(request) == "unstable":
            self._holdings.grow()
        return page.answer(request, urls)

    async def _image(self, request: web.Request) -> web.Response:
        image = wanted_image(self._holdings, request)
        url = image_url(self._service_root(request), request, image.id)
        return replies.record(request, {"url": url, "owner": image.owner}, None)

    def _listed(self, request: web.Request, names: Sequence[str], *, wrapped: bool = False) -> web.Response:
        asked = parameters(request)
        is_wanted = containing(asked.get("containing", ""))
        is_stable = level_of(request.match_info["level"]) != "L1"
        page = Page.asked(asked, self._page_size, is_stable=is_stable)
        return page.answer(request, [name for name in names if is_wanted(name)], wrapped=wrapped)


def wanted_level(request: web.Request) -> str:
    """Return the level in the path. Raises NoSuchThing."""
    level = level_of(request.match_info["level"])
    if level is None:
        raise NoSuchThing(f"there is no level {request.match_info['level']!r}; there are {', '.join(LEVELS)}")
    return level


def wanted_kinds(request: web.Request) -> Sequence[str]:
    """Return the kinds of the collection in the path. Raises NoSuchThing."""
    level, collection = wanted_level(request), request.match_info["collection"]
    if collection not in COLLECTIONS[level]:
        raise NoSuchThing(f"level {level} has no collection {collection!r}")
    return COLLECTIONS[level][collection]


def wanted_kind(request: web.Request) -> str:
    """Return the kind in the path, of that collection. Raises NoSuchThing."""
    kinds, kind = wanted_kinds(request), kind_of(request.match_info["kind"])
    if kind is None or kind not in kinds:
        raise NoSuchThing(f"the collection has no images of the kind {request.match_info['kind']!r}")
    return kind


def wanted_image(holdings: Holdings, request: web.Request) -> Image:
    """Return the image in the path. Raises NoSuchThing, of which NoImage is one."""
    image_id = request.match_info["id"]
    level, kind = wanted_level(request), wanted_kind(request)
    found = holdings.find(level, kind, int(image_id)) if re.fullmatch("[0-9]{1,19}", image_id, re.ASCII) else None
    if found is None:
        raise NoImage
    return found


def image_url(root: str, request: web.Request, image_id: int) -> str:
    """Return the URL of an image of the kind that a path names."""
    names = (request.match_info[name].replace("/", "%2F") for name in ("level", "collection", "kind"))
    return f"{root}/image/v0/{'/'.join(names)}/{image_id}"


def _wanted_database(request: web.Request) -> Database:
    level, name = wanted_level(request), _checked(request.match_info["database"])
    found = database(name, level)
    if found is None:
        raise NoSuchThing(f"level {level} has no database {name!r}")
    return found


def _wanted_table(request: web.Request) -> Table:
    name = _checked(request.match_info["table"])
    table = _wanted_database(request).table(name)
    if table is None:
        raise NoSuchThing(f"the database has no table {name!r}")
    return table


def _checked(name: str) -> str:
    if not re.fullmatch("[A-Za-z0-9_]+", name, re.ASCII):
        raise ValueError(f"a name consists of letters, digits and _, unlike {name[:40]!r}")
    return name


def _is_wanted(image: Image, asked: dict[str, str]) -> bool:
    after, before = (_moment(asked, name) for name in ("createAfter", "createBefore"))
    if "owner" in asked and asked["owner"] != image.owner:
        return False
    return (after is None or image.created >= after) and (before is None or image.created < before)


def _moment(asked: dict[str, str], name: str) -> datetime | None:
    """Read a date or a time in ISO form, with slashes too; UTC where it tells no zone. Raises ValueError."""
    if name not in asked:
        return None
    text = asked[name].replace("/", "-").strip()
    try:
        moment = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "")
    except ValueError:
        raise ValueError(f"{name} is no date; write it as in 2015-05-14 or 2015-05-14T16:43:21") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
