"""The border with aiohttp: its errors and status codes become ours, and the archive's session lives here.

The archive's session carries credentials and talks to the API host alone. Redirects are never followed by
the library: aiohttp forwards `x-api-key` to wherever a redirect points.
"""

import errno
import json
import os
import re
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Self

import aiohttp
import yarl

from imap_bulk import errors
from imap_bulk.model import public_url
from imap_bulk.settings import MIB, Settings

USER_AGENT = "imap-bulk (aiohttp)"
ANSWER_LIMIT_BYTES = 64 * MIB
"""Longest API answer that is read. The real gateway cannot send more than 6 MiB."""

_SHOWN_CHARACTERS = 300
_EXPIRED_CODES = {"ExpiredToken", "RequestExpired", "TokenRefreshRequired"}
_OUT_OF_FILES = {errno.EMFILE, errno.ENFILE}
_BROKEN_BODY_CODES = {"BadDigest", "InvalidDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}


class AnswerTooLong(errors.Rejected):
    """The answer passes `ANSWER_LIMIT_BYTES`; whoever asked may ask for less."""


@contextmanager
def border(doing: str) -> Iterator[None]:
    """Turn whatever aiohttp raises inside into one of our errors, said as `doing`: "downloading x from host"."""
    try:
        yield
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        reason = getattr(error, "certificate_error", error)
        raise errors.Rejected(
            f"{doing}: the server's TLS certificate is not trusted ({_one_line(reason)}); where a proxy of your "
            "institute signs certificates, point SSL_CERT_FILE at its CA bundle"
        ) from error
    except aiohttp.InvalidURL as error:
        raise errors.Rejected(f"{doing}: the address is not a URL") from error
    except TimeoutError as error:
        raise errors.Stalled(f"{doing}: the other side was silent for too long") from error
    except (aiohttp.ClientError, ConnectionError) as error:
        number = getattr(error, "errno", None)
        if number in _OUT_OF_FILES:
            raise OSError(number, f"{doing}: this machine has no file descriptor left") from error
        raise errors.Interrupted(f"{doing}: {_connection_words(error)}") from error


def _connection_words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"no address is known for the host {error.host}; check the network and the URL"
    if isinstance(error, aiohttp.ClientConnectorError):
        reason = os.strerror(error.errno) if error.errno else "it was refused"
        return f"no connection to {error.host}:{error.port} ({reason.lower()})"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "the connection ended before the body did"
    return f"the connection broke ({type(error).__name__})"  # str() may hold the signed URL


def _one_line(thing: object) -> str:
    """Shorten foreign words to a piece of one line that holds no query string."""
    text = re.sub(r"\?\S+", "?…", " ".join(str(thing).split()))
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + " …"


def client_timeout(settings: Settings) -> aiohttp.ClientTimeout:
    """No limit on the whole, because a large body on a slow link is healthy; a limit on silence instead."""
    return aiohttp.ClientTimeout(
        total=None,
        connect=None,
        sock_connect=settings.connect_timeout,
        sock_read=settings.idle_timeout,
    )


@lru_cache(maxsize=256)
def proxy_for(scheme: str, host: str) -> str | None:
    """Tell the proxy that the environment names for a host.

    Kept, because asking takes a fifth of the time of a small file. aiohttp's own `trust_env` would also send the
    credentials of ~/.netrc, to storage hosts too.
    """
    if not host or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(scheme)


def proxy_hosts() -> set[str | None]:
    """Return the hosts of the proxies that the environment names."""
    return {yarl.URL(proxy).host for proxy in urllib.request.getproxies().values()}


@dataclass(frozen=True, slots=True)
class Reply:
    """An API's whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text, whatever its bytes."""
        return self.body.decode("utf-8", errors="replace")

    @property
    def words(self) -> str:
        """What the server says, in one line: a JSON body's string, `message` or `error`, or the text itself."""
        try:
            answer = json.loads(self.body)
        except ValueError:
            return _one_line(_without_page(self.text))
        if isinstance(answer, dict):
            answer = answer.get("message") or answer.get("error") or answer.get("body") or answer
        return _one_line(answer)


def _without_page(text: str) -> str:
    if not text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        return text
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return f"a web page titled {title[1].strip()!r}" if title else "a web page"


class ApiSession:
    """A session with an archive's API host: sends the credentials, follows no redirect, reads whole answers."""

    def __init__(self, base_url: str, headers: Mapping[str, str], settings: Settings) -> None:
        self._base_url = base_url.rstrip("/")
        url = yarl.URL(self._base_url)
        self._proxy = proxy_for(url.scheme, url.host or "")
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers},
            timeout=client_timeout(settings),
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """GET `path` below the base URL. Any status is an answer; only a failed exchange raises."""
        url = yarl.URL(self._base_url + path, encoded=True).with_query(params)
        with border(f"asking {public_url(str(url))}"):
            async with self._session.get(url, allow_redirects=False, proxy=self._proxy) as response:
                body = await _read_whole(response)
                return Reply(response.status, response.headers, body)


