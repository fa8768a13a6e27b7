"""When a signed URL expires, and which headers it wants: the cheap reading says what a full parse would."""

from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.archives.imap.signed import expires_at, headers_to_send

URL = "https://bucket.example/imap/x.cdf"
TOKENS = st.text('abcXYZ019+/=&?#%; -"é')
DATES = st.one_of(
    st.datetimes().map(lambda moment: f"{moment:%Y%m%dT%H%M%SZ}".rjust(16, "0")),
    st.sampled_from(["", "20260230T000000Z", "20260101T240000Z", "2026-01-01T00:00:00Z", "20260101T000000"]),
)
LIFETIMES = st.one_of(st.integers().map(str), st.sampled_from(["", "soon", "1.5", "9" * 400]))
OTHERS = st.tuples(st.sampled_from(["X-Amz-Security-Token", "X-Amz-Datex", "note", ""]), TOKENS)


def parsed_in_full(url: str) -> float | None:
    told = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    try:
        signed = datetime.strptime(told.get("X-Amz-Date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed.timestamp() + int(told.get("X-Amz-Expires", ""))
    except (ValueError, OverflowError):
        return None


@given(st.data(), st.lists(OTHERS, max_size=4), st.sampled_from(["", "#X-Amz-Expires=1"]))
def test_the_time_is_that_of_a_full_parse(
    data: st.DataObject, others: list[tuple[str, str]], fragment: str
) -> None:
    dates = data.draw(st.lists(st.tuples(st.just("X-Amz-Date"), DATES), max_size=2))
    lifetimes = data.draw(st.lists(st.tuples(st.just("X-Amz-Expires"), LIFETIMES), max_size=2))
    told = data.draw(st.permutations([*dates, *lifetimes, *others]))
    url = f"{URL}?{urlencode(told)}{fragment}"
    assert expires_at(url) == parsed_in_full(url)


@pytest.mark.parametrize("url", ["", URL, f"{URL}?", f"{URL}/X-Amz-Date=20260101T000000Z&X-Amz-Expires=5"])
def test_a_url_that_says_nothing_of_it_has_no_time(url: str) -> None:
    assert expires_at(url) is None


@pytest.mark.parametrize("separator", [";", "%3B", "%3b"])
def test_signed_headers_are_read_however_they_are_encoded(separator: str) -> None:
    url = f"{URL}?X-Amz-SignedHeaders=host{separator}x-amz-tagging"
    assert headers_to_send(url, "x.cdf") == {"x-amz-tagging": ""}
