"""What a URL that the IMAP archive signed says about itself."""

import re
from datetime import datetime
from functools import lru_cache
from urllib.parse import unquote

from imap_bulk.errors import Garbled, Rejected
from imap_bulk.urls import is_web_address

_SCHEME = re.compile("[a-z0-9]+:")
_DATE, _EXPIRES, _HEADERS = (
    re.compile(rf"&X-Amz-{name}=([^&]*)") for name in ("Date", "Expires", "SignedHeaders")
)
_SIGNED_AT = re.compile("[0-9]{8}T(?!24)[0-9]{6}Z")  # 24:00 is a time from Python 3.14 on; not for who signs


def checked_url(url: str, subject: str) -> str:
    """Return the URL as it came. Raises `Garbled` if it is none, `Rejected` if it is of a kind we do not use."""
    if is_web_address(url):
        return url
    shown = url.partition("?")[0][:200]
    said = f"{subject}: the archive answered {shown!r}, which is no http(s) URL, in place of a signed one"
    raise Rejected(said) if _SCHEME.match(url) else Garbled(said)


def _param(pattern: re.Pattern[str], url: str, default: str = "") -> str:
    """Find a parameter, still percent-encoded: with a session token all of them are a kilobyte, for every file."""
    found: list[str] = pattern.findall("&" + url.partition("#")[0].partition("?")[2])
    return found[-1] if found else default


def expires_at(url: str) -> float | None:
    """Read from a signed URL when it expires, as Unix time; None where it does not say."""
    return _added_up(_param(_DATE, url), _param(_EXPIRES, url))


@lru_cache(maxsize=16)
def _added_up(signed_at: str, life: str) -> float | None:
    """Return when what was signed then for so many seconds expires. Kept: an archive signs many URLs a second."""
    if not _SIGNED_AT.fullmatch(signed_at):
        return None
    try:
        return datetime.fromisoformat(signed_at).timestamp() + int(life)
    except (ValueError, OverflowError):
        return None


def headers_to_send(url: str, subject: str) -> dict[str, str]:
    """Give the headers that were signed with the URL, beyond the host. Their values are not in it.

    Raises Rejected for headers whose values nobody has told.
    """
    signed = set(unquote(_param(_HEADERS, url, "host")).lower().split(";"))
    unknown = signed - {"host", "x-amz-tagging", ""}
    if unknown:
        raise Rejected(
            f"{subject}: the archive signed headers whose values it keeps: {', '.join(sorted(unknown))}"
        )
    # One revision of the upload service signs an empty tag without being asked.
    return {"x-amz-tagging": ""} if "x-amz-tagging" in signed else {}
