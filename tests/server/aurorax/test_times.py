from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.server.aurorax.times import day_of, midnight, read_date, read_moment, stamped, written

MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1))  # noqa: DTZ001 - told without zone


@given(MOMENTS)
def test_what_is_written_is_read_again_to_the_second(moment: datetime) -> None:
    seconds = moment.replace(tzinfo=UTC).timestamp()
    assert read_moment(written(seconds)) == seconds // 1
    assert written(seconds) == moment.replace(microsecond=0).isoformat()
    assert day_of(seconds) == moment.date().isoformat()
    assert midnight(read_date(day_of(seconds))) == seconds // 86_400 * 86_400


@given(MOMENTS, st.sampled_from(["", "Z", "+00:00"]))
def test_fractions_and_zones_are_read(moment: datetime, zone: str) -> None:
    text = moment.isoformat(timespec="milliseconds") + zone
    assert stamped(read_moment(text)) == moment.isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    "text",
    [
        "2020-01-01",
        "2020-13-01T00:00:00",
        "20200101T000000",
        "2020-01-01T24:00:00",
        "0001-01-01T00:00:00+01:00",
        "",
        None,
        5,
    ],
)
def test_what_is_no_moment_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"2020|0001|month|None|5|''"):
        read_moment(text)
