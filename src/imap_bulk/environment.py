"""The environment variables of the official client, of other archives, of S3 and of TLS, read here alone.

The command line and the Python functions honour the same ones, so that a user who changes tools does not
have to change the shell. An empty variable counts as unset, as the official client has it.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

PRODUCTION_URL = "https://api.imap-mission.com"
USUAL_DATA_DIR = Path("data")


@dataclass(frozen=True, slots=True)
class Environment:
    """Where the archive is, where files go, and what opens the door."""

    url: str
    data_dir: Path
    api_key: str | None = field(repr=False)
    access_token: str | None = field(repr=False)


def read_environment() -> Environment:
    """Read `IMAP_DATA_ACCESS_URL`, `IMAP_DATA_DIR`, `IMAP_API_KEY` and `IMAP_ACCESS_TOKEN`."""
    return Environment(
        url=os.environ.get("IMAP_DATA_ACCESS_URL") or PRODUCTION_URL,
        data_dir=Path(os.environ.get("IMAP_DATA_DIR") or USUAL_DATA_DIR),
        api_key=os.environ.get("IMAP_API_KEY") or None,
        access_token=os.environ.get("IMAP_ACCESS_TOKEN") or None,
    )


def may_name_proxies() -> bool:
    """Whether a proxy could be named: by a variable, or where the system has settings for them."""
    return sys.platform in ("darwin", "win32") or any(name.lower().endswith("_proxy") for name in os.environ)


def unfit_proxies() -> list[str]:
    """Name the variables with a line end or another control character in their proxy: no request can name it."""
    named = {name: value for name, value in os.environ.items() if name.lower() in ("http_proxy", "https_proxy")}
    return [name for name, value in named.items() if not value.isprintable()]


def read_cache_dir() -> Path | None:
    """Read `IMAP_BULK_CACHE_DIR`, which also asks for the cache; None when it is not set."""
    told = os.environ.get("IMAP_BULK_CACHE_DIR")
    return Path(told) if told else None


def usual_cache_dir() -> Path:
    """Tell where this system keeps what may be deleted: below `~/.cache` on Linux."""
    from platformdirs import user_cache_path

    return user_cache_path("imap-bulk", appauthor=False)


def is_ci() -> bool:
    """Tell whether this is a CI job: GitHub Actions, GitLab and most others set `CI`."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


@dataclass(frozen=True, slots=True)
class ArchiveEnvironment:
    """Where an archive other than IMAP's is, and what opens its door."""

    url: str | None
    api_key: str | None = field(repr=False)


def read_archive_environment(archive: str) -> ArchiveEnvironment:
    """Read `IMAP_BULK_AURORAX_URL` and `IMAP_BULK_AURORAX_API_KEY` for aurorax, and so for any archive."""
    prefix = f"IMAP_BULK_{archive.upper()}"
    return ArchiveEnvironment(
        url=os.environ.get(f"{prefix}_URL") or None, api_key=os.environ.get(f"{prefix}_API_KEY") or None
    )


@dataclass(frozen=True, slots=True)
class BucketCredentials:
    """What opens a bucket, as every S3 program knows it."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    region: str
    endpoint: str | None
    """Where buckets are, if not at Amazon's."""


def read_bucket_credentials() -> BucketCredentials:
    """Read what begins with `AWS_`: key, secret, token, `[DEFAULT_]REGION` and `ENDPOINT_URL[_S3]`."""
    return BucketCredentials(
        access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", ""),
        secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", ""),
        session_token=os.environ.get("AWS_SESSION_TOKEN") or None,
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-west-2",
        endpoint=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None,
    )


@dataclass(frozen=True, slots=True)
class CertificateEnvironment:
    """Where the certificates of trusted authorities are, if not where the system has them."""

    file: str | None
    directory: str | None
    unread: tuple[str, ...]
    """Variables that are set, and that other programs read for this."""


def read_certificate_environment() -> CertificateEnvironment:
    """Read `SSL_CERT_FILE` and `SSL_CERT_DIR`, which Python heeds by itself; look for those of other programs."""
    others = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    return CertificateEnvironment(
        file=os.environ.get("SSL_CERT_FILE") or None,
        directory=os.environ.get("SSL_CERT_DIR") or None,
        unread=tuple(name for name in others if os.environ.get(name)),
    )
