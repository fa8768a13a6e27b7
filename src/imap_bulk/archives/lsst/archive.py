"""LSST's Data Access services, version 0: lists images, and says where they and cutouts of them come from.

As the page of 2015 describes them; no server of LSST's is live. The archive takes no uploads.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode

from imap_bulk.archives.lsst import fits, images, jobs, sums
from imap_bulk.archives.lsst.envelopes import NotOffered
from imap_bulk.archives.lsst.images import ImageQuery, Wanted
from imap_bulk.archives.lsst.jobs import Patience
from imap_bulk.archives.lsst.service import Service
from imap_bulk.archives.lsst.sums import Sums, Verdict
from imap_bulk.errors import BadQuery, DigestMismatch, Garbled, NotFound, PermanentError, ReadOnly, Rejected
from imap_bulk.http import one_line
from imap_bulk.listing import Seen
from imap_bulk.model import Proof, RemoteFile, SignedUrl, Transfer
from imap_bulk.settings import Settings

_LOOKED_AT_BYTES = 4096


@dataclass(slots=True, repr=False)
class LsstArchive:
    """An LSST archive at `url`, the address in front of `/image`, with a bearer token if one is needed.

    Raises `Rejected` when `url` is no http(s) URL.
    """

    url: str
    token: str | None = None
    settings: Settings = field(default_factory=Settings)
    patience: Patience = field(default_factory=Patience)
    load_sums: Callable[[], Sums | None] = sums.load
    _service: Service = field(init=False, compare=False)
    _sums: Sums | None = field(default=None, init=False, compare=False)
    """Holds files to their checksums; None while closed, and where astropy is not installed."""
    _jobs: dict[str, str] = field(default_factory=dict, init=False, compare=False)
    """Requests that are done, by the key of what they brought: another attempt need not make another one."""

    def __post_init__(self) -> None:
        self._service = Service(self.url, self.token, self.settings)

    def __repr__(self) -> str:
        return f"<LsstArchive {self.name} with {'a token' if self._service.token else 'no token'}>"

    @property
    def name(self) -> str:
        """The URL, without credentials."""
        return self._service.name

    async def __aenter__(self) -> Self:
        await self._service.__aenter__()
        self._sums = await asyncio.to_thread(self.load_sums)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._sums = None
        self._jobs.clear()
        await self._service.__aexit__(*exc_info)

    async def search(self, query: ImageQuery) -> AsyncIterator[RemoteFile]:
        """Yield every image or cutout that is wanted, each once. Raises BadQuery, BadManifest, TransientError."""
        sources, keys = Seen(), Seen()
        async with aclosing(self._wanted(query)) as found:
            async for key, wanted, meta in found:
                source = wanted.text()
                if not sources.add(f"{key} {source}"):
                    continue
                own = key if keys.add(key) else images.apart(key, wanted)
                yield RemoteFile(own, meta=meta, source=source)

    async def _wanted(self, query: ImageQuery) -> AsyncGenerator[tuple[str, Wanted, Mapping[str, Any]], None]:
        if query.cutouts is not None:
            for position in query.cutouts:
                for image in (position.image,) if position.image else query.ids:
                    key, wanted = images.cut(query, image, position)
                    yield key, wanted, _meta(query, id=image, **wanted.params)
                if not position.image and not query.ids:
                    raise BadQuery(f"line {position.line} names no image to cut: fill in its id, or give `ids`")
            return
        for image in query.ids:
            yield *images.whole(query, image), _meta(query, id=image)
        if not query.ids:
            async with aclosing(self._listed(query)) as addresses:
                async for address in addresses:
                    key, wanted = images.listed(query, address)
                    yield key, wanted, _meta(query, id=images.id_of(address), url=address)

    async def _listed(self, query: ImageQuery) -> AsyncGenerator[str, None]:
        """Yield the addresses of a list: that of the metadata service, or where it has none, of the images'."""
        subject, params = f"the images of {query.level}/{query.collection}/{query.kind}", query.list_params()
        lists = ["/meta/v0/image", *([] if params else ["/image/v0"])]
        refusals: list[NotFound] = []
        for path in lists:
            names = self._service.names(f"{path}/{query.path}", subject, params, stable=query.stable)
            try:
                async with aclosing(names):
                    async for address in names:
                        yield address
            except NotFound as error:
                refusals.append(error)
            else:
                return
        first = refusals[0]
        raise (
            NotFound(f"{first}; name them by --id, with --deployed-form")
            if isinstance(first, NotOffered)
            else first
        )

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """Tell where to GET an image from: an address of the archive's, or of the result of a request.

        Raises NotFound, Rejected, TransientError. The token goes along where the archive itself answers.
        """
        wanted = Wanted.read(transfer.source) if transfer.source else images.of_key(transfer.key)
        if wanted is None:
            raise NotFound(f"{transfer.key}: a cutout's name does not tell what to ask for; pull it by --cutouts")
        if wanted.by_job:
            url = await self._result(transfer.key, wanted)
        else:
            url = _with_params(self._service.absolute(wanted.address), wanted.params)
        return SignedUrl("GET", url, self._service.credentials if self._service.is_own(url) else {})

    async def _result(self, key: str, wanted: Wanted) -> str:
        """Have the archive make what is wanted, once in a run; return the address of the only result."""
        service, job = self._service, self._jobs.get(key)
        try:
            found = await jobs.results(service, job, key) if job else ()
        except PermanentError:
            job = None  # it has been forgotten: ask anew
        if job is None:
            job = await jobs.submit(service, *_question(service, wanted), key)
            found = await jobs.finished(service, job, self.patience, key)
            self._jobs[key] = job
        if len(found) != 1:
            raise Rejected(f"{key}: request {job} has {len(found)} results in place of one{_listed(found)}")
        return service.absolute(found[0])

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """Refuse. Raises ReadOnly."""
        raise ReadOnly(f"{transfer.key}: the LSST archive is read-only; it takes no uploads")

    @property
    def content_proves(self) -> bool:
        """Whether the checksums within FITS files can be looked at: only with astropy, and while open."""
        return self._sums is not None

    def accept(self, transfer: Transfer, part: Path) -> Proof | None:
        """Hold a FITS file to its own headers and checksums; see that it has the planes that were asked for.

        Returns Proof.FITS where every unit with data keeps its checksum, else Proof.FORM. Raises DigestMismatch,
        Garbled, Rejected.
        """
        wanted = Wanted.read(transfer.source) if transfer.source else images.of_key(transfer.key)
        try:
            names = {unit.name for unit in fits.units(part) if unit.data_bytes}
        except fits.Short as error:
            raise DigestMismatch(f"{transfer.key}: the FITS file is cut off: {error}") from error
        except fits.Malformed as error:
            raise _no_image(transfer.key, part, error) from error
        missing = [name for name in (wanted.extensions if wanted else ()) if name not in names]
        if missing:
            raise Rejected(f"{transfer.key}: the image that came has no {' and no '.join(missing)}")
        if not names:
            raise Rejected(f"{transfer.key}: the image that came holds no data")
        try:
            kept = self._sums is not None and self._sums(part) is Verdict.KEPT
        except sums.Broken as error:
            raise DigestMismatch(f"{transfer.key}: {error}") from error
        self._jobs.pop(transfer.key, None)
        return Proof.FITS if kept else Proof.FORM


