"""A SELECT in parts: they add up to it, and what would not is refused."""

import sqlite3
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from imap_bulk.archives.lsst.statement import Partition, parse, statements
from imap_bulk.errors import BadQuery

ROWS = [(number, number % 7) for number in range(-30, 70)] + [(None, 3)]


def answers(*sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        database.executemany("INSERT INTO t VALUES (?, ?)", ROWS)
        found = [row for each in sql for row in database.execute(each)]
    database.close()
    return found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, v FROM t",
        "select id, v from t where v = 3 or v = 4;",
        "SELECT id, v FROM t WHERE v IN (SELECT v FROM t WHERE id > 3 ORDER BY id LIMIT 2) -- a comment",
        "SELECT id, v /* FROM nowhere */ FROM t ORDER BY id",
        "SELECT id, 'FROM x WHERE y' AS v FROM t",
    ],
)
@pytest.mark.parametrize("partition", ["id:0:50:7", "id:-100:100:3", "id:0.5:3.5:4", "id:0:1:5"])
def test_parts_are_the_whole(sql: str, partition: str) -> None:
    parts = statements(sql, Partition.parse(partition))
    whole = answers(sql.split(" -- ")[0])
    assert sorted(answers(*parts), key=str) == sorted(whole, key=str)


def test_parts_come_in_the_order_of_their_column() -> None:
    sql = "SELECT id, v FROM t ORDER BY id ASC"
    assert answers(*statements(sql, Partition.parse("id:0:50:7"))) == answers(sql)


def test_there_are_as_many_parts_as_asked_for() -> None:
    assert len(statements("SELECT id FROM t", Partition.parse("id:0:9999999999:16"))) == 16
    assert len(statements("SELECT id FROM t", Partition.parse("id:0:9999999999:1"))) == 1


def test_without_a_partition_a_statement_stays_as_it_is() -> None:
    assert statements("SHOW DATABASES LIKE '%Stripe%';", None) == ("SHOW DATABASES LIKE '%Stripe%';",)


def test_large_integers_are_cut_exactly() -> None:
    cuts = Partition.parse("id:9007199254740993:9007199254740997:2").cuts
    assert cuts == ("9007199254740995",)


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("SELECT v, COUNT(*) FROM t GROUP BY v", "GROUP"),
        ("SELECT COUNT (*) FROM t", "counts or sums up"),
        ("SELECT id FROM t LIMIT 5", "LIMIT"),
        ("SELECT DISTINCT v FROM t", "DISTINCT"),
        ("SELECT id FROM t UNION SELECT id FROM t", "UNION"),
        ("SHOW TABLES IN DR1", "only one query"),
        ("SELECT 1", "only one query"),
        ("SELECT id FROM t ORDER BY v", "order by it, or leave ORDER BY v out"),
        ("SELECT id FROM t ORDER BY id DESC", "leave ORDER BY id DESC out"),
    ],
)
def test_what_would_not_add_up_is_refused(sql: str, word: str) -> None:
    with pytest.raises(BadQuery, match=word):
        statements(sql, Partition.parse("id:0:9:3"))


@pytest.mark.parametrize(
    "text", ["", "id", "id:0:9", "id:9:0:3", "id:0:9:0", "id:a:9:3", "id;DROP:0:9:3", ":0:9:3", "id:0:9:3:4"]
)
def test_a_partition_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadQuery, match="partition"):
        Partition.parse(text)


def test_rows_are_counted_under_the_same_conditions() -> None:
    sql = "SELECT id, v FROM t WHERE v = 3 OR v = 4 ORDER BY id"
    assert answers(parse(sql, "x").count()) == [(len(answers(sql)),)]


@settings(max_examples=40)
@given(st.integers(-60, 90), st.integers(-60, 90), st.integers(1, 40))
def test_any_partition_gives_each_row_once(low: int, high: int, parts: int) -> None:
    assume(low < high)
    found = answers(*statements("SELECT id, v FROM t", Partition.parse(f"id:{low}:{high}:{parts}")))
    assert sorted(found, key=str) == sorted(ROWS, key=str)
