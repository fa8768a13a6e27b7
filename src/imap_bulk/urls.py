"""URLs as text: which of them lead anywhere, and what of them may be shown."""

import re
from urllib.parse import urlsplit

_USUAL = re.compile(r"https?://[A-Za-z0-9.-]+(:[1-5]?[0-9]{1,4})?/[!-~]*")  # what archives sign, told at one look


def is_web_address(url: str) -> bool:
    """Whether this is an absolute http(s) URL."""
    if _USUAL.fullmatch(url):
        return True
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.split() == [url]


def public_url(url: str) -> str:
    """Cut a URL to what may be shown: no user, no password, no query string, no fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
