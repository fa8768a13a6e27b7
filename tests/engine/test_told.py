"""What storage tells of an object, and what looks like it but is not."""

import pytest

from imap_bulk.digest import CRC64NVME, Digest
from imap_bulk.engine.told import confirmation, digests
from imap_bulk.model import Proof

MD5 = Digest("md5", "900150983cd24fb0d6963f7d28e17f72")
CRC = Digest(CRC64NVME, "ae8b14860a799888")
SHA256 = Digest("sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
ETAG = {"ETag": f'"{MD5.value}"'}
CHECKSUM = {"x-amz-checksum-crc64nvme": "rosUhgp5mIg="}
REPR_DIGEST = {"Repr-Digest": SHA256.repr_digest()}


def test_the_strongest_comes_first() -> None:
    told = digests(CHECKSUM | ETAG | REPR_DIGEST)
    assert told == [(Proof.REPR_DIGEST, SHA256), (Proof.ETAG, MD5), (Proof.CRC64NVME, CRC)]


def test_storage_may_tell_nothing() -> None:
    assert digests({"ETag": '"opaque"'}) == []
    assert confirmation({}) is None


@pytest.mark.parametrize("encryption", ["aws:kms", "aws:kms:dsse"])
def test_the_etag_of_an_object_that_a_key_of_kms_encrypts_is_no_md5(encryption: str) -> None:
    assert digests(ETAG | {"x-amz-server-side-encryption": encryption}) == []


def test_the_etag_of_an_object_that_its_owner_s_key_encrypts_is_no_md5() -> None:
    assert digests(ETAG | {"x-amz-server-side-encryption-customer-algorithm": "AES256"}) == []


def test_the_etag_of_an_object_that_storage_encrypts_by_itself_is_its_md5() -> None:
    assert digests(ETAG | {"x-amz-server-side-encryption": "AES256"}) == [(Proof.ETAG, MD5)]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (ETAG, (Proof.ETAG, MD5)),
        (REPR_DIGEST | ETAG, (Proof.REPR_DIGEST, SHA256)),
        (REPR_DIGEST | ETAG | CHECKSUM, (Proof.CRC64NVME, CRC)),
        (ETAG | CHECKSUM | {"x-amz-server-side-encryption": "aws:kms"}, (Proof.CRC64NVME, CRC)),
    ],
)
def test_an_upload_is_confirmed_by_what_costs_least(headers: dict[str, str], told: tuple[Proof, Digest]) -> None:
    assert confirmation(headers) == told


def test_a_crc_of_parts_is_not_that_of_the_object() -> None:
    assert digests(CHECKSUM | {"x-amz-checksum-type": "COMPOSITE"}) == []


@pytest.mark.parametrize("text", ["", "rosUhgp5", "not base64", "rosUhgp5mIg=rosUhgp5mIg="])
def test_a_crc_that_cannot_be_read_tells_nothing(text: str) -> None:
    assert digests({"x-amz-checksum-crc64nvme": text}) == []
