"""The image service: in the form of the page, by level, collection, kind and id; and in the form that once ran."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache

from aiohttp import web

from imap_bulk.server.lsst import content, cutouts, images, replies
from imap_bulk.server.lsst.content import Content
from imap_bulk.server.lsst.faults import committed
from imap_bulk.server.lsst.images import WHOLE, Box
from imap_bulk.server.lsst.meta import (
    NoImage,
    ServiceRoot,
    image_url,
    wanted_image,
    wanted_kind,
    wanted_level,
)
from imap_bulk.server.lsst.paging import Page, parameters
from imap_bulk.server.lsst.sample import IMAGES, PLANES, Holdings, Image, kind_of
from imap_bulk.server.lsst.sky import separation
from imap_bulk.server.lsst.waiting import Waiting

_FITS = "image/fits"
_OTHER_TYPES = ("application/hdf5", "image/jpeg")
"""Also on the page, and not made here."""

_KEPT_FILES = 64
_IDS = {"raw": ("run", "camcol", "field", "filter"), "deepCoadd": ("tract", "patch", "filter")}
_IDS["calexp"] = _IDS["raw"]
_FILTERS = ("i", "r", "g")
"""Those that a position can be asked for in."""


class Imaging:
    """The routes below /image, but for those of jobs."""

    def __init__(
        self,
        holdings: Holdings,
        waiting: Waiting,
        service_root: ServiceRoot,
        *,
        page_size: int,
        seed: int,
        genuine: bool,
    ) -> None:
        self._holdings = holdings
        self._waiting = waiting
        self._service_root = service_root
        self._page_size = page_size
        self._seed = seed
        self._genuine = genuine
        # Parts of one image are asked for one by one, and each would cost as much as the whole.
        self._rendered = lru_cache(maxsize=_KEPT_FILES)(self._render)

    def add_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add those that once ran and, but for the genuine server, those of the page."""
        base = prefix + "/image/v0"
        for kind in IMAGES:
            word = "{kind:(?i:" + kind + ")}"
            for path, answer in (
                ("", self._at_position),
                ("/ids", self._by_names),
                ("/id", self._by_id),
                ("/cutout", self._cut_arcsec),
                ("/cutoutPixel", self._cut_pixels),
                ("/{id}/cutout", self._cut_of),
            ):
                router.add_get(f"{base}/{word}{path}", answer)
        if self._genuine:
            return
        kind_path = base + "/{level}/{collection}/{kind}"
        for path, get, post in (
            ("", self._list, self._list_later),
            ("/{id}", self._image, self._image_later),
            ("/{id}/cutout", self._cutout, self._cutout_later),
        ):
            router.add_get(kind_path + path, get)
            router.add_post(kind_path + path, post)

    # --- the page's form

    async def _list(self, request: web.Request) -> web.Response:
        asked = parameters(request)
        page = Page.asked(asked, self._page_size, is_stable=wanted_level(request) != "L1")
        urls = self._urls(request, asked)
        if committed(request) == "unstable":
            self._holdings.grow()
        return page.answer(request, urls)

    async def _list_later(self, request: web.Request) -> web.Response:
        asked = parameters(request)
        page = Page.asked(asked, self._page_size)
        urls = self._urls(request, asked)[page.start : page.start + page.count]

        async def work() -> Sequence[Content | str]:
            return urls

        return self._waiting.accepted(request, work, f"{len(urls)} images")

    def _urls(self, request: web.Request, asked: Mapping[str, str]) -> list[str]:
        level, kind = wanted_level(request), wanted_kind(request)
        plane = f"?plane={_planes(kind, asked)[0]}" if "plane" in asked else ""
        root = self._service_root(request)
        return [image_url(root, request, image.id) + plane for image in self._holdings.images(level, kind)]

    async def _image(self, request: web.Request) -> web.Response:
        kind, image, planes = self._wanted(request)
        return await self._reply(request, kind, image, planes, WHOLE)

    async def _image_later(self, request: web.Request) -> web.Response:
        kind, image, planes = self._wanted(request)
        return self._later(request, kind, image, planes, WHOLE)

    async def _cutout(self, request: web.Request) -> web.Response:
        kind, image, planes = self._wanted(request)
        return await self._reply(request, kind, image, planes, _box(image, parameters(request)))

    async def _cutout_later(self, request: web.Request) -> web.Response:
        kind, image, planes = self._wanted(request)
        return self._later(request, kind, image, planes, _box(image, parameters(request)))

    def _wanted(self, request: web.Request) -> tuple[str, Image, tuple[str, ...]]:
        image, kind = wanted_image(self._holdings, request), wanted_kind(request)
        return kind, image, _planes(kind, parameters(request))

    def _later(
        self, request: web.Request, kind: str, image: Image, planes: tuple[str, ...], box: Box
    ) -> web.Response:
        async def work() -> Sequence[Content | str]:
            return [await self._content(kind, image, planes, box)]

        pixels = (box.right - box.left) * (box.top - box.bottom)
        return self._waiting.accepted(request, work, f"1 image, about {4 * pixels * len(planes)} bytes")

    # --- the form that once ran

    async def _at_position(self, request: web.Request) -> web.Response:
        kind, asked = self._kind(request), parameters(request)
        return await self._reply(request, kind, _nearest(kind, asked), PLANES[kind], WHOLE)

    async def _by_names(self, request: web.Request) -> web.Response:
        kind, asked = self._kind(request), parameters(request)
        missing = [name for name in _IDS[kind] if name not in asked]
        if missing:
            return web.Response(text=f"INVALID_INPUT {', '.join(missing)} missing", content_type="text/html")
        wanted = {name: asked[name] for name in _IDS[kind]}
        image = next((image for image in IMAGES[kind] if image.names == wanted), None)
        return await self._reply(request, kind, _found(image), PLANES[kind], WHOLE)

    async def _by_id(self, request: web.Request) -> web.Response:
        kind, asked = self._kind(request), parameters(request)
        if "id" not in asked:
            return web.Response(text="INVALID_INPUT id missing", content_type="text/html")
        return await self._reply(request, kind, _by_text(kind, asked["id"]), PLANES[kind], WHOLE)

    async def _cut_arcsec(self, request: web.Request) -> web.Response:
        return await self._cut_at_position(request, "Ang")

    async def _cut_pixels(self, request: web.Request) -> web.Response:
        return await self._cut_at_position(request, "Pix")

    async def _cut_at_position(self, request: web.Request, unit: str) -> web.Response:
        kind, asked = self._kind(request), parameters(request)
        about = {name: asked[name] for name in ("ra", "dec") if name in asked}
        sizes = {f"{name}{unit}": asked[name] for name in ("width", "height") if name in asked}
        image = _nearest(kind, asked)
        return await self._reply(request, kind, image, PLANES[kind], _box(image, about | sizes))

    async def _cut_of(self, request: web.Request) -> web.Response:
        kind, asked = self._kind(request), parameters(request)
        image = _by_text(kind, request.match_info["id"])
        sizes = ("ra", "dec", "widthAng", "heightAng", "widthPix", "heightPix")
        about = {name: asked[name] for name in sizes if name in asked}
        return await self._reply(request, kind, image, PLANES[kind], _box(image, about))

    def _kind(self, request: web.Request) -> str:
        kind = kind_of(request.match_info["kind"])
        assert kind, "the routes know these kinds alone"
        return kind

    # --- both

    async def _content(self, kind: str, image: Image, planes: tuple[str, ...], box: Box) -> Content:
        return await asyncio.to_thread(self._rendered, kind, image, planes, box)

    def _render(self, kind: str, image: Image, planes: tuple[str, ...], box: Box) -> Content:
        return Content.of(images.render(image, kind, planes, box, self._seed), _FITS)

    async def _reply(
        self, request: web.Request, kind: str, image: Image, planes: tuple[str, ...], box: Box
    ) -> web.Response:
        if not _takes_fits(request.headers.get("Accept", "*/*")):
            return replies.failure(406, "NotAcceptable", f"images are given as {_FITS} here, in no other form")
        rendered = await self._content(kind, image, planes, box)
        named = {"Content-Disposition": "attachment; filename=image.fits"}
        if self._genuine:
            return web.Response(body=rendered.body, headers={"Content-Type": _FITS, **named})
        answer = content.reply(request, rendered)
        answer.headers.update(named)
        return answer


