"""Statements of strangers: those of honest clients are understood, those of others do no harm."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imap_bulk.server.lsst import databases, sky
from imap_bulk.server.lsst.sql import Runner, SqlError


@pytest.fixture
def runner(catalogue: Path) -> Runner:
    return Runner(databases.paths(catalogue), seconds=20)


def refused(runner: Runner, statement: str) -> str:
    with pytest.raises(SqlError) as caught:
        runner.run(statement)
    return str(caught.value)


# --- what MySQL has words for


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ('SHOW DATABASES LIKE "%Stripe%"', [("DC_W13_Stripe82",)]),
        ("show tables in `DR1`;", [("Science_Ccd_Exposure",), ("DeepCoadd",), ("Object",)]),
        ("SELECT `ra` FROM `DR1`.`Object` WHERE `flux` > 5999 ORDER BY ra LIMIT 1;", [(9.5,)]),
        ('SELECT count(*) FROM DR1.Science_Ccd_Exposure WHERE filterName = "r"', [(3,)]),
        ("SELECT count(*) FROM DR1.Object AS o JOIN DC_W13_Stripe82.Object AS p USING (id)", [(20,)]),
    ],
)
def test_statements_of_honest_clients_are_understood(
    runner: Runner, statement: str, rows: list[tuple[object, ...]]
) -> None:
    assert list(runner.run(statement).rows) == rows


@pytest.mark.parametrize("statement", ["SHOW COLUMNS FROM DR1.Object;", "DESCRIBE DR1.Object"])
def test_columns_are_described_as_mysql_does(runner: Runner, statement: str) -> None:
    told = runner.run(statement)
    assert told.names == ["Field", "Type", "Null", "Key", "Default", "Extra"]
    assert told.rows[0] == ("id", "bigint(20)", "NO", "PRI", None, "")
    assert ("parent", "bigint(20)", "YES", "", None, "") in told.rows


def test_a_table_tells_how_it_would_be_created(runner: Runner) -> None:
    assert runner.run("SHOW CREATE TABLE joe_myDb.Object").rows[0][1].startswith("CREATE TABLE `Object` (")


def test_a_table_that_is_not_there_is_not_described(runner: Runner) -> None:
    assert "doesn't exist" in refused(runner, "DESCRIBE DR1.nix")
    assert "Unknown database" in refused(runner, "SHOW TABLES IN nix")


# --- what must not happen


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '{place}' AS stolen",
        "DETACH DATABASE DR1",
        "PRAGMA query_only = OFF",
        "PRAGMA database_list",
        "SELECT * FROM pragma_database_list",
        "SELECT load_extension('{place}')",
        "SELECT fts3_tokenizer('simple')",
        "VACUUM INTO '{place}'",
        "CREATE TABLE DR1.mine (x)",
        "CREATE TEMP TABLE mine AS SELECT 1",
        "CREATE VIRTUAL TABLE mine USING fts5(x)",
        "INSERT INTO joe_myDb.Object (id) VALUES (99)",
        "UPDATE joe_myDb.Object SET flux = 0",
        "DELETE FROM joe_myDb.Object",
        "DROP TABLE joe_myDb.Object",
        "ALTER TABLE joe_myDb.Object RENAME TO gone",
        "BEGIN EXCLUSIVE",
        "REINDEX",
        "ANALYZE",
        "SELECT * FROM dbstat",
        "SELECT 1; DROP TABLE joe_myDb.Object",
        "EXPLAIN SELECT 1; DELETE FROM joe_myDb.Object",
    ],
)
def test_a_statement_that_is_no_question_is_refused(runner: Runner, statement: str, tmp_path: Path) -> None:
    place = tmp_path / "stolen"
    refused(runner, statement.format(place=place))
    assert not place.exists()
    assert runner.run("SELECT count(*), sum(flux) > 9 FROM joe_myDb.Object").rows == [(3, 1)]


@pytest.mark.parametrize(
    "statement", ["", ";", "  -- nothing", "SELECT '\0'", "SELECT '\ud800'", "SELEC 1", "SELECT ("]
)
def test_a_statement_that_is_none_is_an_error_as_any(runner: Runner, statement: str) -> None:
    assert refused(runner, statement)


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT {} FROM n"


@pytest.mark.parametrize("statement", [ENDLESS.format("count(*)"), ENDLESS.format("x") + " WHERE x < 0"])
def test_an_endless_statement_is_stopped_by_the_clock(catalogue: Path, statement: str) -> None:
    runner = Runner(databases.paths(catalogue), seconds=0.05)
    assert "interrupted" in refused(runner, statement)


def test_all_statements_end_when_the_server_stops(runner: Runner) -> None:
    runner.stopped.set()
    assert "interrupted" in refused(runner, ENDLESS.format("count(*)"))


@pytest.mark.parametrize(
    "statement", [ENDLESS.format("x"), "SELECT hex(zeroblob(30000)) FROM DC_W13_Stripe82.Object"]
)
def test_an_endless_result_is_stopped_by_its_size(catalogue: Path, statement: str) -> None:
    runner = Runner(databases.paths(catalogue), seconds=20, most_bytes=1 << 20)
    assert "larger" in refused(runner, statement)


@pytest.mark.parametrize("value", ["zeroblob(2000000000)", "replace(hex(zeroblob(30000)), '00', 'xxxx')"])
def test_no_value_is_longer_than_64_kibibytes(runner: Runner, value: str) -> None:
    assert "too big" in refused(runner, f"SELECT {value}")


def test_a_function_that_would_outlast_the_clock_is_refused(runner: Runner) -> None:
    assert "denied" in refused(runner, "SELECT printf('%.*c', 2000000000, 'x')")
    assert "denied" in refused(runner, "SELECT FORMAT('%2000000000d', 1)")


# --- regions on the sky


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("scisql_s2PtInBox(ra, decl, 359.98, -0.1, 0.02, 0.1)=1", 4),
        ("scisql_s2PtInBox(ra, decl, -0.02, -0.1, 0.02, 0.1)=1", 4),
        ("scisql_s2PtInCircle(ra, decl, 120, 60, 0.001)=1", 1),
        ("scisql_s2PtInCPoly(ra, decl, 119, 59.5, 121, 59.5, 121, 60.5, 119, 60.5)=1", 4),
        ("scisql_s2PtInCPoly(ra, decl, 119, 60.5, 121, 60.5, 121, 59.5, 119, 59.5)=1", 4),
        ("scisql_angSep(ra, decl, 120, 60) < 0.0001", 1),
    ],
)
def test_regions_select_the_stars_within(runner: Runner, condition: str, count: int) -> None:
    assert runner.run(f"SELECT count(*) FROM DR1.Object WHERE {condition}").rows == [(count,)]


def test_a_region_of_null_is_null_and_one_of_nonsense_an_error(runner: Runner) -> None:
    assert runner.run("SELECT scisql_angSep(NULL, 0, 0, 0)").rows == [(None,)]
    assert refused(runner, "SELECT scisql_s2PtInCPoly(1, 2, 3)")
    assert refused(runner, "SELECT scisql_angSep('a', 'b', 'c', 'd')")


def test_the_far_side_of_the_sky_is_in_no_polygon() -> None:
    triangle = (0.0, 0.0, 10.0, 0.0, 5.0, 10.0)
    assert sky.in_convex_polygon(5, 3, *triangle)
    assert not sky.in_convex_polygon(185, -3, *triangle)


@given(st.floats(0, 360), st.floats(-90, 90), st.floats(1e-6, 1e-3))
def test_the_separation_of_near_places_is_exact(ra: float, dec: float, north: float) -> None:
    other = dec + north if dec < 0 else dec - north
    assert math.isclose(sky.separation(ra, dec, ra, other), abs(dec - other), rel_tol=1e-6)
