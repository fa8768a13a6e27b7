"""What storage tells of an object's content in the head of an answer: digests, and what proof each of them is."""

from collections.abc import Mapping

from imap_bulk.digest import CRC64NVME, Digest
from imap_bulk.model import Proof

Told = tuple[Proof, Digest]


def digests(headers: Mapping[str, str]) -> list[Told]:
    """Return the digests that storage tells, the strongest first."""
    told: list[Told] = []
    if digest := Digest.from_repr_digest(headers.get("Repr-Digest")):
        told.append((Proof.REPR_DIGEST, digest))
    if digest := _md5(headers):
        told.append((Proof.ETAG, digest))
    if digest := _crc64nvme(headers):
        told.append((Proof.CRC64NVME, digest))
    return told


def confirmation(headers: Mapping[str, str]) -> Told | None:
    """Return what an upload is held against: a CRC where there is one, since that costs next to nothing.

    It tells of damage on the way as surely as an MD5 does; malice on the way is what TLS is for.
    """
    told = dict(digests(headers))
    for proof in (Proof.CRC64NVME, Proof.REPR_DIGEST, Proof.ETAG):
        if proof in told:
            return proof, told[proof]
    return None


def _md5(headers: Mapping[str, str]) -> Digest | None:
    """Read an ETag, which looks like an MD5 also where it is none: of objects encrypted with somebody's own keys.

    See "ETag" in https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html.
    """
    digest = Digest.from_etag(headers.get("ETag"))
    if not digest or headers.get("x-amz-server-side-encryption", "AES256") != "AES256":
        return None
    return None if headers.get("x-amz-server-side-encryption-customer-algorithm") else digest


def _crc64nvme(headers: Mapping[str, str]) -> Digest | None:
    """Read the CRC that S3 tells of a whole object, though none was sent with it."""
    if headers.get("x-amz-checksum-type", "FULL_OBJECT") != "FULL_OBJECT":
        return None
    return Digest.from_base64(CRC64NVME, headers.get("x-amz-checksum-crc64nvme"))
