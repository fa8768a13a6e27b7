"""Requests that take long: ids and states in all the forms in which servers tell them."""

import json

import pytest

from imap_bulk import errors
from imap_bulk.archives.lsst.jobs import State, id_of, state_of
from imap_bulk.http import Reply


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (202, {"id": 654}, {}),
        (200, {"resourceId": "654"}, {}),
        (201, {"requestId": 654}, {}),
        (200, 654, {}),
        (200, "654", {}),
        (202, None, {"Location": "http://127.0.0.1:1/image/v0/654"}),
        (202, {}, {"Location": "/image/v0/654/"}),
    ],
)
def test_the_id_is_found_in_any_form(status: int, body: object, headers: dict[str, str]) -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    assert id_of(Reply(status, headers, raw), "x") == "654"


@pytest.mark.parametrize("body", [{}, "no", [], {"id": True}, {"id": -1}, {"id": "../x"}])
def test_an_answer_without_an_id_is_garbled(body: object) -> None:
    with pytest.raises(errors.Garbled, match="gave no id"):
        id_of(Reply(202, {}, json.dumps(body).encode()), "x")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ([{"status": "running", "startTime": "2015/05/14 016:43:21", "progress": "34%"}], State.WORKING),
        ({"status": "queued"}, State.WORKING),
        ("processing", State.WORKING),
        ([], State.WORKING),
        (None, State.WORKING),
        ([{"status": "done"}], State.DONE),
        ({"status": "COMPLETED"}, State.DONE),
        ("Success", State.DONE),
        ([{"status": "error"}], State.FAILED),
        ({"status": "Aborted"}, State.FAILED),
        ("cancelled", State.FAILED),
    ],
)
def test_the_state_is_read_whatever_its_words(answer: object, state: State) -> None:
    assert state_of(answer) is state
