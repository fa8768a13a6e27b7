"""The proxies that the environment names, or the system where it has settings for them."""

from functools import lru_cache
from urllib.parse import urlsplit

from imap_bulk.environment import may_name_proxies
from imap_bulk.errors import Rejected
from imap_bulk.transport.failures import PROXY_CURE
from imap_bulk.urls import is_web_address


@lru_cache(maxsize=256)
def proxy_for(scheme: str, host: str) -> str | None:
    """Tell the proxy for a host. Raises Rejected for a proxy that does not speak HTTP.

    Kept, because asking takes a fifth of the time of a small file. aiohttp's own `trust_env` would also send the
    credentials of ~/.netrc, to storage hosts too.
    """
    if not host or not may_name_proxies():
        return None
    import urllib.request  # with all that it imports, a twentieth of the command line's start

    if urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(scheme)
    return _checked(_with_scheme(proxy)) if proxy else None


def proxy_hosts() -> set[str | None]:
    """Return the hosts of all proxies."""
    import urllib.request

    named = urllib.request.getproxies()
    named.pop("no", None)  # NO_PROXY: whom the guard must not take for a proxy
    return {urlsplit(_with_scheme(proxy)).hostname for proxy in named.values()}


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"  # as curl and requests read it


def _checked(url: str) -> str:
    if not is_web_address(url):  # not shown: there may be a password in it
        raise Rejected(f"only a proxy of the form http://host:port can be used; {PROXY_CURE}")
    return url
