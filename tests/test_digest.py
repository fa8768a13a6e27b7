"""Digest: what it reads, what it refuses."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.digest import ALGORITHM_OF_LENGTH, CRC64NVME, HEX_LENGTHS, Digest, hasher

SHA256_OF_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@given(st.binary(), st.sampled_from(sorted(HEX_LENGTHS)))
def test_what_is_written_is_read_back(content: bytes, algorithm: str) -> None:
    hash_ = hasher(algorithm)
    hash_.update(content)
    digest = Digest(algorithm, hash_.hexdigest())
    assert Digest.parse(str(digest)) == digest
    assert Digest.kept(str(digest)) == digest


@pytest.mark.parametrize(("length", "algorithm"), ALGORITHM_OF_LENGTH.items())
def test_a_bare_value_tells_its_algorithm_by_its_length(length: int, algorithm: str) -> None:
    assert Digest.parse("ab" * (length // 2)).algorithm == algorithm


def test_a_bare_value_is_never_taken_for_a_crc() -> None:
    with pytest.raises(ValueError, match="is not a digest"):
        Digest.parse("ae8b14860a799888")


def test_the_crc_of_the_catalogue_of_crcs_is_computed() -> None:
    # https://reveng.sourceforge.io/crc-catalogue/all.htm#crc.cat.crc-64-nvme
    hash_ = hasher(CRC64NVME)
    hash_.update(b"123456789")
    assert hash_.hexdigest() == "ae8b14860a799888"


@given(st.lists(st.binary()))
def test_a_crc_does_not_depend_on_how_the_bytes_were_cut(pieces: list[bytes]) -> None:
    cut, whole = hasher(CRC64NVME), hasher(CRC64NVME)
    for piece in pieces:
        cut.update(memoryview(bytearray(piece)))
    whole.update(b"".join(pieces))
    assert cut.hexdigest() == whole.hexdigest()


@given(st.text())
def test_any_other_text_is_a_value_error(text: str) -> None:
    try:
        digest = Digest.parse(text)
    except ValueError:
        return
    assert digest.algorithm in HEX_LENGTHS


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:zz", "crc32:00000000", "ab12", "sha256:" + "a" * 63])
def test_an_ill_formed_digest_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"digest|digits"):
        Digest.parse(text)


def test_the_hyphen_of_other_tools_is_understood() -> None:
    assert Digest.parse(f"SHA-256:{SHA256_OF_ABC.upper()}") == Digest("sha256", SHA256_OF_ABC)


def test_a_file_is_digested_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)
    assert Digest.of(tmp_path / "file").value == hashlib.sha256(content).hexdigest()


@given(st.binary(), st.sampled_from(["sha256", "sha512"]))
def test_repr_digest_headers_survive_the_way(content: bytes, algorithm: str) -> None:
    digest = Digest(algorithm, hashlib.new(algorithm, content).hexdigest())
    assert Digest.from_repr_digest(digest.repr_digest()) == digest


def test_the_strongest_repr_digest_counts() -> None:
    weak, strong = Digest("sha256", "0" * 64), Digest("sha512", "1" * 128)
    assert Digest.from_repr_digest(f"{weak.repr_digest()}, {strong.repr_digest()}") == strong


@pytest.mark.parametrize("header", [None, "", "md5=:AA==:", "sha-256=AA==", "sha-256=:!:", "sha-256=:AA==:"])
def test_an_unusable_repr_digest_is_none(header: str | None) -> None:
    assert Digest.from_repr_digest(header) is None


@given(st.text())
def test_no_header_makes_repr_digest_raise(header: str) -> None:
    assert Digest.from_repr_digest(header) is None


def test_a_single_part_etag_is_an_md5() -> None:
    value = hashlib.md5(b"abc").hexdigest()
    assert Digest.from_etag(f'"{value}"') == Digest("md5", value)


@pytest.mark.parametrize(
    "etag", [None, "", '"d41d8cd98f00b204e9800998ecf8427e-3"', 'W/"d41d8cd98f00b204e9800998ecf8427e"', '"x"']
)
def test_an_etag_of_another_kind_promises_nothing(etag: str | None) -> None:
    assert Digest.from_etag(etag) is None


def test_a_crc_in_base64_is_read() -> None:
    assert Digest.from_base64(CRC64NVME, "rosUhgp5mIg=") == Digest(CRC64NVME, "ae8b14860a799888")


@given(st.none() | st.text())
def test_no_text_makes_reading_base64_raise(text: str | None) -> None:
    digest = Digest.from_base64(CRC64NVME, text)
    assert digest is None or len(digest.value) == HEX_LENGTHS[CRC64NVME]