def _meta(query: ImageQuery, **more: str) -> dict[str, str]:
    where = {} if query.deployed else {"level": query.level, "collection": query.collection}
    return {**where, "kind": query.kind, **({"plane": query.plane} if query.plane else {}), **more}


def _with_params(url: str, params: Mapping[str, str]) -> str:
    if not params:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _question(service: Service, wanted: Wanted) -> tuple[str, dict[str, str]]:
    """Tell the path to POST to, and the parameters: requests are made of the archive itself only."""
    path, _, params = service.below(wanted.address).partition("?")
    return path, {**dict(parse_qsl(params)), **wanted.params}


def _listed(addresses: tuple[str, ...]) -> str:
    return f": {', '.join(map(one_line, addresses))}" if addresses else ""


def _no_image(key: str, part: Path, error: Exception) -> Exception:
    """Say what came in place of a FITS file."""
    with part.open("rb") as file:
        text = file.read(_LOOKED_AT_BYTES).decode("utf-8", errors="replace")
    if text.startswith("INVALID_INPUT"):
        return Rejected(f"{key}: the archive refuses the question: {one_line(text)}")
    if '"status"' in text and "processing" in text:
        return Rejected(f"{key}: the archive answers that it is still at it: ask by --async")
    return Garbled(f"{key}: this is no FITS file: {error}")
