"""The document of a result, read record by record."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_bulk.archives.aurorax import document
from imap_bulk.archives.aurorax.document import count_records, unwrap
from imap_bulk.errors import AccessDenied, Garbled, ServerFault

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def counted(path: Path, text: str) -> int:
    path.write_text(text, encoding="utf-8")
    return count_records(path, "it")


@settings(max_examples=40)
@given(st.lists(JSON, max_size=6), st.booleans(), st.sampled_from([1, 2, 7, 1 << 18]), st.sampled_from([None, 2]))
def test_records_are_counted_however_the_text_is_cut(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], wrapped: bool, piece: int, indent: int | None
) -> None:
    text = json.dumps({"more": [1], "result": records, "and": {}} if wrapped else records, indent=indent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_PIECE_CHARACTERS", piece)
        assert counted(tmp_path_factory.getbasetemp() / "document.json", text) == len(records)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        '"text"',
        "{",
        "[",
        "[1,",
        "[1 2]",
        "[1,]",
        "[] []",
        '{"result": [1}',
        '{"result": 5}',
        "{}",
        "nonsense",
    ],
)
def test_what_is_no_whole_document_is_garbled(tmp_path: Path, text: str) -> None:
    with pytest.raises(Garbled):
        counted(tmp_path / "document.json", text)


@settings(max_examples=40)
@given(st.lists(JSON, min_size=1, max_size=3), st.data())
def test_a_document_that_is_cut_off_is_garbled(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], data: st.DataObject
) -> None:
    text = json.dumps({"result": records})
    short = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(Garbled):
        counted(tmp_path_factory.getbasetemp() / "document.json", short)


def test_a_web_page_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(Garbled, match="a web page"):
        counted(tmp_path / "document.json", "<!DOCTYPE html><title>x</title>")


@pytest.mark.parametrize(
    ("code", "error"), [("NotAuthenticated", AccessDenied), ("APPLICATIONERROR", ServerFault)]
)
def test_an_error_in_place_of_a_result_is_what_it_says(tmp_path: Path, code: str, error: type[Exception]) -> None:
    told = {"error": {"error_code": code, "error_message": "because"}}
    with pytest.raises(error, match="because"):
        counted(tmp_path / "document.json", json.dumps(told))
    with pytest.raises(error, match="because"):
        unwrap(told, "it")


def test_a_result_may_be_wrapped_or_bare() -> None:
    assert unwrap({"result": [{"a": 1}]}, "it") == unwrap([{"a": 1}], "it") == [{"a": 1}]


@pytest.mark.parametrize("answer", [None, {}, "text", [1], {"result": None}])
def test_what_is_no_list_of_records_is_garbled(answer: Any) -> None:
    with pytest.raises(Garbled):
        unwrap(answer, "it")
