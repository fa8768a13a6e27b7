"""The IMAP Science Data Center: searches it, and has it sign URLs. All generations of its API since 2024."""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Self
from urllib.parse import quote

from imap_bulk.archives.imap import content
from imap_bulk.archives.imap.asking import Question, forget
from imap_bulk.archives.imap.doubts import Doubts
from imap_bulk.archives.imap.params import endpoint, params
from imap_bulk.archives.imap.query import ImapQuery
from imap_bulk.archives.imap.records import (
    Record,
    narrowed,
    read_records,
    read_text,
    to_file,
    unwrap,
    without_tables,
)
from imap_bulk.archives.imap.signed import checked_url, expires_at, headers_to_send
from imap_bulk.archives.imap.split import parts
from imap_bulk.errors import AccessDenied, BulkError, NotFound, Rejected, Vanished
from imap_bulk.http import Reply, api_error
from imap_bulk.listing import Seen
from imap_bulk.model import RemoteFile, SignedUrl, Transfer
from imap_bulk.retry import persist
from imap_bulk.settings import Settings
from imap_bulk.transport.api import AnswerTooLong, ApiSession
from imap_bulk.urls import is_base_address, public_url

_HOST = "api.imap-mission.com"
_PREFIXES = ("/api-key", "/authorized")
_NOTHING = ImapQuery(start_date="99991231", end_date="99991231")
_REDIRECTS = {301, 302, 303, 307, 308}
_AT_ONCE = 4
"""Parts of a search that are asked for at once. Each answer may have 6 MiB, and waits for its turn in memory."""

_TOO_LARGE = 413
_MAYBE_TOO_LARGE = {500, 502, 503, 504}
_NO_SUCH_ENDPOINT = {(403, "Missing Authentication Token"), (404, "Not Found")}  # as API Gateway says it


class _TooMuch(Exception):
    """The archive cannot answer; what is asked can be asked in parts."""

    def __init__(self, smaller: tuple[ImapQuery, ...], status: int) -> None:
        super().__init__(status)
        self.smaller = smaller
        self.status = status


