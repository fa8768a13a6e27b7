"""The forms in which tables are written: read back, they hold what came."""

import csv
import io
import json

import pytest
from astropy.table import Table as AstropyTable

from imap_bulk.archives.lsst.forms import writer
from imap_bulk.archives.lsst.queries import Column, Table
from imap_bulk.errors import Rejected

LARGE = 9007199254740993
COLUMNS = (
    Column("id", "long"),
    Column("ra", "double"),
    Column("name", "text"),
    Column("blob", "binary"),
)
FIRST = Table(COLUMNS, [[LARGE, 10.1, 'größe, "x"\n', b"\0\xff"]])
SECOND = Table(COLUMNS, [[2, None, None, None]])
EMPTY = Table((), [])


def written(form: str, *tables: Table) -> bytes:
    stream = io.BytesIO()
    writing = writer(form, stream)
    for table in tables:
        writing.add(table)
    writing.end()
    return stream.getvalue()


def test_csv_holds_what_came() -> None:
    rows = list(csv.reader(io.StringIO(written("csv", FIRST, EMPTY, SECOND).decode(), newline="")))
    assert rows == [
        ["id", "ra", "name", "blob"],
        [str(LARGE), "10.1", 'größe, "x"\n', "AP8="],
        ["2", "", "", ""],
    ]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_json_holds_what_came(form: str) -> None:
    text = written(form, EMPTY, FIRST, SECOND).decode()
    records = json.loads(text) if form == "json" else [json.loads(line) for line in text.splitlines()]
    assert records == [
        {"id": LARGE, "ra": 10.1, "name": 'größe, "x"\n', "blob": "AP8="},
        {"id": 2, "ra": None, "name": None, "blob": None},
    ]


@pytest.mark.parametrize("form", ["votable", "fits"])
def test_astronomers_forms_hold_what_came(form: str) -> None:
    plain = Table(COLUMNS, [[LARGE, 10.1, "x", b"\0\xff"]])
    table = AstropyTable.read(io.BytesIO(written(form, plain, SECOND)), format=form)
    assert table.colnames == ["id", "ra", "name", "blob"]
    assert list(table["id"]) == [LARGE, 2]
    assert table["ra"][0] == 10.1
    assert table["ra"].mask.tolist() == [False, True]
    assert str(table["blob"][0]) == "AP8="


def test_a_type_that_the_first_row_suggested_wrongly_gives_way() -> None:
    columns = (Column("v", "long"), Column("w", "double"), Column("large", "double"))
    table = Table(columns, [[1, 1.5, LARGE], [2.5, "x", 1.0]])
    found = AstropyTable.read(io.BytesIO(written("votable", table)), format="votable")
    assert list(found["v"]) == [1.0, 2.5]
    assert list(found["w"]) == ["1.5", "x"]
    assert list(found["large"]) == [str(LARGE), "1.0"]


def test_columns_of_one_name_are_told_apart() -> None:
    table = Table((Column("ra"), Column("ra"), Column("ra_2")), [[1, 2, 3]])
    assert json.loads(written("jsonl", table)) == {"ra": 1, "ra_2": 2, "ra_2_2": 3}


@pytest.mark.parametrize(("form", "content"), [("csv", b""), ("jsonl", b""), ("json", b"[]\n")])
def test_an_answer_without_rows_is_written(form: str, content: bytes) -> None:
    assert written(form, EMPTY) == content


def test_an_answer_without_rows_is_an_empty_votable() -> None:
    assert b"<VOTABLE" in written("votable", EMPTY)


def test_an_answer_without_rows_cannot_be_fits() -> None:
    with pytest.raises(Rejected, match="cannot be FITS"):
        written("fits", EMPTY)


@pytest.mark.parametrize(("form", "name", "value"), [("votable", "note", "\ud800"), ("fits", "a\n", "x")])
def test_what_a_form_cannot_hold_is_told(form: str, name: str, value: str) -> None:
    with pytest.raises(Rejected, match=f"cannot be written as {form} .*; choose csv or json"):
        written(form, Table((Column(name),), [[value]]))


def test_half_a_character_is_written_as_json_spells_it() -> None:
    stream = io.BytesIO()
    writing = writer("jsonl", stream)
    writing.add(Table((Column("note"),), [["\ud800"]]))
    assert json.loads(stream.getvalue()) == {"note": "\ud800"}
