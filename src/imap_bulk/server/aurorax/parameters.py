"""Parameters of paths and of URLs' queries."""

from aiohttp import web

from imap_bulk.server.aurorax.answers import bad_request

_FLAGS = {"true": True, "false": False, "": False}


def read_flag(request: web.Request, name: str) -> bool | None:
    """Read a boolean in any letter case; the official client writes Python's. Raises Refused."""
    if name not in request.query:
        return None
    text = request.query[name].lower()
    if text not in _FLAGS:
        raise bad_request(f"The parameter {name} must be true or false.")
    return _FLAGS[text]


def read_number(request: web.Request, name: str) -> int | None:
    """Read a whole number. Raises Refused."""
    if name not in request.query:
        return None
    try:
        return int(request.query[name])
    except ValueError:
        raise bad_request(f"The parameter {name} must be an integer.") from None


def read_identifier(request: web.Request) -> int:
    """Read the identifier in a path. Raises Refused."""
    text = request.match_info["identifier"]
    try:
        identifier = int(text)
    except ValueError:
        identifier = 1 << 31
    if not -(1 << 31) <= identifier < 1 << 31:
        raise bad_request(f"The identifier {text!r} is not a 32-bit integer.")
    return identifier
