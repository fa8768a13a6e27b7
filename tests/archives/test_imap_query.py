"""What can be asked for, and how it is spelt."""

import json
import pickle
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.archives.imap.params import endpoint, params
from imap_bulk.archives.imap.query import ImapQuery, days_ago
from imap_bulk.errors import BadQuery


def spelt(**conditions: Any) -> dict[str, str]:
    return params(ImapQuery.of(**conditions), has_tables=True)


def spelt_for_2024(**conditions: Any) -> dict[str, str]:
    return params(ImapQuery.of(**conditions), has_tables=False)


def test_conditions_come_as_text_lists_or_comma_separated() -> None:
    query = ImapQuery.of(instrument="mag, swe", data_level=["l1a", "l1b,l2"], descriptor=None)
    assert (query.instrument, query.data_level, query.descriptor) == (("mag", "swe"), ("l1a", "l1b", "l2"), ())


def test_a_value_given_twice_is_asked_once() -> None:
    assert ImapQuery.of(instrument="mag,mag").instrument == ("mag",)


def test_an_empty_value_counts_as_not_given() -> None:
    assert ImapQuery.of(instrument="mag", version="", end_date=None, descriptor=()).given() == ["instrument"]


def test_dates_may_be_dates() -> None:
    query = ImapQuery.of(start_date=date(2026, 1, 5), end_date=datetime(2026, 1, 6, 12, tzinfo=UTC))
    assert (query.start_date, query.end_date) == ("20260105", "20260106")


def test_a_time_elsewhere_on_earth_means_its_day_in_utc() -> None:
    evening = datetime(2026, 1, 5, 22, tzinfo=timezone(timedelta(hours=-7)))
    last = datetime.max.replace(tzinfo=timezone(timedelta(hours=-7)))
    query = ImapQuery.of(start_date=evening, end_date=last)
    assert (query.start_date, query.end_date) == ("20260106", "99991231")


@pytest.mark.parametrize("written", ["repoint00012", "12", "00012", 12, numpy.int64(12)])
def test_a_repointing_is_sent_as_an_integer(written: object) -> None:
    assert spelt(repointing=written)["repointing"] == "12"


