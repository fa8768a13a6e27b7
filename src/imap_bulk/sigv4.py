"""Pre-signed URLs as S3 knows them: AWS Signature Version 4 in the query string.

obstore signs `host` alone, and AWS refuses a request whose `Content-MD5` or `x-amz-` headers are not signed.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"
MAX_LIFETIME = 604_800
"""Seconds that a signature may live: a week, by the rules of AWS."""

_UNRESERVED = "-_.~"
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Signs URLs in somebody's name."""

    id: str
    secret: str = field(repr=False)
    region: str
    session_token: str | None = field(default=None, repr=False)

    def sign(
        self,
        method: str,
        origin: str,
        key: str,
        lifetime: int,
        now: float,
        headers: Mapping[str, str] = _NONE,
    ) -> str:
        """Return the URL under `origin` that lets its bearer `method` the object `key`, and send `headers`.

        `lifetime` in seconds, `now` in Unix time.
        """
        base = urlsplit(origin)
        path = quote(f"{base.path.rstrip('/')}/{key}", safe="/" + _UNRESERVED)
        signed = {"host": base.netloc, **{name.lower(): value for name, value in headers.items()}}
        signed = dict(sorted(signed.items()))
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        told = {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.id}/{self.scope(stamp)}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(lifetime),
            "X-Amz-Security-Token": self.session_token,
            "X-Amz-SignedHeaders": ";".join(signed),
        }
        query = "&".join(f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in told.items() if value)
        signature = self.signature(method, path, query, signed, stamp)
        return f"{base.scheme}://{base.netloc}{path}?{query}&X-Amz-Signature={signature}"

    def scope(self, stamp: str) -> str:
        """Return what a signature made at `stamp` is good for."""
        return f"{stamp[:8]}/{self.region}/s3/aws4_request"

    def signature(self, method: str, path: str, query: str, signed: Mapping[str, str], stamp: str) -> str:
        """Return the signature of a request; path, query and the headers' names as they are sent, both sorted."""
        headers = "".join(f"{name}:{value}\n" for name, value in signed.items())
        request = "\n".join((method, path, query, headers, ";".join(signed), "UNSIGNED-PAYLOAD"))
        digest = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
        text = "\n".join((ALGORITHM, stamp, self.scope(stamp), digest))
        return _hmac(_signing_key(self.secret, stamp[:8], self.region), text).hex()


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


@lru_cache(maxsize=8)
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _hmac(key, part)
    return key
