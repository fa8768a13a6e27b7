"""What a fault is: a name, the requests that it makes sense for, and the function that commits it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Flag, auto

from aiohttp import web

from imap_bulk.server.wire import Exchange, Origin

Commit = Callable[[Exchange], Awaitable[web.StreamResponse]]


class Kind(Flag):
    """What a request is for: a fault makes sense for some of these."""

    QUERY = auto()
    DOWNLOAD = auto()
    UPLOAD = auto()
    WHOLE = auto()
    PART = auto()
    EMPTY = auto()
    PUT = auto()

    API = QUERY | DOWNLOAD | UPLOAD
    JSON = QUERY | UPLOAD
    BODY = WHOLE | PART
    GET = BODY | EMPTY
    STORAGE = GET | PUT
    ANY = API | STORAGE

    @property
    def origin(self) -> Origin:
        """Where requests of this single kind arrive."""
        return Origin.API if self in Kind.API else Origin.STORAGE


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can go wrong."""

    name: str
    line: str
    kinds: Kind
    commit: Commit
    is_network: bool


class Faults(dict[str, Fault]):
    """Faults by name, in the order in which help shows them."""

    def add(self, name: str, kinds: Kind, line: str, *, network: bool = False) -> Callable[[Commit], Commit]:
        """Make a function the fault `name`; `line` says in one line what a client sees of it."""

        def register(commit: Commit) -> Commit:
            self[name] = Fault(name, line, kinds, commit, network)
            return commit

        return register
