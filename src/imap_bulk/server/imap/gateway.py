"""What stands before the API's handlers: Amazon's gateway, its words, its limits, and the documents' envelope."""

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from imap_bulk.server.imap.generations import Words

_LOG = logging.getLogger(__name__)

_PLAIN = "text/plain"
_PAGE = re.compile(r"/|/page/(about|[a-z]+\.[a-z]+)")  # the page itself is none of the API


class Throttle:
    """A bucket that holds a second's worth of requests, and is filled as steadily as time passes."""

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._size = max(1.0, per_second)
        self._left = self._size
        self._filled = clock()

    def take(self) -> bool:
        """Take one request out; tell whether there was one."""
        now = self._clock()
        self._left = min(self._size, self._left + max(0.0, now - self._filled) * self._per_second)
        self._filled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def gateway(words: Words, throttle: Throttle | None) -> Middleware:
    """Return what says the gateway's words where no handler answers, and turns away who asks too often."""

    @web.middleware
    async def stand_before(request: web.Request, handler: Handler) -> web.StreamResponse:
        if throttle and not _PAGE.fullmatch(request.path) and not throttle.take():
            return said(429, '{"message":"Too Many Requests"}')
        try:
            answer = await handler(request)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            return said(*words.unknown_route)
        except web.HTTPException:
            raise
        except (ValueError, LookupError, OverflowError) as error:
            _LOG.info("%d for %s, as the SDC gives it: %r", words.failure[0], request.path, error)
            return said(*words.failure)
        except Exception:
            _LOG.exception("the API failed at %s", request.path)
            return said(*words.failure)
        if answer.content_type == _PLAIN:
            answer.headers["Content-Type"] = words.default_type
        return answer

    return stand_before


def said(status: int, body: str) -> web.Response:
    """Answer in the gateway's own words."""
    return web.Response(status=status, text=body, content_type="application/json")


def enveloped(answer: web.Response) -> web.Response:
    """Wrap an answer as the documents print it: what the handler gave to the gateway, with the body as JSON."""
    text = (answer.text or "") if answer.body else ""
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    own = {name: answer.headers[name] for name in _told(answer.headers)}
    whole = {"statusCode": answer.status, **({"headers": own} if own else {}), "body": body}
    outside = {name: value for name, value in own.items() if name != "Content-Type"}
    return web.Response(
        status=answer.status,
        headers=outside,
        text=json.dumps(whole),
        content_type="application/json",
    )


def _told(headers: Mapping[str, str]) -> Iterator[str]:
    """Name the headers that a handler has set itself."""
    if not headers.get("Content-Type", _PLAIN).startswith(_PLAIN):
        yield "Content-Type"
    yield from (name for name in ("Location", "Access-Control-Allow-Origin") if name in headers)


class Payload:
    """How long a handler's answer is for the gateway, which takes it as JSON: the body in a string therein."""

    def __init__(self, headers: Mapping[str, str], limit: int | None) -> None:
        self._length = len(json.dumps({"statusCode": 200, "headers": dict(headers), "body": "[]"}))
        self._limit = limit

    def add(self, record: str) -> None:
        """Count one record of an array. Raises ValueError beyond what the gateway takes."""
        self._length += len(record) + record.count('"') + record.count("\\") + len(", ")
        if self._limit is not None and self._length - len(", ") > self._limit:
            raise ValueError("the answer is larger than the real gateway's limit")
