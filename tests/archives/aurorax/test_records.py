"""Records to push: every bad one is told by its line before anything is sent."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.archives.aurorax import Kind
from imap_bulk.archives.aurorax.records import Entry, Records, hold_to_source, read_records, split
from imap_bulk.errors import BadManifest

TRIPLE = ("p", "q", "r")
SOURCE = {"identifier": 400, "program": "p", "platform": "q", "instrument_type": "r"}
PRODUCT = {
    "start": "2020-01-01T00:00:00",
    "end": "2020-01-01T23:59:00",
    "url": "https://files.example/k.jpg",
    "data_product_type": "keogram",
}


def epoch(minute: int = 0, **told: Any) -> dict[str, Any]:
    return {"epoch": f"2020-01-01T00:{minute:02}:00", **told}


def lines(*records: Any) -> str:
    return "\n".join(json.dumps(record) for record in records)


def read(text: str, kind: Kind = Kind.EPHEMERIS, name: str = "r.jsonl") -> Records:
    return read_records([(name, text.encode().splitlines(keepends=True))], kind)


def sent(records: Records) -> list[dict[str, Any]]:
    return [json.loads(entry.document) for entry in records.entries(TRIPLE)]


def problems(text: str, kind: Kind = Kind.EPHEMERIS) -> tuple[str, ...]:
    with pytest.raises(BadManifest) as raised:
        read(text, kind)
    return raised.value.problems


FULL = epoch(location_geo={"lat": 51.05, "lon": -114}, metadata={"a": [1]}, program="p")
FORMS = {
    "json lines": lines(FULL, "", epoch(1)).replace('""', ""),
    "array": json.dumps([FULL, epoch(1)], indent=2),
    "array on one line": json.dumps([FULL, epoch(1)]),
    "csv": 'epoch,location_geo.lat,location_geo.lon,metadata,program\n'
    '2020-01-01T00:00:00,51.05,-114,"{""a"": [1]}",p\n2020-01-01T00:01:00,,,,\n',
    "csv by metadata": "epoch,location_geo.lat,location_geo.lon,metadata.a,program\n"
    "2020-01-01T00:00:00,51.05,-114,[1],p\n2020-01-01T00:01:00,,,,\n",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str) -> None:
    first, second = sent(read(FORMS[form]))
    names = dict(zip(("program", "platform", "instrument_type"), TRIPLE, strict=True))
    assert first == {**names, **FULL}
    assert second == {**names, **epoch(1)}


def test_what_a_search_has_found_can_be_pushed() -> None:
    found = {"data_source": SOURCE | {"display_name": "x"}, **epoch(), "location_gsm": {"lat": None, "lon": None}}
    assert sent(read(lines(found)))[0]["instrument_type"] == "r"


def test_times_are_sent_in_utc_with_the_seconds_they_have() -> None:
    times = ("2020-01-01T02:00:05+02:00", "2020-01-01 00:01", "2020-01-01T00:02:00.250Z")
    told = sent(read(lines(*({"epoch": time} for time in times))))
    assert [record["epoch"] for record in told] == [
        "2020-01-01T00:00:05", "2020-01-01T00:01:00", "2020-01-01T00:02:00.250000",
    ]  # fmt: skip


def test_epochs_of_no_whole_minute_are_warned_of() -> None:
    (warning,) = read(lines({"epoch": "2020-01-01T00:00:05"})).warnings
    assert "1 records are of no whole minute" in warning


BAD = [
    ({}, "epoch is missing; write it as in"),
    ({"epoch": "20200101"}, "is no time; write it as in 2020-01-01T00:30:00"),
    ({"epoch": "2020-02-30T00:00:00"}, "is no time"),
    ({"epoch": 5}, "epoch is missing"),
    (epoch(epch=1), "there is no field 'epch'; use program"),
    (epoch(location_geo={"lat": 91, "lon": 0}), "location_geo (91, 0) is nowhere on Earth"),
    (epoch(nbtrace={"lat": 1}), "nbtrace has one of lat and lon"),
    (epoch(nbtrace={"lat": "1", "lon": 2}), "nbtrace.lat is no number"),
    (epoch(nbtrace={"lat": True, "lon": 2}), "nbtrace.lat is no number"),
    (epoch(nbtrace={"lat": float("nan"), "lon": 2}), "nbtrace.lat is no number"),
    (epoch(nbtrace=[1, 2]), "nbtrace is no location; write lat and lon"),
    (epoch(metadata="text"), "metadata is no object"),
    (epoch(program=5), "program is no text"),
    (epoch(data_source=5), "data_source is no object"),
    (5, "this is no JSON object"),
]


@pytest.mark.parametrize(("record", "said"), BAD, ids=[said for _, said in BAD])
def test_a_bad_record_is_told_by_its_line_and_its_cure(record: Any, said: str) -> None:
    (problem,) = problems(lines(epoch(), epoch(1), record) if record != 5 else lines(epoch(), epoch(1)) + "\n5")
    assert problem.startswith("r.jsonl line 3: ")
    assert said in problem


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"url": None}, "url is missing or no URL"),
        ({"url": "a b"}, "url is missing or no URL"),
        ({"data_product_type": "jpeg"}, "data_product_type 'jpeg' is none of keogram, "),
        ({"end": None}, "end is missing"),
        ({"end": "2019-01-01T00:00:00"}, "comes after end"),
        ({"epoch": "2020-01-01T00:00:00"}, "there is no field 'epoch'"),
    ],
)
def test_a_bad_product_is_told_by_its_line(told: dict[str, Any], said: str) -> None:
    (problem,) = problems(lines(PRODUCT | told), Kind.PRODUCTS)
    assert said in problem


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"epoch": "2020-01-01T00:00:00", "metadata": {"a": NaN}}', id="no number"),
        pytest.param('{"epoch": "2020-01-01T00:00:00", "metadata": {"a": 1e999}}', id="too large a number"),
        pytest.param('{"epoch": "2020-01-01T00:00:00", "metadata": {"a": "\\ud800"}}', id="half a character"),
        pytest.param("epoch,metadata.a\n2020-01-01T00:00:00,NaN", id="no number in CSV"),
    ],
)
def test_what_json_cannot_hold_is_bad(text: str) -> None:
    (told,) = problems(text)
    assert re.fullmatch(r"r.jsonl line \d: holds .*, which JSON cannot; .*", told)


def test_a_line_too_long_for_a_header_is_told() -> None:
    (told,) = problems("x" * (5 << 20))
    assert told.startswith("r.jsonl line 1: neither JSON nor the header of a CSV table; ")


def test_a_number_beyond_all_numbers_is_no_place() -> None:
    (told,) = problems(lines(epoch(nbtrace={"lat": 10**400, "lon": 0})))
    assert told == "r.jsonl line 1: nbtrace.lat is no number; write degrees"


def test_all_bad_records_of_all_files_are_told_at_once() -> None:
    bad = [(name, [b'{"epoch": "x"}\n', b"nonsense\n"]) for name in ("a", "b")]
    with pytest.raises(BadManifest, match="4 bad records; correct them and run again: nothing was sent") as raised:
        read_records(bad, Kind.EPHEMERIS)
    assert [problem.partition(":")[0] for problem in raised.value.problems] == [
        "a line 1", "a line 2", "b line 1", "b line 2",
    ]  # fmt: skip


def test_of_very_many_bad_records_the_first_are_told_and_the_others_counted() -> None:
    told = problems("{}\n" * 1000)
    assert (len(told), told[-1]) == (101, "… and 900 more")


@pytest.mark.parametrize(
    "text", ["", "\n\n", "epoch\n2020-01-01T00:00:00,5\n", 'epoch\n"x', "[{}", '[{"a": 1} {}]']
)
def test_what_is_no_file_of_records_is_refused(text: str) -> None:
    with pytest.raises(BadManifest):
        read(text)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(BadManifest, match="is no text in UTF-8"):
        read_records([("r", [b"\xff\xfe{}"])], Kind.EPHEMERIS)


def test_a_record_that_says_the_same_again_is_sent_once() -> None:
    records = read(lines(epoch(), epoch(1), epoch()))
    assert (records.count, records.repeated, len(sent(records))) == (2, 1, 2)


def test_a_record_that_says_something_else_of_the_same_epoch_is_bad() -> None:
    (problem,) = problems(lines(epoch(), epoch(1), epoch(metadata={"a": 1})))
    assert problem == (
        "r.jsonl line 3: says something else of 2020-01-01T00:00:00 than r.jsonl line 1 does; keep one of them"
    )


def test_a_record_of_another_source_is_bad() -> None:
    records = read(lines(epoch(), epoch(1, platform="elsewhere")))
    with pytest.raises(BadManifest) as raised:
        hold_to_source(records, SOURCE)
    assert raised.value.problems == ("r.jsonl line 2: is of p/elsewhere/r, not of p/q/r; see to --source",)


def test_metadata_that_the_source_does_not_know_is_warned_of() -> None:
    records = read(lines(epoch(metadata={"known": 1, "odd": 2}), epoch(1, metadata={"odd": 2})))
    schema = [{"field_name": "known"}]
    assert hold_to_source(records, SOURCE | {"ephemeris_metadata_schema": schema}) == [
        "metadata 'odd' of 2 records is not in the schema of the source"
    ]
    assert hold_to_source(records, SOURCE) == []


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 9), st.integers(10, 120))
def test_batches_hold_everything_in_order_and_keep_to_both_limits(
    sizes: list[int], most: int, most_bytes: int
) -> None:
    entries = [Entry(number, "", "", bytes(size)) for number, size in enumerate(sizes)]
    batches = list(split(entries, most, most_bytes))
    assert [entry for batch in batches for entry in batch] == entries
    assert all(0 < len(batch) <= most for batch in batches)
    assert all(len(batch) == 1 or sum(len(e.document) + 1 for e in batch) + 2 <= most_bytes for batch in batches)


def test_a_million_records_are_not_kept_in_memory_while_they_are_read() -> None:
    def endless() -> Iterator[bytes]:
        for number in range(3000):
            yield b'{"epoch": "2020-01-%02dT%02d:%02d:00"}\n' % (
                number // 1440 + 1,
                number // 60 % 24,
                number % 60,
            )

    records = read_records([("r", endless())], Kind.EPHEMERIS)
    entries = records.entries(TRIPLE)
    assert next(entries).place == "r line 1"
    assert records.count == 3000