async def _read_whole(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > ANSWER_LIMIT_BYTES:
            raise AnswerTooLong(f"the answer of {public_url(str(response.url))} is longer than 64 MiB")
    return bytes(body)


def api_error(reply: Reply, subject: str) -> errors.BulkError:
    """Turn an API's refusal into a typed error that repeats its words; `subject` is the file or the query."""
    said = f"{subject}: the archive answered {reply.status}: {reply.words}"
    match reply.status:
        case 401:
            return errors.AccessDenied(f"{said}; a key is needed: set IMAP_API_KEY or give --api-key")
        case 403:
            return errors.AccessDenied(f"{said}; this needs a key (IMAP_API_KEY, --api-key) that allows it")
        case 404:
            return errors.NotFound(said)
        case 409:
            return errors.AlreadyArchived(said)
        case _:
            return _by_status(reply.status, reply.headers, said)


def storage_error(status: int, headers: Mapping[str, str], body: bytes, subject: str) -> errors.BulkError:
    """Turn storage's refusal (S3's XML) into a typed error that repeats its words."""
    code, message = _s3_words(body)
    said = f"{subject}: storage answered {status}: {_one_line(f'{code} {message}'.strip() or 'nothing readable')}"
    if code == "RequestTimeTooSkewed":
        return errors.Rejected(f"{said}; set this machine's clock")
    if "not signed" in message:
        return errors.Rejected(said)
    if code in _BROKEN_BODY_CODES:
        return errors.DigestMismatch(said)
    if code == "RequestTimeout":
        return errors.Stalled(said)
    if status == 403 or code in _EXPIRED_CODES or (status == 400 and code == "AccessDenied"):
        return errors.UrlExpired(said)
    if status == 404:
        return errors.Vanished(said)  # whoever signed the URL had just seen the object
    return _by_status(status, headers, said)


def _by_status(status: int, headers: Mapping[str, str], said: str) -> errors.BulkError:
    if status in (429, 503):
        return errors.Busy(said, retry_after(headers))
    if status in (408, 425, 500, 502, 504):
        return errors.ServerFault(said)
    return errors.Garbled(said) if status < 400 else errors.Rejected(said)


def _s3_words(body: bytes) -> tuple[str, str]:
    """Pick Code and Message out of S3's XML, which needs no XML parser and so no defence of one."""
    text = body.decode("utf-8", errors="replace")
    found = [re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL) for tag in ("Code", "Message")]
    if not any(found):
        return "", _without_page(text)
    code, message = (match[1].strip() if match else "" for match in found)
    return code, message


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that `Retry-After` asks for, by the server's own `Date` where it is a date; None if unreadable."""
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"-?[0-9]{1,12}", value):
        return max(0.0, float(value))
    until = unix_time(value)
    if until is None:
        return None
    at = unix_time(headers.get("Date", ""))
    if at is None:
        at = time.time() if now is None else now
    return max(0.0, until - at)


def unix_time(http_date: str) -> float | None:
    """Read an HTTP date; None when it is none."""
    try:
        return parsedate_to_datetime(http_date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def decode_json(reply: Reply, subject: str) -> Any:
    """Read a JSON answer. Raises `Garbled` when it is none: a login page with status 200, say."""
    try:
        return json.loads(reply.body)
    except ValueError as error:
        raise errors.Garbled(
            f"{subject}: the archive answered {reply.status} with something that is no JSON ({reply.words}); "
            "check the URL, and whether a login page stands in between"
        ) from error
