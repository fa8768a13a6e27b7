"""Pre-signed URLs as S3 knows them: AWS Signature Version 4 in the query string.

What is verified is the request target as it was received, byte for byte: nothing is decoded and encoded
again. Real storage forgives a client that re-quotes `%2F` as `/`; this one does not, because proxies,
tokens with a `+`, and other S3 implementations do not either.
"""

import calendar
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_LIFETIME = 604_800
"""Seconds that a signature may live: a week, by the rules of AWS."""

_REQUIRED = {f"X-Amz-{name}" for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders")}
_UNRESERVED = "-_.~"


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


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs URLs for objects and recognises its own signatures. `now` is Unix time everywhere."""

    secret: str = field(repr=False)
    access_key: str = "IMAPBULKEMBEDDED"
    region: str = "us-west-2"

    def sign(self, method: str, origin: str, key: str, lifetime: int, now: float) -> str:
        """Return the URL under `origin` that lets its bearer `method` the object `key` for `lifetime` seconds."""
        path = "/" + quote(key, safe="/" + _UNRESERVED)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        query = "&".join(
            (
                f"X-Amz-Algorithm={ALGORITHM}",
                f"X-Amz-Credential={quote(f'{self.access_key}/{self._scope(stamp)}', safe=_UNRESERVED)}",
                f"X-Amz-Date={stamp}",
                f"X-Amz-Expires={lifetime}",
                "X-Amz-SignedHeaders=host",
            )
        )
        signature = self._signature(method, path, query, {"host": urlsplit(origin).netloc}, stamp)
        return f"{origin}{path}?{query}&X-Amz-Signature={signature}"

    def verify(self, method: str, target: str, headers: Mapping[str, str], now: float) -> None:
        """Hold a request to its signature; `headers` ignores case. Raises StorageFault."""
        path, _, raw_query = target.partition("?")
        pairs = [pair for pair in raw_query.split("&") if pair]
        given = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in pairs)}
        _refuse_second_mechanism(given, headers)
        signature = given.get("X-Amz-Signature")
        if signature is None:
            raise access_denied()
        stamp = self._check_parameters(given)
        _refuse_expired(stamp, given["X-Amz-Expires"], now)
        signed = _signed_headers(given["X-Amz-SignedHeaders"].split(";"), headers)
        query = "&".join(sorted(pair for pair in pairs if not pair.startswith("X-Amz-Signature=")))
        ours = self._signature(method, path, query, signed, stamp)
        if not hmac.compare_digest(signature.encode(), ours.encode()):
            raise StorageFault(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
            )

    def _check_parameters(self, given: Mapping[str, str]) -> str:
        """Return the time stamp of a well-formed set of parameters."""
        if not given.keys() >= _REQUIRED:
            raise _bad_parameters(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
            )
        if given["X-Amz-Algorithm"] != ALGORITHM:
            raise _bad_parameters(f'X-Amz-Algorithm only supports "{ALGORITHM}"')
        access_key, _, scope = given["X-Amz-Credential"].partition("/")
        if access_key != self.access_key:
            raise StorageFault(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
        stamp = given["X-Amz-Date"]
        if scope != self._scope(stamp):
            raise _bad_parameters("Error parsing the X-Amz-Credential parameter; the scope is not ours.")
        return stamp

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self.region}/s3/aws4_request"

    def _signature(self, method: str, path: str, query: str, signed: Mapping[str, str], stamp: str) -> str:
        headers = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = "\n".join((method, path, query, headers, ";".join(signed), "UNSIGNED-PAYLOAD"))
        digest = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
        text = "\n".join((ALGORITHM, stamp, self._scope(stamp), digest))
        return _hmac(_signing_key(self.secret, stamp[:8], self.region), text).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _hmac(key, part)
    return key


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
    """Return what was signed with its values, or refuse headers that ought to have been."""
    unsigned = [name for name in headers if name.lower().startswith("x-amz-") and name.lower() not in names]
    missing = [name for name in names if name not in headers]
    if unsigned or missing or "host" not in names:
        raise access_denied(
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(name.lower() for name in (*unsigned, *missing)),
        )
    return {name: headers[name].strip() for name in names}


def iso_time(moment: float) -> str:
    """Write Unix time the way S3 does in its XML."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
