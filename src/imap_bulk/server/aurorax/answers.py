"""The forms of AuroraX's answers, and how its requests' bodies are read.

The content type is `application/json` and nothing behind it: with a charset, the official client takes an answer
for an error.
"""

import asyncio
import json
import logging
import math
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

_LOG = logging.getLogger(__name__)

JSON = {"Content-Type": "application/json"}

_LARGE_BYTES = 256 << 10
"""Of a body that is worth a thread's time to be parsed."""


class Refused(Exception):
    """A request that is answered with an error document."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def document(self) -> dict[str, str]:
        """What the service answers, in one form for all errors."""
        return {"error_code": self.code, "error_message": self.message}


def bad_request(message: str) -> Refused:
    """Return the refusal of a parameter that is missing or wrong."""
    return Refused(400, "AssertionError", message)


def not_found(message: str) -> Refused:
    """Return the refusal of what is not there."""
    return Refused(404, "NotFound", message)


def told(value: object, status: int = 200, **headers: str) -> web.Response:
    """Answer with a JSON document."""
    return web.Response(status=status, body=json.dumps(value).encode(), headers=JSON | headers)


def nothing(status: int, **headers: str) -> web.Response:
    """Answer without a body."""
    return web.Response(status=status, headers=headers)


async def read_json(request: web.Request) -> Any:
    """Read a request's body. Raises Refused."""
    body = await request.read()
    try:
        if len(body) > _LARGE_BYTES:
            return await asyncio.to_thread(_parsed, body)
        return _parsed(body)
    except (ValueError, RecursionError):
        raise bad_request("The body of the request is not JSON.") from None


def _parsed(body: bytes) -> Any:
    value = json.loads(body, parse_constant=_refused_constant, parse_float=_finite)
    if b"\\u" in body:  # half a surrogate pair is text that neither SQLite nor a file takes
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _finite(text: str) -> float:
    """Read a number that is to be written again: of one beyond all floats, Python would make an infinity."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large")
    return number


def _refused_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


async def read_object(request: web.Request) -> dict[str, Any]:
    """Read a request's body, which must be a JSON object. Raises Refused."""
    document = await read_json(request)
    if not isinstance(document, dict):
        raise bad_request("The body of the request is not a JSON object.")
    return document


@web.middleware
async def error_documents(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every error with a document of the one form."""
    try:
        return await handler(request)
    except Refused as refused:
        return told(refused.document, refused.status)
    except web.HTTPNotFound:
        return told(not_found(f"There is nothing at {request.path}.").document, 404)
    except web.HTTPRequestEntityTooLarge:
        return told({"error_code": "Other", "error_message": "The body of the request is too large."}, 413)
    except web.HTTPException as error:
        answer = told({"error_code": "Other", "error_message": error.reason}, error.status)
        answer.headers.update({name: error.headers[name] for name in ("Allow",) if name in error.headers})
        return answer
    except ConnectionError:
        raise
    except Exception:
        _LOG.exception("AuroraX failed at %s %s", request.method, request.path)
        return told({"error_code": "ApplicationError", "error_message": "An internal error occurred."}, 500)
