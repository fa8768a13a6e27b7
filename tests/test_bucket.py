"""Where a bucket is and what opens it: what was given counts, and nothing of it is repeated to anybody."""

from datetime import timedelta

import obstore
import pytest
from tests import canaries
from tests.contracts import MALFORMED

from imap_bulk.bucket import BucketOptions
from imap_bulk.errors import BadBucket

ENDPOINT = "http://127.0.0.1:9000"


def options(place: str = "s3://archive/flux/2026/", endpoint: str = ENDPOINT) -> BucketOptions:
    return BucketOptions(place, endpoint, "IMAPBULKTESTS", canaries.AWS_SECRET)


def test_a_bucket_is_shown_the_same_way_however_it_was_written() -> None:
    assert {
        options(place).shown for place in ("s3://archive/flux", "s3://archive//flux/", "s3://archive/flux//")
    } == {"s3://archive/flux"}
    assert options("s3://archive/").shown == "s3://archive"


@pytest.mark.parametrize("place", ["archive", "s3:/archive", "s3://", "s3://A", "https://archive/x", "s3://a b/c"])
def test_what_names_no_bucket_is_refused_with_the_form_of_one(place: str) -> None:
    with pytest.raises(BadBucket, match=r"names no bucket; write s3://BUCKET or s3://BUCKET/PREFIX"):
        options(place)


@pytest.mark.parametrize("prefix", ["a/../b", "..", "a//b", "./a", "a\tb", "a\udcff"])
def test_a_prefix_that_leads_elsewhere_is_refused(prefix: str) -> None:
    with pytest.raises(BadBucket, match="in its prefix"):
        options(f"s3://archive/{prefix}")


def test_credentials_in_the_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(BadBucket, match="no credentials in it") as refused:
        options(f"s3://someone:{canaries.AWS_SECRET}@archive/flux")
    canaries.assert_clean(str(refused.value))


@pytest.mark.parametrize("endpoint", ["nowhere", "ftp://h", "http://", "http://[", *MALFORMED])
def test_an_endpoint_that_is_no_address_is_refused_with_where_to_write_one(endpoint: str) -> None:
    with pytest.raises(BadBucket, match=r"is no URL of a storage; write AWS_ENDPOINT_URL or --s3-endpoint as in"):
        options(endpoint=endpoint)


def test_a_user_in_the_endpoint_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadBucket, match=r"'127\.0\.0\.1:9000' of the bucket is no URL") as refused:
        options(endpoint=f"http://someone:{canaries.AWS_SECRET}@127.0.0.1:9000")
    canaries.assert_clean(str(refused.value))


def test_a_region_that_is_no_name_is_refused() -> None:
    with pytest.raises(BadBucket, match="'us west' is the name of no region; write AWS_REGION as in us-west-2"):
        BucketOptions("s3://archive", None, "IMAPBULKTESTS", canaries.AWS_SECRET, region="us west")


def test_a_secret_is_not_shown() -> None:
    canaries.assert_clean(repr(options()))


def test_only_what_was_given_opens_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://elsewhere.example")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "somebody's")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    url = obstore.sign(options().open(), "PUT", "imap/x.cdf", timedelta(seconds=60))
    assert url.startswith(f"{ENDPOINT}/archive/flux/2026/imap/x.cdf?")
    assert "X-Amz-Signature" in url
    assert "Token" not in url
