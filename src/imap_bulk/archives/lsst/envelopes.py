"""What LSST's services wrap their answers in. JSON is JSON here whatever the Content-Type says of it.

The servers that ran sent theirs as text/html, and spelled a list in three ways.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from imap_bulk.errors import AccessDenied, BulkError, Garbled, NotFound, Rejected
from imap_bulk.http import Reply, by_status, error_document, one_line

_HALF = re.compile("[\ud800-\udfff]")
"""Of a character: JSON can spell it, no request can hold it."""
_RESULTS = ("results", "result")
_ADDRESSES = ("url", "name")


class NotOffered(NotFound):
    """The server has no such service: in place of an answer it says so in a sentence."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. None where the server does not say."""

    names: tuple[str, ...]
    more: bool | None = None
    """Whether there is another page."""
    stable: bool | None = None
    """Whether the list stays as it is while it is read."""


def read_document(reply: Reply, subject: str) -> Any:
    """Read a JSON answer. Raises what its refusal means, and Garbled when it is no JSON at all."""
    if not 200 <= reply.status < 300:
        raise refusal(reply, subject)
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        pass
    if reply.body.lstrip().startswith(b"INVALID_INPUT"):
        raise Rejected(f"{subject}: the archive refuses the question: {one_line(reply.text)}")
    if "not implemented" in reply.text[:1000].lower():
        raise NotOffered(f"{subject}: this server does not offer that: {reply.words}")
    raise Garbled(
        f"{subject}: the archive answered {reply.status} with something that is no JSON ({reply.words}); "
        "check the URL, and whether a login page stands in between"
    )


def refusal(reply: Reply, subject: str) -> BulkError:
    """Turn a refusal into a typed error that repeats its words.

    These services answer 500 to whatever they cannot do, a misspelt column say; when a document explains it,
    another attempt would end the same way.
    """
    told = error_document(reply.body)
    said = f"{subject}: the archive answered {reply.status}: {told or reply.words}"
    if reply.status in (401, 403):
        return AccessDenied(f"{said}; a token may help: set IMAP_BULK_LSST_API_KEY or give --api-key")
    if reply.status == 404:
        return NotFound(said)
    if reply.status == 500 and told:
        return Rejected(said)
    return by_status(reply.status, reply.headers, said)


def read_page(reply: Reply, subject: str) -> Page:
    """Read a list in any of its forms: bare, under `result`, or under `results` with every name in a list.

    Raises what the archive's refusal stands for, and Garbled for an answer that is no list of names.
    """
    answer = read_document(reply, subject)
    flags: Mapping[str, Any] = {}
    if isinstance(answer, dict):
        flags = answer
        answer = next((answer[name] for name in _RESULTS if name in answer), None)
    if not isinstance(answer, list):
        raise _no_list(reply, subject)
    names = tuple(_name_of(element) for element in answer)
    if not all(names):
        raise _no_list(reply, subject)
    return Page(tuple(filter(None, names)), _flag(flags, "more"), _flag(flags, "stable"))


def result_of(answer: Any, subject: str) -> Any:
    """Take an answer out of its envelope. Raises Rejected when it only informs, Garbled without a result."""
    if isinstance(answer, dict):
        for name in _RESULTS:
            if name in answer:
                return answer[name]
        if told := answer.get("Info") or answer.get("info"):
            raise Rejected(f"{subject}: the archive answered no result but {one_line(told)!r}")
    raise Garbled(f"{subject}: the archive's answer has no result ({one_line(json.dumps(answer))}); check the URL")


def _name_of(element: Any) -> str | None:
    """Read one name: a text, a text in a list of its own, or an object that says where it is."""
    if isinstance(element, list) and len(element) == 1:
        element = element[0]
    if isinstance(element, dict):
        element = next((element[name] for name in _ADDRESSES if name in element), None)
    if isinstance(element, int) and not isinstance(element, bool):
        return str(element)
    return element if isinstance(element, str) and not _HALF.search(element) else None


def _flag(answer: Mapping[str, Any], name: str) -> bool | None:
    """Read a flag; errors have a list of words under the same name."""
    flag = answer.get(name)
    return flag if isinstance(flag, bool) else None


def _no_list(reply: Reply, subject: str) -> Garbled:
    return Garbled(f"{subject}: the archive answered no list of names ({reply.words}); check the URL")