@dataclass(slots=True, repr=False)
class ImapArchive:
    """An IMAP archive at `url`, with an API key, or else an access token, or else in public.

    Raises `Rejected` when `url` is no http(s) URL.
    """

    url: str
    api_key: str | None = None
    access_token: str | None = None
    settings: Settings = field(default_factory=Settings)
    legacy_names: bool = False
    _session: ApiSession | None = field(default=None, init=False, compare=False)
    _has_tables: bool = field(default=True, init=False, compare=False)
    """False once the archive has turned out to be older than its tables; forgotten on closing."""
    _has_listed: bool = field(default=False, init=False, compare=False)
    """Whether what is asked for comes from a search: then a 404 is to be doubted. Forgotten on closing."""
    _doubts: Doubts = field(default_factory=Doubts, init=False, compare=False)

    def __post_init__(self) -> None:
        if not is_base_address(self._plain_url()):
            shown = self.url.rpartition("@")[2]
            raise Rejected(
                f"the archive's address {shown!r} is no URL of a host, nor of a path on one; "
                f"write it as in https://{_HOST}"
            )

    def __repr__(self) -> str:
        means = "an API key" if self.api_key else "an access token" if self.access_token else "no key"
        return f"<ImapArchive {self.name} with {means}>"

    @property
    def name(self) -> str:
        """The base URL, without credentials and what they put behind it."""
        return public_url(self._plain_url())

    async def __aenter__(self) -> Self:
        session = ApiSession(self._base_url(), self._credentials(), self.settings)
        self._session = await session.__aenter__()
        return self

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        """Make copies for elsewhere closed ones, that know what this one has learnt."""
        state = {each.name: getattr(self, each.name) for each in fields(self)}
        return None, state | {"_session": None}

    async def __aexit__(self, *exc_info: object) -> None:
        session, self._session = self._session, None
        self._has_tables, self._has_listed, self._doubts = True, False, Doubts()
        if session:
            await session.__aexit__(*exc_info)

    async def search(self, query: ImapQuery) -> AsyncIterator[RemoteFile]:
        """Yield every file that matches, each once. Raises BadQuery, AccessDenied, Rejected, TransientError.

        What is too large to be answered at once is asked for in parts; while one answer is read, the next few
        are on their way. The order is that of the parts.
        """
        seen = Seen()
        async with aclosing(self._files(query)) as files:
            async for file in files:
                if seen.add(file.key):
                    self._has_listed = True
                    yield file

    async def _files(self, query: ImapQuery) -> AsyncGenerator[RemoteFile, None]:
        """Yield what the archive answers to the pieces of a query, or to the parts of those that are too large."""
        pending = deque(Question(piece) for piece in query.pieces())
        ahead = 1  # an archive that is asked in vain is asked once
        try:
            while pending:
                for question in islice(pending, ahead):
                    question.ask(self._query)
                current = pending.popleft()
                try:
                    records = deque(await self._ask(current))
                except _TooMuch as answer:
                    pending.extendleft(Question(part, answer.status) for part in reversed(answer.smaller))
                    ahead = 1  # several answers that are too large are too large for memory
                else:
                    subject = str(current.piece)
                    while records:  # an answer that is read leaves memory before the next is taken apart
                        yield to_file(records.popleft(), subject)
                    ahead = _AT_ONCE
        finally:
            await forget([question.reply for question in pending if question.reply])

    async def greet(self) -> Reply:
        """Ask for nothing, the cheapest question: whether anybody is there, and opens. Any status is an answer.

        Raises Interrupted, Stalled, Rejected for a failed exchange.
        """
        return await self._query(_NOTHING)

    def hint_when_empty(self) -> str | None:
        """Say why a search may have found nothing, if there is a reason in sight."""
        if self._credentials():
            return None
        return "without a key the archive lists released files only; set IMAP_API_KEY or give --api-key"

    async def sign_download(self, transfer: Transfer) -> SignedUrl:
        """Ask where to GET `transfer.key` from. Raises NotFound, AccessDenied, Rejected, TransientError."""
        reply = await self._get(f"/download/{quote(transfer.key)}")
        if reply.status == 404 and self._has_listed:
            raise Vanished(f"{transfer.key}: the archive has listed it, but answered 404: {reply.words}")
        if reply.status == 404 and self._doubts.is_doubtful(transfer):
            raise Vanished(f"{transfer.key}: its digest is known, but the archive answered 404: {reply.words}")
        if reply.status not in _REDIRECTS:
            raise _refusal(reply, transfer.key)
        url = checked_url(reply.headers.get("Location", ""), transfer.key)
        return SignedUrl("GET", url, expires_at=expires_at(url))

    async def sign_upload(self, transfer: Transfer) -> SignedUrl:
        """Ask where to PUT the file named in `transfer.key`. Raises AlreadyArchived, and as `sign_download`."""
        name = transfer.key.rpartition("/")[2]
        reply = await self._get(f"/upload/{quote(name, safe='')}")
        if reply.status == 404 and not self.api_key:
            raise AccessDenied(
                f"{name}: the archive answered 404: {reply.words}; in production it takes uploads only under an "
                "API key: set IMAP_API_KEY or give --api-key"
            )
        if reply.status != 200:
            raise _refusal(reply, name)
        url = checked_url(read_text(reply), name)
        return SignedUrl("PUT", url, headers_to_send(url, name), expires_at(url))

    @property
    def content_proves(self) -> bool:
        """IMAP's files say nothing of themselves that could be held to them."""
        return False

    def accept(self, transfer: Transfer, part: Path) -> None:
        """See that it is a file of the archive's that came. Raises Garbled."""
        content.check(transfer, part)

    def _plain_url(self) -> str:
        url = self.url.strip().rstrip("/")
        prefix = next((prefix for prefix in _PREFIXES if url.endswith(prefix)), "")
        return url.removesuffix(prefix).rstrip("/")

    def _base_url(self) -> str:
        plain = self._plain_url()
        if self.api_key:
            return plain + "/api-key"
        if self.access_token:
            return plain + "/authorized"
        return self.url.strip().rstrip("/")

    def _credentials(self) -> dict[str, str]:
        """Give the headers that open the door. A key read from a file often ends in a line end: cut it off."""
        if self.api_key:
            return {"x-api-key": self.api_key.strip()}
        if self.access_token:
            return {"Authorization": f"Bearer {self.access_token.strip()}"}
        return {}

    async def _get(self, path: str, conditions: Mapping[str, str] | None = None) -> Reply:
        if self._session is None:
            raise RuntimeError("open the archive first: async with archive")
        return unwrap(await self._session.get(path, conditions))

    async def _query(self, piece: ImapQuery) -> Reply:
        """Ask once; again, without a table, if that shows that the archive is older than its tables."""
        with_tables = self._has_tables
        reply = await self._get(endpoint(piece), params(piece, has_tables=with_tables))
        if with_tables and without_tables(reply):
            self._has_tables = False
            return await self._query(piece)
        return reply

    async def _ask(self, question: "Question") -> list[Record]:
        """Ask until there is an answer, a permanent error, or, twice in a row, the status of too much.

        The status that split the query of which this is a part is believed when seen once.
        """
        piece, suspected = question.piece, question.suspected
        smaller = parts(piece, _today())

        async def attempt() -> list[Record]:
            nonlocal suspected
            try:
                reply = await question.next_reply(self._query)
            except AnswerTooLong as error:
                if smaller:
                    raise _TooMuch(smaller, _TOO_LARGE) from error
                raise
            if reply.status == 200:
                return read_records(reply, str(piece))
            if smaller and _looks_too_large(reply):
                if reply.status in (suspected, _TOO_LARGE):
                    raise _TooMuch(smaller, reply.status)
                suspected = reply.status
            raise _refusal(reply, str(piece))

        patience = replace(self.settings, retries=max(bool(smaller), self.settings.retries))
        return narrowed(piece, await persist(attempt, patience), has_tables=self._has_tables)


def _today() -> date:
    return datetime.now(UTC).date()


def _looks_too_large(reply: Reply) -> bool:
    """Tell a failure that the size may have caused from throttling, which says when to come back."""
    if reply.status == _TOO_LARGE:
        return True
    return reply.status in _MAYBE_TOO_LARGE and "Retry-After" not in reply.headers


def _refusal(reply: Reply, subject: str) -> BulkError:
    if (reply.status, reply.words) in _NO_SUCH_ENDPOINT:
        return NotFound(
            f"{subject}: the archive has no such endpoint ({reply.status}: {reply.words}); check its URL"
        )
    return api_error(reply, subject)
