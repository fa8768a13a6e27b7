"""A session with LSST's services below one address: questions, lists, and the schema of a table."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

from imap_bulk.archives.lsst.envelopes import Page, read_document, read_page, refusal, result_of
from imap_bulk.archives.lsst.paging import names
from imap_bulk.errors import NotFound, Rejected
from imap_bulk.http import Reply
from imap_bulk.retry import persist
from imap_bulk.settings import MIB, Settings
from imap_bulk.transport.api import ApiSession, without_user
from imap_bulk.urls import is_base_address, public_url

LEVELS = ("DC", "L1", "L2", "L3", "dev")
"""Data challenge, alert production, data release, user data, development."""

ANSWER_LIMIT_BYTES = 64 * MIB
"""Longest answer that is read: in memory it takes ten times as much."""

_PASSING = {429, 502, 503, 504}


@dataclass(slots=True, repr=False)
class Service:
    """LSST's services at `url`, which goes in front of `/meta`, `/db` and `/image`, with a token if need be.

    Raises `Rejected` when `url` is no http(s) URL.
    """

    url: str
    token: str | None = None
    settings: Settings = field(default_factory=Settings)
    base: str = field(init=False, compare=False)
    """The URL without what may stand in it of a user and a password."""
    _credentials: dict[str, str] = field(init=False, compare=False)
    _session: ApiSession | None = field(default=None, init=False, compare=False)

    def __post_init__(self) -> None:
        self.url = self.url.strip().rstrip("/")
        self.token = (self.token or "").strip() or None
        if not is_base_address(self.url):
            shown = self.url.rpartition("@")[2]
            raise Rejected(
                f"the archive's address {shown!r} is no URL of a host, nor of a path on one; "
                "write it as in http://127.0.0.1:8000"
            )
        self.base, self._credentials = without_user(self.url)
        if self.token:
            self._credentials = {"Authorization": f"Bearer {self.token}"}

    def __repr__(self) -> str:
        return f"<Service {self.name} with {'a token' if self.token else 'no token'}>"

    @property
    def name(self) -> str:
        """The URL, without credentials."""
        return public_url(self.base)

    @property
    def credentials(self) -> dict[str, str]:
        """The headers that open the door, for this host alone."""
        return dict(self._credentials)

    async def __aenter__(self) -> Self:
        session = ApiSession(self.base, self.credentials, self.settings)
        self._session = await session.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        session, self._session = self._session, None
        if session:
            await session.__aexit__(*exc_info)

    async def ask(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask once. Any status is an answer. Raises as `ApiSession.ask`, and RuntimeError before `async with`."""
        if self._session is None:
            raise RuntimeError("open the service first: async with service")
        return await self._session.ask(method, path, params, body, headers, most_bytes=ANSWER_LIMIT_BYTES)

    async def persist(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ask until there is an answer that does not just say to come back.

        Raises as `ask`, and what the last answer stands for where all of them say that.
        """

        async def attempt() -> Reply:
            reply = await self.ask(method, path, params, body, headers)
            if reply.status in _PASSING:
                raise refusal(reply, path)
            return reply

        return await persist(attempt, self.settings)

    async def names(
        self, path: str, subject: str, params: Mapping[str, str] | None = None, *, stable: bool = False
    ) -> AsyncGenerator[str, None]:
        """Yield the names of a list, page by page. Raises as `read_page`."""

        async def turn(start: int, count: int) -> Page:
            asked = {**(params or {}), "start": str(start), "count": str(count)}
            return await self._page(path, subject, asked)

        async with aclosing(names(turn, subject, stable=stable)) as found:
            async for name in found:
                yield name

    async def few(self, path: str, subject: str) -> tuple[str, ...]:
        """Return the names of a list that has no pages. Raises as `read_page`."""
        return (await self._page(path, subject, {})).names

    async def _page(self, path: str, subject: str, params: Mapping[str, str]) -> Page:
        async def attempt() -> Page:
            return read_page(await self.ask("GET", path, params), subject)

        return await persist(attempt, self.settings)

    async def databases(self, containing: str = "") -> AsyncGenerator[tuple[str, str], None]:
        """Yield the level and the name of each database. Raises as `read_page`."""
        told = await self.few("/meta/v0/db", "the levels")
        params = {"containing": containing} if containing else {}
        # One generation of servers names the first of its levels only.
        for level in dict.fromkeys((*told, *LEVELS)):
            path = f"/meta/v0/db/{quote(level, safe='')}"
            try:
                async for name in self.names(path, f"the databases of {level}", params):
                    yield level, name
            except NotFound:
                continue

    async def level_of(self, database: str) -> str:
        """Find the level of a database, whose name is unique over all of them. Raises NotFound."""
        async with aclosing(self.databases(database)) as found:
            async for level, name in found:
                if name == database:
                    return level
        raise NotFound(f"there is no database {database}; `imap-bulk lsst list databases` tells what there is")

    async def schema(self, database: str, table: str) -> str:
        """Return the statement that creates a table. Raises NotFound."""
        subject = f"{database}.{table}"
        level = await self.level_of(database)
        parts = "/".join(quote(part, safe="") for part in (level, database, "tables", table))

        async def attempt() -> str:
            reply = await self.ask("GET", f"/meta/v0/db/{parts}/schema")
            told = result_of(read_document(reply, subject), subject)
            while isinstance(told, list) and told:
                told = told[-1]
            if not isinstance(told, str):
                raise NotFound(f"{subject}: the archive tells no schema of it ({reply.words})")
            return told

        return await persist(attempt, self.settings)

    def absolute(self, address: str) -> str:
        """Make an address that the archive has given an absolute URL; a path begins where the services do.

        Raises Rejected for what is none.
        """
        try:
            urlsplit(address)
        except ValueError:
            raise Rejected(f"the archive gave {address!r}, which is no address") from None
        if "://" in address:
            return address
        if address.startswith("//"):
            return urljoin(self.base, address)
        prefix = urlsplit(self.base).path
        path = "/" + address.lstrip("/")
        if prefix and path.startswith(prefix + "/"):
            path = path.removeprefix(prefix)
        return self.base + path

    def below(self, address: str) -> str:
        """Tell the path of an address that is the archive's own. Raises Rejected for any other."""
        url = self.absolute(address)
        if not url.startswith(self.base + "/"):
            raise Rejected(f"{public_url(url)} is not the archive's own: it is asked for nothing there")
        return url.removeprefix(self.base)

    def is_own(self, url: str) -> bool:
        """Tell whether a URL leads to this very scheme, host and port, where the token may go."""
        return _origin(url) == _origin(self.base)


_PORTS = {"http": 80, "https": 443}


def _origin(url: str) -> tuple[str, str | None, int | None] | None:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
