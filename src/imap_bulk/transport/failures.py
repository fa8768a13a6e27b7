"""What is said when an exchange fails, the same in every lane; never an error's own text, which may hold a URL."""

import errno
import os
import socket
import ssl

from imap_bulk import errors
from imap_bulk.http import one_line

PROXY_CURE = "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"

_OUT_OF_FILES = {errno.EMFILE, errno.ENFILE}
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_X509_EXPIRED, _X509_WRONG_NAME = {9, 10}, {62, 64}  # X509_V_ERR_…: not yet valid, expired; host name, IP address
_NO_TLS_THERE = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


class NoSuchHost(errors.Interrupted):
    """The host's name is unknown: a slip of the pen, or else a network that is gone for a while."""


def no_name(doing: str, host: str, number: int | None, cure: str = "check the network and the URL") -> Exception:
    """Say that a name leads nowhere."""
    said = f"{doing}: no address is known for the host {host}; {cure}"
    return NoSuchHost(said) if number in _NO_SUCH_NAME else errors.Interrupted(said)


def no_connection(doing: str, place: str, number: int | None, cure: str = "") -> Exception:
    """Say that there is no connection; an OSError when that is for want of file descriptors here."""
    if is_out_of_files(number):
        return out_of_files(doing, number)
    reason = os.strerror(number).lower() if number else "it ended while it was being set up"
    return errors.Interrupted(f"{doing}: no connection to {place} ({reason}){'; ' if cure else ''}{cure}")


def is_out_of_files(number: int | None) -> bool:
    """Tell whether an error's number means that this machine cannot go on."""
    return number in _OUT_OF_FILES


def out_of_files(doing: str, number: int | None) -> OSError:
    """Say that this machine cannot go on."""
    return OSError(number, f"{doing}: this machine has no file descriptor left")


def too_late(doing: str) -> errors.Stalled:
    """Say that setting up a connection took too long."""
    return errors.Stalled(f"{doing}: no connection came about in time; check the network")


def silent(doing: str) -> errors.Stalled:
    """Say that nothing came for too long."""
    return errors.Stalled(f"{doing}: the other side was silent for too long")


def cut(doing: str) -> errors.Interrupted:
    """Say that a body is not whole."""
    return errors.Interrupted(f"{doing}: the connection ended before the body did")


def broken(doing: str, how: str) -> errors.Interrupted:
    """Say that an exchange failed, in words that are ours."""
    return errors.Interrupted(f"{doing}: the connection broke ({how})")


def no_tls(doing: str, error: ssl.SSLError) -> errors.BulkError:
    """Say why TLS could not be set up. Only a handshake that was cut off deserves another attempt."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return errors.Rejected(f"{doing}: {_certificate_words(error)}")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return errors.Interrupted(f"{doing}: the connection ended while TLS was being set up")
    if error.reason in _NO_TLS_THERE:
        return errors.Rejected(
            f"{doing}: nobody speaks TLS there; is http:// meant, or another port? Check the URL"
        )
    reason = one_line(error.reason or error).replace("_", " ").lower()
    return errors.Rejected(
        f"{doing}: no TLS that both sides accept could be set up ({reason}); TLS 1.2 or later is needed: tell "
        "whoever runs the server, or the proxy in between"
    )


def _certificate_words(error: ssl.SSLCertVerificationError) -> str:
    reason = one_line(error.verify_message)
    if error.verify_code in _X509_EXPIRED:
        return (
            f"the server's TLS certificate is not valid today ({reason}); check this machine's clock, or tell "
            "whoever runs the server"
        )
    if error.verify_code in _X509_WRONG_NAME:
        return f"the server's TLS certificate is another host's ({reason}); check the URL"
    return (
        f"the server's TLS certificate is not trusted ({reason}); where a proxy of your institute signs "
        "certificates, point SSL_CERT_FILE at its CA bundle"
    )