def _takes_fits(accept: str) -> bool:
    """Tell whether FITS will do: unless somebody asks for nothing but what the page names and we do not make."""
    names = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return not all(name in _OTHER_TYPES for name in names)


def _box(image: Image, asked: Mapping[str, str]) -> Box:
    box = cutouts.box(image, asked)
    if box is None:
        raise NoImage
    return box


def _planes(kind: str, asked: Mapping[str, str]) -> tuple[str, ...]:
    plane = asked.get("plane")
    if plane is None:
        return PLANES[kind]
    if plane.lower() not in images.EXTENSIONS:
        raise ValueError(f"plane is one of {', '.join(images.EXTENSIONS)}, not {plane[:40]!r}")
    if plane.lower() not in PLANES[kind]:
        raise NoImage
    return (plane.lower(),)


def _nearest(kind: str, asked: Mapping[str, str]) -> Image:
    """Return the image that shows a position, of several the one whose centre is nearest."""
    ra, dec = cutouts.position(asked)
    if asked.get("filter") not in _FILTERS:
        raise ValueError(f"INVALID_INPUT filter is one of {', '.join(_FILTERS)}")
    showing = [i for i in IMAGES[kind] if i.filter == asked["filter"] and images.contains(i, ra, dec)]
    return _found(min(showing, key=lambda image: separation(ra, dec, image.ra, image.dec), default=None))


def _by_text(kind: str, image_id: str) -> Image:
    if not (image_id.isascii() and image_id.isdigit()):
        raise ValueError(f"INVALID_INPUT id is no whole number: {image_id[:40]!r}")
    return _found(next((image for image in IMAGES[kind] if str(image.id) == image_id), None))


def _found(image: Image | None) -> Image:
    if image is None:
        raise NoImage
    return image
