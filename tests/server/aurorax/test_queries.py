"""Whatever a body holds, it is read or refused."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.server.aurorax.conftest import HOUR, TEST

from imap_bulk.server.aurorax import sample
from imap_bulk.server.aurorax.answers import Refused
from imap_bulk.server.aurorax.describing import described
from imap_bulk.server.aurorax.finding import READERS
from imap_bulk.server.aurorax.requests import Kind
from imap_bulk.server.aurorax.shapes import reshaped
from imap_bulk.server.aurorax.sources import new_source
from imap_bulk.server.aurorax.uploads import ephemeris_row, product_row, read_rows

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES = st.none() | st.lists(st.text(max_size=2), max_size=2) | ANYTHING
EXPRESSION = st.fixed_dictionaries(
    {"key": st.just("a") | ANYTHING, "operator": st.just("=") | ANYTHING, "values": NAMES}
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "logical_operator": st.just("OR") | ANYTHING,
        "expressions": st.lists(EXPRESSION, max_size=2) | ANYTHING,
    },
)
BLOCK = ANYTHING | st.fixed_dictionaries(
    {}, optional={
        "programs": NAMES, "platforms": NAMES, "hemisphere": NAMES,
        "ephemeris_metadata_filters": FILTERS | ANYTHING,
        "locations": st.lists(st.fixed_dictionaries({"lat": ANYTHING, "lon": ANYTHING}), max_size=2) | ANYTHING,
    },
)  # fmt: skip
BLOCKS = st.lists(BLOCK, max_size=3) | ANYTHING
QUERY = st.fixed_dictionaries(
    {name: st.just(moment) for name, moment in HOUR.items()},
    optional={
        "data_sources": BLOCK, "ground": BLOCKS, "space": BLOCKS, "adhoc": BLOCKS, "conjunction_types": NAMES,
        "data_product_type_filters": NAMES, "max_distances": ANYTHING, "epoch_search_precision": ANYTHING,
    },
)  # fmt: skip
MOMENT = st.just("2020-01-01T00:00:00") | ANYTHING
SOURCE = next(source for source in sample.sources() if source.identifier == 400)


@pytest.mark.parametrize("kind", Kind)
@settings(max_examples=25)
@given(QUERY)
def test_a_query_is_read_and_described_or_refused(kind: Kind, query: Any) -> None:
    with suppress(Refused):
        READERS[kind](query)
        assert described(kind, query).startswith("Find ")


@settings(max_examples=25)
@given(
    st.fixed_dictionaries(
        {name: st.just(own) for name, own in TEST.items()},
        optional={
            "epoch": MOMENT, "start": MOMENT, "end": MOMENT, "url": ANYTHING, "data_product_type": ANYTHING,
            "location_geo": ANYTHING | st.fixed_dictionaries({"lat": ANYTHING, "lon": ANYTHING}),
        },
    )
)  # fmt: skip
def test_a_record_is_read_or_has_an_error(record: Any) -> None:
    for read in (ephemeris_row, product_row):
        rows, errors = read_rows(SOURCE, [record], read)
        assert len(rows) + len(errors) == 1


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(sorted(SOURCE.told())), ANYTHING))
def test_a_source_is_read_or_refused(document: Any) -> None:
    with suppress(Refused):
        assert new_source(document, 1, "owner").identifier == document.get("identifier") or 1


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from(["data_source", "events", "epoch", "metadata"]), ANYTHING))
def test_any_tree_leaves_what_it_names(tree: Any) -> None:
    record = {"data_source": SOURCE.in_record(), "epoch": "", "metadata": {"a": 1}, "events": []}
    assert set(reshaped(tree, {400: SOURCE})(record)) <= set(tree)
