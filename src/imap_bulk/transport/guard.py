"""Where a signed URL or a redirect may lead: a public archive must not make us knock at private doors.

An archive on a private address (a laptop, an institute's own) may point to private storage; its users chose
to trust it. Names are judged by what they resolve to, at the moment of connecting, so rebinding gains nothing.
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from imap_bulk.errors import Rejected
from imap_bulk.urls import is_web_address, public_url


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the open Internet; whatever is no address is not."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        return ip.is_global if inner is None else inner.is_global
    return ip.is_global and not ip.is_multicast


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges where requests to storage go, by what the archive itself is."""

    trusts_private: bool
    """Whether the archive itself is on a private address."""
    wants_https: bool
    """Whether the archive itself speaks https: a signed URL is a secret, not to be shown on the way."""

    def check_url(self, url: str) -> None:
        """Refuse a URL for what it says. Raises Rejected."""
        if not is_web_address(url):  # and may be nothing that can be taken apart
            shown = url.partition("?")[0].rpartition("@")[2]
            raise Rejected(f"{shown!r} is no http address; the archive or its storage answers nonsense")
        shown, parts = public_url(url), urlsplit(url)
        if "@" in parts.netloc:
            raise Rejected(f"{shown}: a signed URL with a user name in it is not used")
        if self.wants_https and parts.scheme != "https":
            raise Rejected(f"{shown}: an archive that speaks https must not send us to plain http")
        if _is_literal(host := parts.hostname or ""):
            self.check_address(host, host)

    def check_address(self, host: str, address: str) -> None:
        """Refuse the address that a host name has led to. Raises Rejected."""
        if not self.trusts_private and not is_public(address):
            raise Rejected(f"the archive points to {host}, which is the private address {address}: not followed")


OPEN = Guard(trusts_private=True, wants_https=False)
"""Lets everything through: for the address that the user has given."""


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
