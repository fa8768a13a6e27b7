"""URLs as text: which of them lead anywhere, and what of them may be shown."""

import re
from urllib.parse import urlsplit

_LABEL = "[A-Za-z0-9-]{1,63}"
_USUAL = re.compile(rf"https?://{_LABEL}(\.{_LABEL})*(:[1-5]?[0-9]{{1,4}}(?<!:0))?/[!-~]*")
"""What archives sign, told at one look."""


def is_web_address(url: str) -> bool:
    """Whether this is an absolute http(s) URL, whose host has a name that can be asked for."""
    if _USUAL.fullmatch(url):
        return True
    try:
        parts = urlsplit(url)
        port = parts.port  # raises ValueError when it is no number
        (parts.hostname or "").encode("idna")  # as asyncio will; UnicodeError is a ValueError
    except ValueError:
        return False
    is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return is_http and url.split() == [url]


def is_base_address(url: str) -> bool:
    """Whether this is a URL that paths can be put behind, and that a request can hold as it is."""
    return is_web_address(url) and url.isascii() and url.isprintable() and not {"?", "#"} & set(url)


def public_url(url: str) -> str:
    """Cut a URL to what may be shown: no user, no password, no query string, no fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
