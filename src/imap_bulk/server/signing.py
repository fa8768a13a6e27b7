"""Pre-signed URLs, held to their signatures as S3 does, and refused in its words.

What is verified is the request target as it was received, byte for byte: nothing is decoded and encoded
again. Real storage forgives a client that re-quotes `%2F` as `/`; this one does not, because proxies,
tokens with a `+`, and other S3 implementations do not either.
"""

import calendar
import hmac
import time
from collections.abc import Mapping
from urllib.parse import unquote

from imap_bulk.sigv4 import ALGORITHM, MAX_LIFETIME, AccessKey

_REQUIRED = {f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders")}


class StorageFault(Exception):
    """A refusal in the words of S3; `details` become further XML elements."""

    def __init__(self, status: int, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def access_denied(message: str = "Access Denied", **details: object) -> StorageFault:
    """Return the 403 that S3 gives for most things it does not like."""
    return StorageFault(403, "AccessDenied", message, **details)


def verify(key: AccessKey, method: str, target: str, headers: Mapping[str, str], now: float) -> None:
    """Hold a request to the signature that `key` made. `headers` ignores case, `now` is Unix time.

    Raises StorageFault.
    """
    path, _, raw_query = target.partition("?")
    pairs = [pair for pair in raw_query.split("&") if pair]
    given = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in pairs)}
    _refuse_second_mechanism(given, headers)
    signature = given.get("X-Amz-Signature")
    if signature is None:
        raise access_denied()
    stamp = _check_parameters(key, given)
    _refuse_expired(stamp, given["X-Amz-Expires"], now)
    signed = _signed_headers(given["X-Amz-SignedHeaders"].split(";"), headers)
    query = "&".join(sorted(pair for pair in pairs if not pair.startswith("X-Amz-Signature=")))
    ours = key.signature(method, path, query, signed, stamp)
    if not hmac.compare_digest(signature.encode(), ours.encode()):
        raise StorageFault(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )


def _check_parameters(key: AccessKey, given: Mapping[str, str]) -> str:
    """Return the time stamp of a well-formed set of parameters."""
    if not given.keys() >= _REQUIRED:
        raise _bad_parameters(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
            "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
        )
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise _bad_parameters(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
    access_key, _, scope = given["X-Amz-Credential"].partition("/")
    if access_key != key.id:
        raise StorageFault(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
    stamp = given["X-Amz-Date"]
    if scope != key.scope(stamp):
        raise _bad_parameters("Error parsing the X-Amz-Credential parameter; the scope is not ours.")
    return stamp


def _bad_parameters(message: str) -> StorageFault:
    return StorageFault(400, "AuthorizationQueryParametersError", message)


def _refuse_second_mechanism(given: Mapping[str, str], headers: Mapping[str, str]) -> None:
    if "Authorization" not in headers or "X-Amz-Algorithm" not in given:
        return
    # S3 repeats the header's value in its answer; a credential that came astray is not repeated here.
    raise StorageFault(
        400,
        "InvalidArgument",
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
        "parameter or the Authorization header should be specified",
        ArgumentName="Authorization",
    )


def _refuse_expired(stamp: str, expires: str, now: float) -> None:
    try:
        signed_at = calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
        lifetime = int(expires)
    except ValueError:
        raise _bad_parameters("X-Amz-Date must be in the ISO8601 Long Format, X-Amz-Expires a number") from None
    if not 0 < lifetime <= MAX_LIFETIME:
        raise _bad_parameters(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be "
            f"less than {MAX_LIFETIME} seconds"
        )
    if now >= signed_at + lifetime:
        raise access_denied(
            "Request has expired",
            **{
                "X-Amz-Expires": lifetime,
                "Expires": iso_time(signed_at + lifetime),
                "ServerTime": iso_time(now),
            },
        )


def _signed_headers(names: list[str], headers: Mapping[str, str]) -> dict[str, str]:
    """Return what was signed with its values, or refuse headers that ought to have been.

    That AWS counts `Content-MD5` among these is in the documents of its signatures and in people's reports, such
    as dandi/dandi-archive#1494 and aws/aws-sdk-php#1392.
    """
    unsigned = [name for name in headers if _must_be_signed(name.lower()) and name.lower() not in names]
    missing = [name for name in names if name not in headers]
    if unsigned or missing or "host" not in names:
        raise access_denied(
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(name.lower() for name in (*unsigned, *missing)),
        )
    return {name: headers[name].strip() for name in names}


def _must_be_signed(name: str) -> bool:
    return name == "content-md5" or name.startswith("x-amz-")


def iso_time(moment: float) -> str:
    """Write Unix time the way S3 does in its XML."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