def test_repointing_zero_is_a_repointing() -> None:
    assert spelt(repointing=0)["repointing"] == "0"


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, "at least one filter"),
        ({"table": "spice"}, "at least one filter: `end_date`"),
        ({"colour": "red"}, "no condition 'colour'; use table, instrument"),
        ({"table": "quicklook", "instrument": "mag"}, "science, ancillary, spice"),
        ({"instrument": "xyz"}, "codice, glows"),
        ({"instrument": "MAG"}, "unknown instrument 'MAG'"),
        ({"instrument": "mag", "data_level": "l9"}, "l3e"),
        ({"extension": "csv"}, "cdf, pkts"),
        ({"table": "ancillary", "extension": "pkts"}, "xlsx"),
        ({"table": "spice", "type": "ck"}, "attitude_history"),
        ({"start_date": "20240230"}, "is no day; write YYYYMMDD"),
        ({"start_date": "2024-01-05"}, "is no day; write YYYYMMDD"),
        ({"ingestion_end_date": "1"}, "`ingestion_end_date` '1' is no day"),
        ({"start_date": "20260102", "end_date": "20260101"}, "swap them"),
        ({"ingestion_start_date": "20260102", "ingestion_end_date": "20260101"}, "swap them"),
        ({"version": "1"}, "vMMM.mmmm, vNNN or latest"),
        ({"version": "v00-01"}, "vMMM.mmmm, vNNN or latest"),
        ({"table": "ancillary", "version": "v001.0001"}, "vNNN or latest"),
        ({"version": "v001", "major_version": 1}, "not both"),
        ({"repointing": "repoint"}, "repoint00012"),
        ({"repointing": True}, "not this bool"),
        ({"repointing": "\u0661\u0662"}, "repoint00012"),
        ({"major_version": "1000"}, "from 0 to 999"),
        ({"minor_version": -1}, "not this int"),
        ({"descriptor": "*"}, "wildcard"),
        ({"table": "ancillary", "data_level": "l1a"}, "has no `data_level`; its conditions are `descriptor`"),
        ({"table": "ancillary", "repointing": 12}, "has no `repointing`"),
        ({"type": "leapseconds"}, "has no `type`"),
        ({"table": "spice", "instrument": "mag"}, "has no `instrument`"),
        ({"start_date": ["20260101", "20260102"]}, "takes one value"),
        ({"instrument": object()}, "not this object"),
        ({"filename": "nope.txt"}, "nope.txt"),
        ({"filename": "imap_mag_l1b_norm_20250502_v001.png"}, "pull it by its name"),
        ({"filename": "naif0012.tls", "table": "science"}, "not in the science table"),
        ({"filename": "naif0012.tls", "version": "latest"}, "leave `version` out"),
    ],
)  # fmt: skip
def test_a_bad_condition_says_what_is_allowed(conditions: dict[str, Any], words: str) -> None:
    with pytest.raises(BadQuery) as caught:
        ImapQuery.of(**conditions)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "table", "asked"),
    [
        (
            "imap_mag_l1b_norm-mago_20250502_v003.cdf",
            "science",
            {"table": "science", "file_path": "imap/mag/l1b/2025/05/imap_mag_l1b_norm-mago_20250502_v003.cdf"},
        ),
        (
            "imap_mag_l2-calibration_20250201_v002.csv",
            "ancillary",
            {"table": "ancillary", "file_path": "imap/ancillary/mag/imap_mag_l2-calibration_20250201_v002.csv"},
        ),
        ("naif0012.tls", "spice", {"file_name": "naif0012.tls"}),
    ],
)
def test_a_filename_alone_tells_where_to_ask(name: str, table: str, asked: dict[str, str]) -> None:
    assert ImapQuery.of(filename=name).table == table
    assert spelt(filename=name) == asked


def test_legacy_names_are_taken_only_when_asked_for() -> None:
    query = ImapQuery.of(instrument="ultra-45", version="v00-01", legacy_names=True)
    assert params(query, has_tables=False) == {"instrument": "ultra-45", "version": "v00-01"}


def test_latest_is_asked_of_the_science_table_alone() -> None:
    assert spelt(instrument="mag", version="latest") == {"table": "science", "instrument": "mag", "latest": "true"}
    assert "latest" not in spelt(table="ancillary", instrument="mag", version="latest")
    assert spelt_for_2024(instrument="mag", version="latest") == {"instrument": "mag"}


def test_ingestion_dates_are_sent_only_where_they_are_known() -> None:
    conditions = {"instrument": "mag", "ingestion_start_date": "20260301"}
    assert spelt(**conditions)["ingestion_start_date"] == "20260301"
    assert spelt_for_2024(**conditions) == {"instrument": "mag"}


def test_a_minor_version_is_a_version_in_2024() -> None:
    assert spelt_for_2024(minor_version=2) == {"version": "v002"}


@pytest.mark.parametrize("conditions", [{"major_version": 1}, {"version": "v001.0002"}])
def test_a_major_version_cannot_be_asked_in_2024(conditions: dict[str, Any]) -> None:
    with pytest.raises(BadQuery, match="without a major"):
        spelt_for_2024(**conditions)


def test_there_is_no_ancillary_table_in_2024() -> None:
    with pytest.raises(BadQuery, match="science files alone"):
        spelt_for_2024(table="ancillary", instrument="mag")


def test_spice_days_become_seconds_past_j2000_in_tdb() -> None:
    query = ImapQuery.of(table="spice", start_date="20251001", end_date="20251001")
    assert endpoint(query) == "/spice-query"
    midnight = 812631669.184 - 23 * 3600  # the archive's own record: 23:00:00.094 is ….2765
    told = params(query, has_tables=True)
    assert float(told["start_time"]) == pytest.approx(midnight, abs=0.001)
    assert float(told["end_time"]) == pytest.approx(midnight + 86400, abs=0.002)
    assert float(told["end_time"]) < midnight + 86400


