"""Signatures are those that AWS makes, whatever is signed."""

import pytest

from imap_bulk.sigv4 import AccessKey

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AMAZON = "https://s3.us-west-2.amazonaws.com"
NOON = 1768910400.0
MD5 = {"Content-MD5": "kAFQmDzST7DWlj99KOF/cg=="}
SHA256 = {"x-amz-meta-sha256": "ab12"}


@pytest.mark.parametrize(
    ("origin", "key", "lifetime", "headers", "token", "signature"),
    [  # made by botocore 1.44.8 (S3SigV4QueryAuth) with this secret and time
        ("http://127.0.0.1:8001", "imap/swe/l1a/2024/01/a b~c.cdf", 3600, {}, None,
         "GET af13a07411f8b231064766d3cff27c796695179b77e998e484084a133518a15e"),
        (AMAZON, "bucket/imap-data/imap/mag/a.cdf", 3600, MD5, None,
         "PUT dd94046aed735f4428b591ba670e0ba1b5a7ddd3044f47fa05792c2a0627f157"),
        (AMAZON, "bucket/a+b/ü%20.cdf", 60, MD5 | SHA256, "tok/en+with=all&of it",
         "PUT fe452d40d0a8777effc4538c74b0f808c3ccfe6663db858836474e05168eb238"),
        ("http://127.0.0.1:9000/store", "bucket/x.cdf", 604800, SHA256, None,
         "PUT 01e409db907ddcd1a3010de6b48357d6dc24f94242b17f3e2eb895d9129bceef"),
    ],
    ids=["get", "md5", "token", "path"],
)  # fmt: skip
def test_signatures_are_those_of_aws(
    origin: str, key: str, lifetime: int, headers: dict[str, str], token: str | None, signature: str
) -> None:
    method, _, wanted = signature.partition(" ")
    url = AccessKey("AKIDEXAMPLE", SECRET, "us-west-2", token).sign(method, origin, key, lifetime, NOON, headers)
    assert url.endswith(f"&X-Amz-Signature={wanted}")


def test_what_was_signed_is_named_in_the_url() -> None:
    url = AccessKey("AKIDEXAMPLE", SECRET, "us-west-2").sign("PUT", AMAZON, "b/k", 60, NOON, MD5 | SHA256)
    assert "&X-Amz-SignedHeaders=content-md5%3Bhost%3Bx-amz-meta-sha256&" in url


def test_secrets_are_not_shown() -> None:
    assert "hidden" not in repr(AccessKey("AKIDEXAMPLE", "hidden", "us-west-2", "hidden too"))
