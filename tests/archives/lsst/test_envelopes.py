"""LSST's answers: three forms of a list, JSON called text/html, and refusals that explain themselves."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imap_bulk import errors
from imap_bulk.archives.lsst.envelopes import Page, read_document, read_page, refusal, result_of
from imap_bulk.http import Reply

NAMES = ["DR1", "kti/test20150202"]


def reply(body: object, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {"Content-Type": "text/html; charset=utf-8", **headers}, raw)


@pytest.mark.parametrize(
    "answer",
    [
        NAMES,
        {"result": NAMES},
        {"results": NAMES},
        {"results": [[name] for name in NAMES]},
        [{"url": name, "owner": "tom"} for name in NAMES],
        [{"name": name} for name in NAMES],
    ],
)
def test_a_list_is_read_in_each_of_its_forms(answer: object) -> None:
    assert read_page(reply(answer), "x") == Page(tuple(NAMES))


def test_the_flags_of_a_page_are_read() -> None:
    answer = {"results": ["a"], "more": True, "stable": False, "start": 0, "count": 1}
    assert read_page(reply(answer), "x") == Page(("a",), more=True, stable=False)


def test_a_list_of_words_called_more_is_no_flag() -> None:
    assert read_page(reply({"result": ["a"], "more": ["Traceback"]}), "x").more is None


def test_numbers_are_names_as_well() -> None:
    assert read_page(reply([5646240694, 8404051561545729123]), "x").names == ("5646240694", "8404051561545729123")


@pytest.mark.parametrize(
    "answer", [{}, "db", 7, {"result": "db"}, {"result": [["a", "b"]]}, [None], [True], ["\ud800"], [""]]
)
def test_what_is_no_list_of_names_is_garbled(answer: object) -> None:
    with pytest.raises(errors.Garbled, match=r"the levels: .* no list of names"):
        read_page(reply(answer), "the levels")


def test_an_info_in_place_of_a_result_is_an_error() -> None:
    with pytest.raises(errors.Rejected, match="Listing queries is not implemented"):
        result_of({"Info": "Listing queries is not implemented"}, "x")


def test_refused_input_is_an_error_whatever_its_status() -> None:
    with pytest.raises(errors.Rejected, match="INVALID_INPUT run, camcol, field, filter expected"):
        read_document(reply(b"INVALID_INPUT run, camcol, field, filter expected"), "x")


def test_what_is_not_implemented_is_not_there() -> None:
    with pytest.raises(errors.NotFound, match="does not offer that"):
        read_document(reply(b"LSST Metadata Service here. Image metadata not implemented yet."), "x")


def test_a_login_page_is_garbled() -> None:
    with pytest.raises(errors.Garbled, match="a web page titled 'Sign in'"):
        read_document(reply(b"<!DOCTYPE html><title>Sign in</title>"), "x")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, {"error": "ProgrammingError", "message": "no such table"}, errors.Rejected),
        (500, {"exception": "KeyError", "message": "x", "traceback": "…", "more": ["…"]}, errors.Rejected),
        (500, b"<html>Internal Server Error</html>", errors.ServerFault),
        (500, {"message": "Internal server error"}, errors.ServerFault),
        (503, {"error": "Busy", "message": "later"}, errors.Busy),
        (502, {"error": "Gateway", "message": "x"}, errors.ServerFault),
        (404, {"exception": "OSError", "message": "Image Not Found"}, errors.NotFound),
        (404, b"", errors.NotFound),
        (400, {"exception": "ValueError", "message": "x"}, errors.Rejected),
        (401, b"", errors.AccessDenied),
        (403, {"error": "Forbidden", "message": "x"}, errors.AccessDenied),
    ],
)
def test_a_refusal_is_judged_by_its_document(status: int, body: object, kind: type[Exception]) -> None:
    assert type(refusal(reply(body, status), "x")) is kind


def test_a_refusal_repeats_the_archives_words() -> None:
    document = {"error": "ProgrammingError", "message": "(1146, \"Table 'x.y' doesn't exist\")"}
    assert "ProgrammingError: (1146, \"Table 'x.y' doesn't exist\")" in str(refusal(reply(document, 500), "x"))


@settings(max_examples=40)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), st.lists, max_leaves=4))
def test_any_document_is_a_list_or_an_error(answer: object) -> None:
    try:
        page = read_page(reply(answer), "x")
    except errors.BulkError:
        return
    assert all(isinstance(name, str) for name in page.names)