def test_the_last_day_of_spice_ingestion_is_asked_to_its_end() -> None:
    asked = spelt(table="spice", ingestion_start_date="20260228", ingestion_end_date="20260228")
    assert asked == {"start_ingest_date": "20260228", "end_ingest_date": "20260301"}


def test_the_last_day_of_all_is_no_accident() -> None:
    asked = spelt(table="spice", end_date="99991231", ingestion_end_date="99991231")
    assert asked["end_ingest_date"] == "99991231"


def test_a_spice_version_is_left_to_be_filtered_here() -> None:
    assert spelt(table="spice", type="spin", version="v012") == {"type": "spin"}
    assert spelt(table="spice", version="latest") == {"latest": "true"}


def test_several_values_are_several_pieces() -> None:
    pieces = list(ImapQuery.of(instrument="mag,swe", data_level="l1a,l1b", start_date="20260101").pieces())
    asked = [(params(piece, has_tables=True)["instrument"], piece.data_level) for piece in pieces]
    assert asked == [("mag", ("l1a",)), ("mag", ("l1b",)), ("swe", ("l1a",)), ("swe", ("l1b",))]
    assert {piece.start_date for piece in pieces} == {"20260101"}


def test_a_query_is_told_in_a_line() -> None:
    query = ImapQuery.of(instrument="mag,swe", repointing=12)
    assert str(query) == "query of table science (instrument=mag,swe repointing=12)"


def test_a_query_is_a_plain_value() -> None:
    query = ImapQuery.of(instrument="mag", version="latest")
    assert pickle.loads(pickle.dumps(query)) == query


def test_days_ago_reach_until_today() -> None:
    assert days_ago(0, date(2026, 3, 1)) == ("20260301", "20260301")
    assert days_ago(2, date(2026, 3, 1)) == ("20260227", "20260301")


@pytest.mark.parametrize("days", [-1, 10**6, 10**20])
def test_there_are_days_that_never_were(days: int) -> None:
    with pytest.raises(BadQuery, match="from 0 on"):
        days_ago(days, date(2026, 3, 1))


NAMES = st.sampled_from([*ImapQuery.__dataclass_fields__, "colour"])
LIKELY = st.sampled_from(["latest", "v001", "v001.0002", "20260101", "mag", "l1b", "spice", "naif0012.tls", "12"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | LIKELY
VALUES = (
    SCALARS
    | st.lists(SCALARS, max_size=3)
    | st.tuples(SCALARS)
    | st.sets(LIKELY)
    | st.dictionaries(LIKELY, LIKELY)
)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_no_condition_raises_anything_but_bad_query(conditions: dict[str, Any]) -> None:
    try:
        query = ImapQuery.of(**conditions)
    except BadQuery:
        return
    for piece in query.pieces():
        assert str(piece)
        assert params(piece, has_tables=True)


@given(
    table=st.sampled_from(["science", "ancillary", "spice"]),
    day=st.dates(),
    version=LIKELY,
    several=st.sets(LIKELY),
)
def test_no_likely_condition_raises_anything_but_bad_query(
    table: str, day: date, version: str, several: set[str]
) -> None:
    with suppress(BadQuery):
        query = ImapQuery.of(table=table, start_date=day, end_date=day, version=version, descriptor=several)
        assert [params(piece, has_tables=False) for piece in query.pieces()]


@pytest.mark.parametrize(
    "told",
    [
        {"instrument": ["mag", "swe"], "data_level": "l1a", "version": "latest"},
        {"repointing": "repoint00012", "major_version": 1, "minor_version": 2},
        {"table": "spice", "type": "spin", "ingestion_start_date": "20260101"},
        {"filename": "naif0012.tls"},
    ],
)
def test_the_conditions_of_a_query_make_it_again(told: dict[str, Any]) -> None:
    wanted = ImapQuery.of(**told)
    document = json.dumps(wanted.conditions())
    assert ImapQuery.of(**json.loads(document)) == wanted
