"""Which request meets which fault of `faults`: as a SPEC says, or as the request itself asks for.

The SPEC is like `maintenance*1,expired-result*2,busy=0.1`:

    NAME*COUNT        the first COUNT requests that the fault fits
    NAME=PROBABILITY  each request that the fault fits, decided by the seed, its path and how often it was asked
    stall=SECONDS     how long the silence of slow-body lasts (default 60)
    limit=RECORDS     what too-large lets pass (default 100)

A request with the header `x-demo-fault: NAME` meets that fault, if it fits.
"""

import re
from collections import Counter, deque
from dataclasses import dataclass, field, replace

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imap_bulk.server.aurorax.answers import bad_request
from imap_bulk.server.aurorax.faults import ALL, Fault, Kind, Setting
from imap_bulk.server.aurorax.orbits import draw
from imap_bulk.server.chaos.entry import ENTRY, BadEntry, read_count, read_probability, read_seconds

FAULTS = {name: fault.line for name, fault in ALL.items()}
"""Every fault, and what a client sees of it, in one line."""

LOG_LENGTH = 100_000

HEADER = "x-demo-fault"

_SEARCHED = "(ephemeris|data_products|conjunctions)"
_KINDS = (
    (re.compile(f"POST /api/v1/{_SEARCHED}/search"), Kind.SEARCH),
    (re.compile(f"GET /api/v1/{_SEARCHED}/requests/[^/]+"), Kind.POLL),
    (re.compile(f"(GET|POST) /api/v1/{_SEARCHED}/requests/[^/]+/data"), Kind.RESULT),
    (re.compile("POST /api/v1/data_sources/[^/]+/(ephemeris|data_products)"), Kind.UPLOAD),
    (re.compile("POST /api/v1/data_sources/search"), Kind.OTHER),
    (re.compile("(POST|PUT|PATCH|DELETE) /api/v1/data_sources.*"), Kind.CHANGE),
    (re.compile("GET /files/.*"), Kind.FILE),
    (re.compile("[A-Z]+ /api/.*"), Kind.OTHER),
)


@dataclass(slots=True)
class Spec:
    """What a SPEC asks for."""

    counts: dict[str, int] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    setting: Setting = Setting()  # noqa: RUF009 - frozen


def parse_spec(text: str) -> Spec:
    """Read a SPEC; "" asks for nothing. Raises ValueError."""
    spec = Spec()
    for entry in filter(None, (part.strip() for part in text.split(","))):
        match = ENTRY.fullmatch(entry)
        try:
            if not match or match["origin"]:
                raise BadEntry("is none of NAME=PROBABILITY, NAME*COUNT, stall=SECONDS, limit=RECORDS")
            _add(spec, match["name"], match["sign"], match["value"])
        except BadEntry as trouble:
            raise ValueError(f"faults: {entry!r} {trouble}; known faults are {', '.join(ALL)}") from None
    return spec


def _add(spec: Spec, name: str, sign: str, value: str) -> None:
    if name in ALL and sign == "*":
        spec.counts[name] = read_count(value)
    elif name in ALL:
        spec.probabilities[name] = read_probability(value)
    elif name == "stall" and sign == "=":
        spec.setting = replace(spec.setting, stall=read_seconds(value))
    elif name == "limit" and sign == "=":
        spec.setting = replace(spec.setting, limit=read_count(value))
    else:
        raise BadEntry("names no fault and no option")


class Committer:
    """Decides and commits; `log` keeps (method, path, fault). Raises ValueError for a bad SPEC."""

    def __init__(self, spec: str, seed: int) -> None:
        self._spec = parse_spec(spec)
        self._seed = seed
        self._left = dict(self._spec.counts)
        self._asked: Counter[str] = Counter()
        self.log: deque[tuple[str, str, str]] = deque(maxlen=LOG_LENGTH)

    @property
    def middleware(self) -> Middleware:
        """The front of the archive, as a middleware of aiohttp."""

        @web.middleware
        async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
            fault = self._asked_for(request) or self._decide(request)
            if fault is None:
                return await handler(request)
            self.log.append((request.method, request.path, fault.name))
            return await fault.commit(request, handler, self._spec.setting)

        return front

    def _asked_for(self, request: web.Request) -> Fault | None:
        name = request.headers.get(HEADER)
        if name is None:
            return None
        if name not in ALL:
            raise bad_request(f"{name!r} is no fault; known are {', '.join(ALL)}.")
        return ALL[name] if _fits(_kind(request), ALL[name]) else None

    def _decide(self, request: web.Request) -> Fault | None:
        kind = _kind(request)
        for name, left in self._left.items():
            if left and _fits(kind, ALL[name]):
                self._left[name] -= 1
                return ALL[name]
        if not self._spec.probabilities:
            return None
        asked = f"{request.method} {request.path}"
        self._asked[asked] += 1
        for name, probability in self._spec.probabilities.items():
            chance = draw(self._seed, name, asked, self._asked[asked])
            if chance < probability and _fits(kind, ALL[name]):
                return ALL[name]
        return None


def _fits(kind: Kind | None, fault: Fault) -> bool:
    return kind is not None and kind in fault.kinds


def _kind(request: web.Request) -> Kind | None:
    if request.path.startswith("/api/v1/availability/") and request.query.get("slow", "").lower() == "true":
        return Kind.SLOW
    asked = f"{request.method} {request.path}"
    return next((kind for pattern, kind in _KINDS if pattern.fullmatch(asked)), None)
