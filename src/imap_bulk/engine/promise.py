"""What an answer's headers promise: the strongest digest known beforehand, the size, and which object it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from imap_bulk import errors
from imap_bulk.digest import Digest
from imap_bulk.engine.partial import Identity
from imap_bulk.engine.told import Told, digests
from imap_bulk.model import Proof, Transfer
from imap_bulk.transport import Response

PART_STATUSES = (200, 206, 412, 416)
"""Statuses of answers to a range that `check_part` judges; others are refusals like any."""

_LENGTH = re.compile("[0-9]{1,18}")
_STRONG_ETAG = re.compile(r'"[^"]*"')
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Promise:
    """What the bytes will be held against; `size` in bytes. None where nothing is promised."""

    proof: Proof | None
    digest: Digest | None
    size: int | None
    identity: Identity | None
    takes_ranges: bool

    @property
    def algorithm(self) -> str:
        """What to hash with: the promised digest's algorithm, else one worth recording."""
        return self.digest.algorithm if self.digest else "sha256"


def promise_of(transfer: Transfer, headers: Mapping[str, str], size: int | None) -> Promise:
    """Choose what to verify an object of `size` bytes with: manifest, what storage tells, or size.

    Raises Rejected or DigestMismatch (OtherSize of an object that says which it is) when the headers already
    contradict what is wanted.
    """
    told = digests(headers)
    identity = identity_of(headers, size)
    _hold_to_wishes(transfer, told, size, identity)
    takes_ranges = identity is not None and headers.get("Accept-Ranges", "").lower() == "bytes"
    proof, digest = _strongest(transfer, told)
    if digest is None and size is not None:
        proof = Proof.SIZE
    return Promise(proof, digest, transfer.size if size is None else size, identity, takes_ranges)


def _strongest(transfer: Transfer, told: list[Told]) -> tuple[Proof | None, Digest | None]:
    if transfer.digest:
        return Proof.MANIFEST, transfer.digest
    return told[0] if told else (None, None)


def _hold_to_wishes(transfer: Transfer, told: list[Told], size: int | None, identity: Identity | None) -> None:
    wished = transfer.digest
    for _, digest in told:
        if wished and digest.algorithm == wished.algorithm and digest != wished:
            raise errors.Rejected(f"{transfer.key}: the archive holds {digest}, the manifest wants {wished}")
    if size is not None and transfer.size is not None and size != transfer.size:
        said = f"{transfer.key}: storage announces {size} bytes, {transfer.size} are expected"
        raise errors.OtherSize(said) if identity else errors.DigestMismatch(said)


def content_length(headers: Mapping[str, str]) -> int | None:
    """Read `Content-Length`; None when it is absent or no number."""
    value = headers.get("Content-Length", "")
    return int(value) if _LENGTH.fullmatch(value) else None


def identity_of(headers: Mapping[str, str], size: int | None) -> Identity | None:
    """Tell which object an answer of `size` bytes is; None when a later answer could not be held to it."""
    etag = headers.get("ETag", "")
    if size is None or not _STRONG_ETAG.fullmatch(etag):
        return None
    return Identity(etag, size)


def check_part(response: Response, identity: Identity, start: int, end: int, key: str) -> None:
    """Hold an answer to what was asked for: the bytes from `start` to before `end` of this very object.

    The status is no help: rclone sends parts with 200. Nor is `If-Match`: some storage ignores it, so the
    ETag of every part is compared here. Raises ObjectChanged, WrongPart.
    """
    headers = response.headers
    etag = headers.get("ETag")
    if response.status == 412 or (etag is not None and etag != identity.etag):
        raise errors.ObjectChanged(f"{key}: the archive's object is not what it was")
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    told = tuple(map(int, match.groups())) if match else None
    wanted = (start, end - 1, identity.size)
    if etag is None or told != wanted or content_length(headers) not in (None, end - start):
        raise errors.WrongPart(f"{key}: storage did not send the part that was asked for")
