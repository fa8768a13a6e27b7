"""Answers to SQL: columns described in either place, exact integers, and what is no answer."""

import base64
import json
from typing import Any

import pytest

from imap_bulk import errors
from imap_bulk.archives.lsst.queries import Column, read_table
from imap_bulk.http import Reply

ELEMENTS = [{"name": "id", "datatype": "long"}, {"name": "t", "datatype": "text", "xtype": "timestamp"}]
ROWS = [[9007199254740993, "2015-05-14T16:43:21"], [9223372036854775807, None]]


def reply(result: Any) -> Reply:
    return Reply(200, {"Content-Type": "text/html"}, json.dumps({"result": result}).encode())


@pytest.mark.parametrize(
    "result",
    [
        {"table": {"metadata": {"elements": ELEMENTS}, "data": ROWS}},
        {"metadata": {"elements": ELEMENTS}, "table": {"data": ROWS}},
    ],
)
def test_columns_are_found_in_both_places(result: Any) -> None:
    table = read_table(reply(result), "x")
    assert table.columns == (Column("id", "long"), Column("t", "text", "timestamp"))
    assert table.rows == ROWS


def test_an_empty_answer_has_no_columns() -> None:
    table = read_table(reply({"table": {"metadata": {"elements": []}, "data": []}}), "x")
    assert (table.columns, list(table.rows)) == ((), [])


def test_rows_of_unknown_columns_are_garbled() -> None:
    with pytest.raises(errors.Garbled, match="as many values as there are columns"):
        read_table(reply({"table": {"metadata": {"elements": []}, "data": [[1]]}}), "x")


def test_binary_values_are_bytes() -> None:
    elements = [{"name": "blob", "datatype": "binary"}]
    rows = [[base64.b64encode(b"\0\xff").decode()], [None]]
    table = read_table(reply({"table": {"metadata": {"elements": elements}, "data": rows}}), "x")
    assert table.rows == [[b"\0\xff"], [None]]


@pytest.mark.parametrize("value", ["no base64!", 7, [1]])
def test_binary_that_is_no_base64_is_garbled(value: object) -> None:
    elements = [{"name": "blob", "datatype": "binary"}]
    with pytest.raises(errors.Garbled, match="no base64"):
        read_table(reply({"table": {"metadata": {"elements": elements}, "data": [[value]]}}), "x")


@pytest.mark.parametrize(
    "result",
    [
        [],
        "x",
        {},
        {"table": []},
        {"table": {"data": 7, "metadata": {"elements": []}}},
        {"table": {"data": [[1]]}},
        {"table": {"data": [[1]], "metadata": {"elements": [{"datatype": "long"}]}}},
        {"table": {"data": [[1, 2], [3]], "metadata": {"elements": ELEMENTS}}},
        {"table": {"data": [7], "metadata": {"elements": ELEMENTS}}},
    ],
)
def test_what_is_no_table_is_garbled(result: Any) -> None:
    with pytest.raises(errors.Garbled):
        read_table(reply(result), "x")
