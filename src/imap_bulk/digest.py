"""Digest: a hash value that knows its algorithm. Written `sha256:ab12…` everywhere."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol, Self

HEX_LENGTHS = {"md5": 32, "sha1": 40, "sha256": 64, "sha384": 96, "sha512": 128, "crc64nvme": 16}
"""The algorithms this package computes, with the length of their values in hexadecimal digits."""

CRC64NVME = "crc64nvme"
"""What S3 keeps of every object since December 2024: no hash that withstands malice, but twenty times as fast."""

ALGORITHM_OF_LENGTH = {length: name for name, length in HEX_LENGTHS.items() if name != CRC64NVME}
"""What a value is that does not say so, as in the lists of sha256sum: nobody lists CRCs like that."""

_READ_BYTES = 1 << 20
_REPR_DIGEST_NAMES = {"sha-512": "sha512", "sha-256": "sha256"}  # RFC 9530, strongest first
_HEXADECIMAL = re.compile("[0-9a-f]+")
_ONE_SHA256 = re.compile("sha-256=:([A-Za-z0-9+/]{43}=):")
_SINGLE_PART_ETAG = re.compile(r'"?([0-9a-f]{32})"?')


class Hasher(Protocol):
    """The part of a hashlib object that is used here."""

    def update(self, chunk: bytes | bytearray | memoryview, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Value of all bytes so far, in lower-case hexadecimal."""


def hasher(algorithm: str) -> Hasher:
    """Return a fresh hash of `algorithm`, one of `HEX_LENGTHS`."""
    return Crc64Nvme() if algorithm == CRC64NVME else hashlib.new(algorithm, usedforsecurity=False)


class Crc64Nvme:
    """CRC-64/NVME of bytes. See `Hasher`."""

    def __init__(self) -> None:
        self._calculate = _crc64nvme()
        self._value = self._calculate(b"")

    def update(self, chunk: bytes | bytearray | memoryview, /) -> None:
        """See `Hasher.update`."""
        self._value = self._calculate(chunk, self._value)

    def hexdigest(self) -> str:
        """See `Hasher.hexdigest`."""
        return f"{self._value:016x}"


@lru_cache(maxsize=1)
def _crc64nvme() -> Callable[..., int]:
    import anycrc  # here, since it takes 20 ms and most runs do without

    calculate: Callable[..., int] = anycrc.Model("CRC64-NVME").calc
    return calculate


@dataclass(frozen=True, slots=True)
class Digest:
    """A hash value with its algorithm; `value` is lower-case hexadecimal. Raises ValueError if ill-formed."""

    algorithm: str
    value: str

    def __post_init__(self) -> None:
        length = HEX_LENGTHS.get(self.algorithm)
        if length is None:
            raise ValueError(f"unknown digest algorithm {self.algorithm!r}; use one of {', '.join(HEX_LENGTHS)}")
        if len(self.value) != length or not _HEXADECIMAL.fullmatch(self.value):
            raise ValueError(f"a {self.algorithm} value has {length} hexadecimal digits, not {self.value!r}")

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:ab12…`, or a bare value whose length tells the algorithm. Raises ValueError."""
        algorithm, colon, value = text.strip().lower().rpartition(":")
        if colon:
            return cls(algorithm.replace("sha-", "sha"), value)
        if found := ALGORITHM_OF_LENGTH.get(len(value)):
            return cls(found, value)
        raise ValueError(f"{text!r} is not a digest; write algorithm:hexadecimal, as in sha256:ab12…")

    @classmethod
    def kept(cls, text: str) -> Self:
        """Read what `str` made of a digest, as our own tables keep it, without judging it again."""
        algorithm, _, value = text.partition(":")
        return cls.computed(algorithm, value)

    @classmethod
    def computed(cls, algorithm: str, value: str) -> Self:
        """Make a digest of a value that is one, being computed or decoded, without judging it."""
        digest = cls.__new__(cls)
        object.__setattr__(digest, "algorithm", algorithm)
        object.__setattr__(digest, "value", value)
        return digest

    @classmethod
    def of(cls, path: Path, algorithm: str = "sha256") -> Self:
        """Read the whole file at `path`, in pieces of 1 MiB. Raises OSError."""
        hash_ = hasher(algorithm)
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(_READ_BYTES):
                hash_.update(chunk)
        return cls(algorithm, hash_.hexdigest())

    @classmethod
    def from_repr_digest(cls, header: str | None) -> Self | None:
        """Read a `Repr-Digest` header (RFC 9530): its strongest value that we compute, or None."""
        if not header:
            return None
        if usual := _ONE_SHA256.fullmatch(header):
            return cls.computed("sha256", binascii.a2b_base64(usual[1]).hex())
        values = dict(member.strip().partition("=")[::2] for member in header.split(","))
        for name, algorithm in _REPR_DIGEST_NAMES.items():
            encoded = values.get(name, "").split(";")[0].strip()
            if not (encoded.startswith(":") and encoded.endswith(":")):
                continue
            try:
                return cls(algorithm, base64.b64decode(encoded.strip(":"), validate=True).hex())
            except (binascii.Error, ValueError):
                continue
        return None

    @classmethod
    def from_etag(cls, etag: str | None) -> Self | None:
        """Read an S3 ETag: the MD5 of an object written by one PUT, else (multipart, opaque, weak) None."""
        match = _SINGLE_PART_ETAG.fullmatch(etag or "")
        return cls.computed("md5", match[1]) if match else None

    @classmethod
    def from_base64(cls, algorithm: str, text: str | None) -> Self | None:
        """Read a value that S3 writes in base64, as in `x-amz-checksum-crc64nvme`; None if it is none."""
        if not text:
            return None
        try:
            return cls(algorithm, base64.b64decode(text, validate=True).hex())
        except (binascii.Error, ValueError):
            return None

    @property
    def in_base64(self) -> str:
        """The value as headers write it."""
        return base64.b64encode(bytes.fromhex(self.value)).decode()

    def repr_digest(self) -> str:
        """Write this value as a `Repr-Digest` header. Only for sha256 and sha512."""
        name = next(name for name, algorithm in _REPR_DIGEST_NAMES.items() if algorithm == self.algorithm)
        return f"{name}=:{self.in_base64}:"
