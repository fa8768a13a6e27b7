"""Lists in pages, and which of their entries are wanted."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from imap_bulk.server.lsst import replies
from imap_bulk.server.lsst.dialect import like

_PATTERN_LENGTH = 100
_REPETITIONS = 3


@dataclass(frozen=True, slots=True)
class Page:
    """Entries `start` to before `start + count` of a list; `is_stable` tells that it does not change meanwhile."""

    start: int
    count: int
    is_stable: bool = True

    @classmethod
    def asked(cls, parameters: Mapping[str, str], most: int, *, is_stable: bool = True) -> "Page":
        """Read `start` and `count`; no page is longer than `most`. Raises ValueError."""
        start, count = _whole(parameters, "start", 0), _whole(parameters, "count", most)
        return cls(start, min(count, most), is_stable)

    def answer(self, request: web.Request, names: Sequence[str], *, wrapped: bool = False) -> web.Response:
        """Answer this page of a list; `wrapped` puts each name into a list of its own, as tables have it."""
        listed = list(names[self.start : self.start + self.count])
        envelope: dict[str, Any] = {
            "results": [[name] for name in listed] if wrapped else listed,
            "more": self.start + self.count < len(names),
            "stable": self.is_stable,
            "start": self.start,
            "count": self.count,
        }
        return replies.names(request, envelope, listed)


def parameters(request: web.Request) -> dict[str, str]:
    """Return a request's parameters, of repeated ones the first; `;` parts them as well as `&` does.

    The page writes both. aiohttp takes `start=2;count=1` for one parameter, so the text is taken apart here.
    """
    found: dict[str, str] = {}
    for part in re.split("[&;]", request.rel_url.raw_query_string):
        name, equals, value = part.partition("=")
        if equals:
            found.setdefault(unquote_plus(name), unquote_plus(value))
    return found


def containing(wanted: str) -> Callable[[str], bool]:
    """Return what tells whether a name contains the text: LIKE with `%`, `/.../` a pattern, else a part.

    Raises ValueError.
    """
    if len(wanted) > 1 and wanted.startswith("/") and wanted.endswith("/"):
        return _matching(wanted[1:-1])
    if "%" in wanted:
        return like(wanted)
    return lambda name: wanted.lower() in name.lower()


def _matching(text: str) -> Callable[[str], bool]:
    # The names are short, so a few repetitions of single letters cost little; of groups they may cost for ever.
    if (
        len(text) > _PATTERN_LENGTH
        or len(re.findall("[*+?{]", text)) > _REPETITIONS
        or re.search(r"\)\s*[*+{]", text)
    ):
        raise ValueError(
            f"a regular expression has at most {_PATTERN_LENGTH} characters and {_REPETITIONS} repetitions, "
            "none of them of a group"
        )
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise ValueError(f"containing is no regular expression: {error}") from None
    return lambda name: pattern.search(name) is not None


def _whole(asked: Mapping[str, str], name: str, default: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,15}", text, re.ASCII):
        raise ValueError(f"{name} is no whole number: {text[:40]!r}")
    return int(text)
