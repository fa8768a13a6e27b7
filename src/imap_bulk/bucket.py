"""A bucket of any S3-compatible storage: where it is, and what opens it (extra: imap-bulk[s3])."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

from obstore.store import S3Store

from imap_bulk.environment import BucketCredentials
from imap_bulk.errors import BadBucket
from imap_bulk.sigv4 import AccessKey
from imap_bulk.urls import is_base_address

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Credential

_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/+(.*?))?/*")
_REGION = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
_FORM = "write s3://BUCKET or s3://BUCKET/PREFIX"


@dataclass(frozen=True, slots=True)
class BucketOptions:
    """Where a bucket is, and what opens it: plain values. Raises BadBucket."""

    place: str
    """`s3://BUCKET` or `s3://BUCKET/PREFIX`."""

    endpoint: str | None = None
    """Base URL of the storage, `http[s]://HOST[:PORT]`; None is AWS."""

    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str = "us-west-2"

    def __post_init__(self) -> None:
        if "@" in self.place:  # and what stands before it is not repeated
            raise BadBucket(
                f"the address of a bucket has no credentials in it: {_FORM}, and set AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY"
            )
        if not _PLACE.fullmatch(self.place):
            raise BadBucket(f"{self.place!r} names no bucket; {_FORM}")
        if {"", ".", ".."} & set(self.prefix.split("/")) and self.prefix:
            raise BadBucket(f"{self.place!r} has an empty part, '.' or '..' in its prefix; {_FORM}")
        if not self.place.isprintable():
            raise BadBucket(f"{self.place!r} has a control character in its prefix, as no object has; {_FORM}")
        # object_store panics at a URL without a scheme or a host.
        if self.endpoint and (not is_base_address(self.endpoint) or "@" in self.endpoint):
            shown = self.endpoint.rpartition("@")[2].partition("?")[0]
            raise BadBucket(
                f"the endpoint {shown!r} of the bucket is no URL of a storage; write AWS_ENDPOINT_URL or "
                "--s3-endpoint as in https://s3.example.org or http://127.0.0.1:9000"
            )
        if not _REGION.fullmatch(self.region):
            raise BadBucket(f"{self.region!r} is the name of no region; write AWS_REGION as in us-west-2")
        if not (self.access_key_id and self.secret_access_key):
            raise BadBucket("a bucket needs credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
        if unfit := self._unfit_for_headers():  # at which object_store panics as well
            raise BadBucket(
                f"there is a line end or another character in {unfit} that no key has; give the key alone"
            )

    def _unfit_for_headers(self) -> str | None:
        """Name the variable of a credential that no request can hold."""
        named = {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token or "",
        }
        return next((name for name, value in named.items() if not (value.isascii() and value.isprintable())), None)

    @classmethod
    def opened_with(cls, place: str, endpoint: str | None, told: BucketCredentials) -> Self:
        """Say what opens the bucket at `endpoint`, as the environment has told it. Raises BadBucket."""
        return cls(place, endpoint, told.access_key_id, told.secret_access_key, told.session_token, told.region)

    @property
    def bucket(self) -> str:
        """Its name."""
        match = _PLACE.fullmatch(self.place)
        assert match
        return match[1]

    @property
    def prefix(self) -> str:
        """What stands before each key, without a slash at either end; may be empty."""
        match = _PLACE.fullmatch(self.place)
        assert match
        return match[2] or ""

    @property
    def shown(self) -> str:
        """The place, written the same way however it was given."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def origin(self) -> str:
        """Where signed URLs lead to."""
        base = urlsplit(self.endpoint or f"https://s3.{self.region}.amazonaws.com")
        usual = _USUAL_PORTS[base.scheme]  # some clients leave it out of `Host`, which is signed
        return urlunsplit(base._replace(netloc=base.netloc.removesuffix(usual))).rstrip("/")

    def sign(self, method: str, key: str, lifetime: timedelta, headers: Mapping[str, str]) -> str:
        """Return the URL that lets its bearer `method` the object `key` below the prefix, sending `headers`."""
        own = AccessKey(self.access_key_id, self.secret_access_key, self.region, self.session_token)
        place = "/".join(filter(None, (self.bucket, self.prefix, key)))
        return own.sign(method, self.origin, place, int(lifetime.total_seconds()), time.time(), headers)

    def open(self, *, retries: int = 3) -> S3Store:
        """Open the bucket; nothing is sent yet. obstore tries requests again so often, for ten seconds at most.

        All that obstore would else take from the environment (an endpoint, somebody's session token) is given.
        """
        config: S3Config = {
            "endpoint": self.origin,
            "aws_endpoint_url_s3": self.origin,
            "region": self.region,
            "skip_signature": False,
            "virtual_hosted_style_request": False,
        }
        return S3Store(
            self.bucket,
            prefix=self.prefix or None,
            config=config,
            client_options={"allow_http": self.origin.startswith("http:")},
            retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=10)},
            credential_provider=self._credential,
        )

    def _credential(self) -> "S3Credential":
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "token": self.session_token,
            "expires_at": None,
        }


def words(error: Exception) -> str:
    """Return the first line of an error of obstore's: the others are a dump of object_store's insides."""
    return str(error).partition("\n")[0].rstrip(": ") or type(error).__name__
