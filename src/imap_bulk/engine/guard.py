"""Where a signed URL or a redirect may lead: a public archive must not make us knock at private doors.

An archive on a private address (a laptop, an institute's own) may point to private storage; its users chose
to trust it. Names are judged by what they resolve to, at the moment of connecting, so rebinding gains nothing.
"""

import ipaddress
from dataclasses import dataclass

import yarl

from imap_bulk.errors import Rejected
from imap_bulk.model import public_url

_SCHEMES = {"http", "https"}


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

    def check_url(self, url: yarl.URL) -> None:
        """Refuse a URL for what it says. Raises Rejected."""
        shown = public_url(str(url))
        if url.scheme not in _SCHEMES or not url.host:
            raise Rejected(f"{shown!r} is no http address; the archive or its storage answers nonsense")
        if url.user is not None or url.password is not None:
            raise Rejected(f"{shown}: a signed URL with a user name in it is not used")
        if self.wants_https and url.scheme != "https":
            raise Rejected(f"{shown}: an archive that speaks https must not send us to plain http")
        if _is_literal(url.host):
            self.check_address(url.host, url.host)

    def check_address(self, host: str, address: str) -> None:
        """Refuse the address that a host name has led to. Raises Rejected."""
        if not self.trusts_private and not is_public(address):
            raise Rejected(f"the archive points to {host}, which is the private address {address}: not followed")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
