"""The way to the archive: proxy, certificates, names."""

import ssl
import time
from pathlib import Path

from imap_bulk.doctor.finding import Finding, ok, problem, warning
from imap_bulk.environment import read_certificate_environment
from imap_bulk.errors import Rejected
from imap_bulk.transport.names import Resolve, resolve
from imap_bulk.transport.proxies import proxy_for
from imap_bulk.urls import public_url

_SLOW_SECONDS = 1.0


def check_proxy(scheme: str, host: str) -> Finding:
    """Tell which proxy requests to a host go through, without what opens its door."""
    try:
        proxy = proxy_for(scheme, host)
    except Rejected:
        return problem(
            "proxy",
            "the environment names one that does not speak HTTP",
            f"set {scheme}_proxy to http://host:port, or NO_PROXY to {host}",
        )
    if proxy is None:
        return ok("proxy", "none: requests go straight to the archive")
    return ok("proxy", f"{public_url(proxy)}{' (its password is not shown)' if '@' in proxy else ''}")


def check_certificates(scheme: str) -> Finding:
    """Tell by whose certificates an archive is known."""
    name, told = "certificates", read_certificate_environment()
    if scheme != "https":
        return ok(name, "not needed: the archive is asked over plain http")
    for variable, path in (("SSL_CERT_FILE", told.file), ("SSL_CERT_DIR", told.directory)):
        if path and not Path(path).exists():
            return problem(name, f"{variable} names {path}, which is not there", f"correct or unset {variable}")
    if told.file and not _holds_certificates(told.file):
        said = f"SSL_CERT_FILE names {told.file}, which holds no certificate"
        return problem(name, said, "correct or unset SSL_CERT_FILE")
    if told.unread and not told.file:
        remedy = f"if the archive is not trusted, set SSL_CERT_FILE to what {told.unread[0]} names"
        return warning(name, f"{' and '.join(told.unread)} is set, but only SSL_CERT_FILE is read", remedy)
    paths = ssl.get_default_verify_paths()
    count = ssl.create_default_context().cert_store_stats()["x509_ca"]
    if not count and not paths.capath:
        return problem(name, "no authority is trusted", "install CA certificates, or set SSL_CERT_FILE")
    return ok(name, f"{count or 'those'} authorities of {paths.cafile or paths.capath}")


def _holds_certificates(path: str) -> bool:
    """Tell whether a bundle can be read: OpenSSL itself passes over one that it cannot use, without a word."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError:  # ssl.SSLError is one
        return False
    return True


async def check_name(scheme: str, host: str, resolve: Resolve = resolve) -> Finding:
    """Tell whether the archive's name leads anywhere."""
    if _goes_by_proxy(scheme, host):
        return ok("name", f"{host}: left to the proxy")
    started = time.monotonic()
    try:
        found = await resolve(host)
    except OSError as error:
        remedy = "check --url, this machine's name server, and whether a proxy is needed"
        return problem("name", f"{host} has no address ({error.strerror or error})", remedy)
    seconds = time.monotonic() - started
    count = len({address.ip for address in found})
    said = f"{host} has {count} address{'es' * (count != 1)}, told in {seconds * 1000:.0f} ms"
    if seconds > _SLOW_SECONDS:
        return warning("name", said, "that is slow: see to this machine's name server")
    return ok("name", said)


def _goes_by_proxy(scheme: str, host: str) -> bool:
    try:
        return proxy_for(scheme, host) is not None
    except Rejected:
        return False
