"""What HTTP answers mean: an API's whole answer, its refusals and storage's as our errors, Retry-After, dates."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from imap_bulk import errors

_SHOWN_CHARACTERS = 300
_LOOKED_AT_BYTES = 64 << 10
_EXPIRED_CODES = {"ExpiredToken", "RequestExpired", "TokenRefreshRequired"}
_BROKEN_BODY_CODES = {"BadDigest", "InvalidDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"}


def one_line(thing: object) -> str:
    """Shorten foreign words to a piece of one line that holds no query string."""
    text = re.sub(r"\?\S+", "?…", " ".join(str(thing).split()))
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + " …"


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
        if len(self.body) > _LOOKED_AT_BYTES:  # nobody says so much; JSON of 7 MiB can take 580 MiB and seconds
            return one_line(_without_page(self.body[:_LOOKED_AT_BYTES].decode("utf-8", errors="replace")))
        try:
            answer = json.loads(self.body)
        except (ValueError, RecursionError):
            return one_line(_without_page(self.text))
        if isinstance(answer, dict):
            answer = answer.get("message") or answer.get("error") or answer.get("body") or answer
        return one_line(answer)


def _without_page(text: str) -> str:
    if not text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        return text
    title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
    return f"a web page titled {title[1].strip()!r}" if title else "a web page"


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
            return by_status(reply.status, reply.headers, said)


def storage_error(status: int, headers: Mapping[str, str], body: bytes, subject: str) -> errors.BulkError:
    """Turn storage's refusal (S3's XML) into a typed error that repeats its words."""
    if told := error_document(body):  # an archive that sends its files itself speaks for itself
        return _by_document(status, headers, f"{subject}: the archive answered {status}: {told}")
    code, message = _s3_words(body)
    said = f"{subject}: storage answered {status}: {one_line(f'{code} {message}'.strip() or 'nothing readable')}"
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
    return by_status(status, headers, said)


def bucket_error(status: int, headers: Mapping[str, str], body: bytes, subject: str) -> errors.BulkError:
    """Turn the refusal of a bucket that we have a key of our own for into a typed error with the remedy.

    There, unlike where somebody else signs, a 403 is about our key, and a 404 about the bucket.
    """
    code, message = _s3_words(body)
    said = f"{subject}: storage answered {status}: {one_line(f'{code} {message}'.strip() or 'nothing readable')}"
    if code == "NoSuchBucket" or (status == 404 and not code):
        return errors.NotFound(f"{said}; make the bucket, or correct its name or AWS_ENDPOINT_URL")
    if code in _EXPIRED_CODES | {"InvalidToken"}:
        return errors.AccessDenied(f"{said}; get new credentials, and set AWS_SESSION_TOKEN with them")
    if code == "RequestTimeTooSkewed" or "Request has expired" in message:
        return errors.Rejected(f"{said}; set this machine's clock")
    if code in ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"):
        return errors.AccessDenied(f"{said}; set AWS_REGION to the region of the bucket")
    if status in (401, 403):
        remedy = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what that key may do there"
        return errors.AccessDenied(f"{said}; {remedy}")
    if code in _BROKEN_BODY_CODES:
        return errors.Interrupted(f"{said}; the bytes were damaged on the way there")
    return storage_error(status, headers, body, subject)


def error_document(body: bytes) -> str | None:
    """Read an API's own explanation: a JSON object with a message, and an exception or error by name."""
    if len(body) > _LOOKED_AT_BYTES or not body.lstrip().startswith(b"{"):
        return None
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    name = told.get("exception") or told.get("error")
    message = told.get("message")
    return one_line(f"{name}: {message}") if isinstance(name, str) and isinstance(message, str) else None


def _by_document(status: int, headers: Mapping[str, str], said: str) -> errors.BulkError:
    """Judge a refusal that is explained: what an API can say of a question does not change by asking again."""
    if status in (401, 403):
        return errors.AccessDenied(said)
    if status == 404:
        return errors.NotFound(said)
    return errors.Rejected(said) if status == 500 else by_status(status, headers, said)


def by_status(status: int, headers: Mapping[str, str], said: str) -> errors.BulkError:
    """Judge a refusal by nothing but its status; `said` is what people are told."""
    if status in (429, 503):
        return errors.Busy(said, retry_after(headers))
    if status in (408, 425, 500, 502, 504):
        return errors.ServerFault(said)
    if status == 407:
        return errors.Rejected(
            f"{said}; the proxy wants a name and a password: write HTTP_PROXY and HTTPS_PROXY as "
            "http://name:password@host:port"
        )
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
    """Read an HTTP date; None when it is none. One that names no zone is of Greenwich, as all of them are."""
    from email.utils import parsedate_to_datetime  # a fiftieth of the command line's start; dates are rare

    try:
        read = parsedate_to_datetime(http_date)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


_HALF = re.compile(rb"\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]")
"""Where halves of surrogate pairs may be: Python reads them, whether there are two of them or one."""


def decode_json(reply: Reply, subject: str) -> Any:
    """Read a JSON answer. Raises `Garbled` when it is none: a login page with status 200, say.

    Half a character, which no file, name or request can hold, is none either.
    """
    try:
        answer = json.loads(reply.body)
        if _HALF.search(reply.body):
            json.dumps(answer, ensure_ascii=False).encode()
        return answer
    except (ValueError, RecursionError) as error:
        raise errors.Garbled(
            f"{subject}: the archive answered {reply.status} with something that is no JSON ({reply.words}); "
            "check the URL, and whether a login page stands in between"
        ) from error
