"""What a URL that the IMAP archive signed says about itself."""

import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from imap_bulk.errors import Garbled, Rejected

_SCHEME = re.compile("[a-z0-9]+:")


def is_web_address(url: str) -> bool:
    """Whether this is an absolute http(s) URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is no number
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and url.split() == [url]


def checked_url(url: str, subject: str) -> str:
    """Return the URL as it came. Raises `Garbled` if it is none, `Rejected` if it is of a kind we do not use."""
    if is_web_address(url):
        return url
    shown = url.partition("?")[0][:200]
    said = f"{subject}: the archive answered {shown!r}, which is no http(s) URL, in place of a signed one"
    raise Rejected(said) if _SCHEME.match(url) else Garbled(said)


def _signed_params(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def expires_at(url: str) -> float | None:
    """Read from a signed URL when it expires, as Unix time; None where it does not say."""
    told = _signed_params(url)
    try:
        signed = datetime.strptime(told.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed.timestamp() + int(told.get("X-Amz-Expires", ""))
    except (ValueError, OverflowError):
        return None


def headers_to_send(url: str, subject: str) -> dict[str, str]:
    """Give the headers that were signed with the URL, beyond the host. Their values are not in it."""
    signed = set(_signed_params(url).get("X-Amz-SignedHeaders", "host").lower().split(";"))
    unknown = signed - {"host", "x-amz-tagging", ""}
    if unknown:
        raise Rejected(
            f"{subject}: the archive signed headers whose values it keeps: {', '.join(sorted(unknown))}"
        )
    # One revision of the upload service signs an empty tag without being asked.
    return {"x-amz-tagging": ""} if "x-amz-tagging" in signed else {}
