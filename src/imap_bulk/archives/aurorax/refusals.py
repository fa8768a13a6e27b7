"""What AuroraX's refusals mean: one form of document for all, in any spelling, or a proxy's page in its place."""

import json
from collections.abc import Mapping
from typing import Any

from imap_bulk import errors
from imap_bulk.http import Reply, by_status, one_line, retry_after

_KEY = "set IMAP_BULK_AURORAX_API_KEY or give --api-key"
_LONGEST_DOCUMENT = 1 << 20
_STATUSES = {
    "notpermitted": 403, "notauthorized": 401, "notauthenticated": 401, "duplicate": 409, "conflict": 409,
    "notfound": 404, "tomanyrequests": 429, "toomanyrequests": 429, "unavailable": 503, "applicationerror": 500,
}  # fmt: skip
"""Error code, in small letters -> the status that goes with it, where an error comes with status 200."""


class SearchFailed(errors.Vanished):
    """The archive gave a search up, or lost its result; it is submitted anew, twice."""


class SearchTookTooLong(errors.Rejected):
    """The archive did not end a search in time; submitted anew, it would take as long."""


class Maintenance(errors.Rejected):
    """The archive is in maintenance mode: nothing is written until that is over, so nobody tries again soon."""


def told(document: object) -> str:
    """Say what an error document says: its code and its message, or else all of it."""
    if not isinstance(document, Mapping):
        return one_line(document)
    message = str(document.get("error_message") or document.get("message") or "").rstrip(". ")
    code = document.get("error_code") or ""
    return one_line(f"{code}: {message}" if code and message else message or code or dict(document))


def documents(reply: Reply) -> list[Mapping[str, Any]]:
    """Read the error documents of an answer: an array of them, one, or none where a page came in its place."""
    if len(reply.body) > _LONGEST_DOCUMENT:
        return []
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        return []
    several = answer if isinstance(answer, list) else [answer]
    return [document for document in several if isinstance(document, Mapping)]


def code_of(reply: Reply) -> str:
    """Read the error code of an answer, in small letters; "" where it has none."""
    return next((str(document.get("error_code") or "").lower() for document in documents(reply)), "")


def refusal(reply: Reply, subject: str) -> errors.BulkError:
    """Turn a refusal into a typed error that repeats the archive's words; `subject` is what was asked for."""
    found = documents(reply)
    said = "; ".join(map(told, found[:3])) if found else reply.words
    return _typed(reply.status, reply.headers, said, code_of(reply), subject)


def hidden_refusal(document: Mapping[str, Any], subject: str) -> errors.BulkError:
    """Turn an error that came with status 200 into what it would be with its own."""
    code = str(document.get("error_code") or "").lower()
    return _typed(_STATUSES.get(code, 400), {}, told(document), code, subject)


def _typed(status: int, headers: Mapping[str, str], words: str, code: str, subject: str) -> errors.BulkError:
    said = f"{subject}: the archive answered {status}: {words}"
    if status == 503 and "maintenance mode" in words.lower():
        return Maintenance(f"{said}; run again when that is over")
    match status:
        case 401:
            return errors.AccessDenied(f"{said}; a key is needed: {_KEY}")
        case 403:
            return errors.AccessDenied(f"{said}; this needs a key that allows it: {_KEY}")
        case 404:
            return errors.NotFound(said)
        case 409 if code != "conflict":
            return errors.AlreadyArchived(said)
        case 429:
            return errors.Busy(said, retry_after(headers))
    return by_status(status, headers, said)
