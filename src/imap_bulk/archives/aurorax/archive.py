"""AuroraX, the archive: searches it, and has it sign URLs, which here means to wait for a search's result.

Product files are elsewhere, at addresses of their own. Ephemeris and conjunctions are the results of searches, so
a file of them is a search that is submitted when its turn comes.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from imap_bulk.archives.aurorax import keys
from imap_bulk.archives.aurorax.api import PREFIX, RESULT_BYTES, Api, decoded
from imap_bulk.archives.aurorax.content import look_at
from imap_bulk.archives.aurorax.document import count_records, unwrap
from imap_bulk.archives.aurorax.keys import Triple
from imap_bulk.archives.aurorax.moments import Window, halves, name_of
from imap_bulk.archives.aurorax.products import address_of, checked, files_of, source_of
from imap_bulk.archives.aurorax.products import parts as parts_of
from imap_bulk.archives.aurorax.query import Chosen, ConjunctionQuery, EphemerisQuery, ProductQuery, Query
from imap_bulk.archives.aurorax.refusals import SearchFailed
from imap_bulk.archives.aurorax.searching import Kind, Polling, Searches
from imap_bulk.archives.aurorax.sources import Sources, triple_of
from imap_bulk.errors import DigestMismatch, NotFound, ReadOnly, Rejected
from imap_bulk.listing import Seen
from imap_bulk.model import Proof, RemoteFile, SignedUrl, Transfer
from imap_bulk.retry import persist
from imap_bulk.settings import Settings
from imap_bulk.transport.api import AnswerTooLong
from imap_bulk.urls import is_base_address, public_url

PRODUCTION_URL = "https://api.aurorax.space"

Record = Mapping[str, Any]


@dataclass(slots=True, repr=False)
class AuroraxArchive:
    """An AuroraX archive at `url`, with an API key or in public.

    Raises `Rejected` when `url` is no http(s) URL.
    """

    url: str = PRODUCTION_URL
    api_key: str | None = None
    settings: Settings = field(default_factory=Settings)
    polling: Polling = field(default_factory=Polling)
    _api: Api | None = field(default=None, init=False, compare=False)
    _counts: dict[str, int | None] = field(default_factory=dict, init=False, compare=False)
    """How many records the result of each search that is being fetched has; forgotten on closing."""

    def __post_init__(self) -> None:
        if not is_base_address(self.url.strip()):
            shown = self.url.rpartition("@")[2]
            raise Rejected(
                f"the archive's address {shown!r} is no URL of a host, nor of a path on one; "
                f"write it as in {PRODUCTION_URL}"
            )

    def __repr__(self) -> str:
        return f"<AuroraxArchive {self.name} with {'an API key' if self.api_key else 'no key'}>"

    @property
    def name(self) -> str:
        """The base URL, without credentials."""
        return public_url(self._base_url())

    def _base_url(self) -> str:
        return self.url.strip().rstrip("/").removesuffix(PREFIX).rstrip("/")

    async def __aenter__(self) -> Self:
        self._api = await Api(self._base_url(), self.api_key, self.settings).__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        api, self._api = self._api, None
        self._counts.clear()
        if api:
            await api.__aexit__(*exc_info)

    @property
    def api(self) -> Api:
        """The open ways to the API. Raises RuntimeError before `async with`."""
        if self._api is None:
            raise RuntimeError("open the archive first: async with archive")
        return self._api

    @property
    def sources(self) -> Sources:
        """The archive's data sources."""
        return Sources(self.api)

    async def search(self, query: Query) -> AsyncIterator[RemoteFile]:
        """Yield every file that matches, each once. Raises BadQuery, AccessDenied, Rejected, TransientError.

        For ephemeris and conjunctions nothing is searched yet: a file is one window of one source, or the whole.
        """
        if isinstance(query, EphemerisQuery):
            files = self._windows(query)
        elif isinstance(query, ProductQuery):
            files = self._products(query)
        else:
            files = _whole(query)
        async for file in files:
            yield file

    async def _windows(self, query: EphemerisQuery) -> AsyncIterator[RemoteFile]:
        for triple, place in (await self._places()).items():
            if not query.chosen.matches(triple):
                continue
            names = dict(zip(("program", "platform", "instrument_type"), triple, strict=True))
            alone = Chosen(**{name: (value,) for name, value in names.items()})
            for window in query.windows():
                body = query.body(alone, window)
                key = keys.ephemeris_key(place, name_of(window), query.conditions)
                told = {**names, "start": body["start"], "end": body["end"]}
                yield RemoteFile(key, meta=told, source=_written(Kind.EPHEMERIS, body))

    async def _places(self, more: Iterable[Triple] = ()) -> dict[Triple, str]:
        """Give each source of the archive its directory, so that its name does not depend on what is asked for."""
        records = await self.sources.listed(Chosen())
        return keys.directories(dict.fromkeys((*map(triple_of, records), *more)))

    async def _products(self, query: ProductQuery) -> AsyncIterator[RemoteFile]:
        records = [record async for record in self.records(query)]
        places = await self._places(map(source_of, records)) if records else {}
        for file in files_of(records, places, query.file_base_url):
            yield file

    async def records(self, query: Query) -> AsyncIterator[Record]:
        """Yield the records of a search's result themselves. Raises as `search`."""
        if isinstance(query, ProductQuery):
            async for record in self._product_records(query, Seen()):
                yield record
        elif isinstance(query, EphemerisQuery):
            for window in query.windows("month"):
                async for record in self._ephemeris_records(query, window):
                    yield record
        else:
            for record in await self._result(Kind.CONJUNCTIONS, query.body(), str(query)):
                yield record

    async def records_at_once(self, query: EphemerisQuery | ProductQuery) -> list[Record]:
        """Return the records of a synchronous search: of at most two days of ephemeris, ten years of products.

        Raises Garbled for an answer that holds no records, and what a refusal stands for.
        """
        if isinstance(query, EphemerisQuery):
            kind, body = Kind.EPHEMERIS, query.body(query.chosen, (query.start, query.end))
        else:
            kind, body = Kind.PRODUCTS, query.body()
        path = f"/{kind}/search_synchronous"
        answer = await self.api.read(
            "POST", path, str(query), {"data_source_record_format": "basic_info"}, {"query": body}
        )
        return unwrap(answer, str(query))

    async def described(self, query: Query) -> str:
        """Have a search told in words, which look like SQL. Raises what a refusal stands for."""
        kind = {EphemerisQuery: "ephemeris", ProductQuery: "data_products"}.get(type(query), "conjunction")
        body = (
            query.body(query.chosen, (query.start, query.end))
            if isinstance(query, EphemerisQuery)
            else query.body()
        )
        told = await self.api.read("POST", f"/utils/describe/query/{kind}", str(query), None, body)
        return "\n".join(map(str, told)) if isinstance(told, list) else str(told)

    async def _ephemeris_records(self, query: EphemerisQuery, window: Window) -> AsyncIterator[Record]:
        """Yield the records of a window; one whose result is too long to be read is searched in halves."""
        try:
            records = await self._result(Kind.EPHEMERIS, query.body(query.chosen, window), str(query))
        except AnswerTooLong:
            if not (parts := halves(window)):
                raise
            for part in parts:
                async for record in self._ephemeris_records(query, part):
                    yield record
            return
        for record in records:
            yield record

    async def _product_records(self, query: ProductQuery, seen: Seen) -> AsyncIterator[Record]:
        """Yield each product once; a range that is too long to be searched at once is searched in parts."""
        try:
            records = await self._result(Kind.PRODUCTS, query.body(), str(query))
        except Rejected as error:
            if not (parts := parts_of(query, error)):
                raise
            for part in parts:
                async for record in self._product_records(part, seen):
                    yield record
            return
        for record in records:
            if seen.add(keys.canonical(record)):
                yield record

    async def _result(self, kind: Kind, body: Mapping[str, Any], subject: str) -> list[Record]:
        """Search, and read the whole result; a search that fails or whose result is gone is submitted anew."""

        async def attempt() -> list[Record]:
            found = await Searches(self.api, self.settings, self.polling).run(kind, body, subject)
            try:
                reply = await self.api.ask("GET", found.data_path, most_bytes=RESULT_BYTES)
                records = unwrap(decoded(reply, subject), subject)
            except NotFound as error:
                raise SearchFailed(f"{subject}: the result has expired: {error}") from error
            _hold_to_count(len(records), found.count, subject)
            return checked(records, subject) if kind is Kind.PRODUCTS else records

        return await persist(attempt, self.settings)

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """Tell where the file is: a product at its address, a document at the result of a search, once it is over.

        Raises SearchFailed, and what a refusal stands for.
        """
        if not transfer.source.startswith("{"):
            return SignedUrl("GET", address_of(transfer))
        told = json.loads(transfer.source)
        found = await Searches(self.api, self.settings, self.polling).run(
            Kind(told["kind"]), told["search"], transfer.key
        )
        self._counts[transfer.key] = found.count
        return SignedUrl("GET", f"{self.name}{PREFIX}{found.data_path}")

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """Raise ReadOnly: AuroraX takes records, no files."""
        raise ReadOnly(
            f"{transfer.key}: AuroraX takes no files; push records of them with `imap-bulk aurorax push`"
        )

    @property
    def content_proves(self) -> bool:
        """Nothing here verifies: AuroraX names no digests."""
        return False

    def accept(self, transfer: Transfer, part: Path) -> Proof | None:
        """Count the records of a document; look whether a product is an image or a movie, and no web page.

        Raises Garbled, DigestMismatch, and what an error in the document's place stands for.
        """
        if not transfer.source.startswith("{"):
            return look_at(transfer.key, part)
        promised = self._counts.get(transfer.key)
        _hold_to_count(count_records(part, transfer.key), promised, transfer.key)
        return Proof.FORM if promised is None else Proof.COUNT


def _written(kind: Kind, search: Mapping[str, Any]) -> str:
    """Write down a search so that it can be submitted in another run."""
    return keys.canonical({"kind": kind, "search": search})


async def _whole(query: ConjunctionQuery) -> AsyncIterator[RemoteFile]:
    source = _written(Kind.CONJUNCTIONS, query.body())
    yield RemoteFile(keys.conjunctions_key(query.name, source), meta=query.body(), source=source)


def _hold_to_count(count: int, promised: int | None, subject: str) -> None:
    if promised is not None and count != promised:
        raise DigestMismatch(f"{subject}: {count} records came, the archive has announced {promised}")
