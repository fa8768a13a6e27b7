"""Object keys: safe on every file system, the same in every run, and never those of something else."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.archives.aurorax.fake import product

from imap_bulk.archives.aurorax import keys
from imap_bulk.archives.aurorax.products import files_of, source_of
from imap_bulk.engine.places import safe_path

DAY_NAME = "https://files.example/2020/02/01/20200201__gill_full-keogram.jpg"


def found(*records: dict[str, Any]) -> list[str]:
    places = keys.directories({source_of(record) for record in records})
    return [file.key for file in files_of(records, places, None)]


@settings(max_examples=50)
@given(st.text(max_size=300))
def test_any_name_becomes_a_part_that_is_safe(name: str) -> None:
    key = keys.ephemeris_key(keys.directories([(name, name, name)])[name, name, name], "20190101", "")
    assert safe_path(Path("data"), key)


@settings(max_examples=50)
@given(st.text(min_size=1, max_size=200), st.text(max_size=20))
def test_any_url_becomes_a_key_that_is_safe(url: str, day: str) -> None:
    (key,) = found(product(url, day))
    assert safe_path(Path("data"), key)


def test_sources_that_differ_in_odd_characters_or_case_have_places_of_their_own() -> None:
    triples = [("p", "a b", "x"), ("p", "a_b", "x"), ("p", "A_b", "x"), ("p", "c", "x")]
    places = keys.directories(triples)
    assert len({place.lower() for place in places.values()}) == 4
    assert places["p", "c", "x"] == "p/c/x"


def test_a_product_stands_where_its_source_type_and_month_say() -> None:
    assert found(product(DAY_NAME)) == [
        "aurorax/trex/gillam/RGB_ASI/keogram/2020/02/20200201__gill_full-keogram.jpg"
    ]


def test_a_name_that_does_not_tell_its_day_gets_the_mark_of_its_url() -> None:
    one, other = (f"https://files.example/{day}/keogram.jpg" for day in (1, 2))
    first = found(product(one, "2020-02-01"))
    second = found(product(other, "2020-02-02"))
    assert first[0].startswith("aurorax/trex/gillam/RGB_ASI/keogram/2020/02/keogram-")
    assert first != second


def test_alike_names_are_told_apart_whatever_their_order() -> None:
    one, other = product(DAY_NAME), product(DAY_NAME.replace("files.", "other."))
    assert sorted(found(one, other)) == sorted(found(other, one))
    assert len(set(found(one, other))) == 2
    assert keys.part(DAY_NAME.rpartition("/")[2]) not in {key.rpartition("/")[2] for key in found(one, other)}


def test_a_url_is_fetched_once() -> None:
    assert len(found(product(DAY_NAME), product(DAY_NAME, data_product_type="movie"))) == 1


@pytest.mark.parametrize(
    ("key", "marked"),
    [("a/b.jpg", "a/b-{}.jpg"), ("a/b", "a/b-{}"), ("a.b/c", "a.b/c-{}"), ("a/b.tar.gz", "a/b.tar-{}.gz")],
)
def test_the_mark_stands_before_the_extension(key: str, marked: str) -> None:
    assert keys.marked(key, "u") == marked.format(keys.mark("u"))


def test_filtered_ephemeris_is_another_file_than_all_of_it() -> None:
    plain = keys.ephemeris_key("swarm/swarma/footprint", "20190101", "")
    assert plain == "aurorax/ephemeris/swarm/swarma/footprint/20190101.json"
    assert keys.ephemeris_key("swarm/swarma/footprint", "20190101", "x") != plain
