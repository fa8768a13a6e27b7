from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

from imap_bulk import filenames
from imap_bulk.filenames import Kind
from imap_bulk.server.catalog import Catalog, Condition, Search, StoredObject, Versions, unix_from_j2000

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = filenames.parse("imap_mag_l2_norm-gse_20260115_v001.0002.cdf")
STORED = StoredObject(size=5, md5="0" * 32, sha256="1" * 64, ingested=1768910400)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    catalog = Catalog(path)
    yield catalog
    catalog.close()


def plan(path: Path, search: Search) -> str:
    connection = sqlite3.connect(path)
    sql, values = search.statement()
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    return "; ".join(steps)


async def test_what_was_added_is_found(catalog: Catalog) -> None:
    await catalog.add(NAME, STORED)
    assert catalog.find(NAME.key) == STORED


def test_what_was_not_added_is_not_found(catalog: Catalog) -> None:
    assert catalog.find(NAME.key) is None


async def test_a_row_of_the_same_key_is_replaced(catalog: Catalog) -> None:
    await catalog.add(NAME, STORED)
    await catalog.add(NAME, StoredObject(6, "2" * 32, "3" * 64, 1768910401))
    (row,) = catalog.search(Search(Kind.SCIENCE))
    assert (row["size"], row["ingested"]) == (6, 1768910401)


async def test_rows_outlive_the_catalog(catalog: Catalog, path: Path) -> None:
    await catalog.add(NAME, STORED)
    catalog.close()
    reopened = Catalog(path)
    assert reopened.find(NAME.key) == STORED
    reopened.close()


async def test_rows_added_at_once_share_a_commit(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    insert = catalog._insert

    def counted(rows: list[dict[str, str | int | float | None]]) -> None:
        batches.append(len(rows))
        insert(rows)

    monkeypatch.setattr(catalog, "_insert", counted)
    names = [filenames.parse(f"imap_swe_l1a_d{number}_20260101_v001.0001.cdf") for number in range(50)]
    await asyncio.gather(*(catalog.add(name, STORED) for name in names))
    assert batches == [1, 49]  # the first at once, and what came while it was written
    assert all(catalog.find(name.key) for name in names)


async def test_a_commit_that_fails_is_told_to_everyone_in_it(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(rows: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(catalog, "_insert", fail)
    adding = (catalog.add(NAME, STORED) for _ in range(5))
    outcomes = await asyncio.gather(*adding, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["disk I/O error"] * 5


async def test_a_search_goes_on_while_rows_are_added(catalog: Catalog) -> None:
    names = [filenames.parse(f"imap_swe_l1a_d{number}_20260101_v001.0001.cdf") for number in range(3)]
    await catalog.add(names[0], STORED)
    await catalog.add(names[2], STORED)
    rows = catalog.search(Search(Kind.SCIENCE))
    first = next(rows)
    await catalog.add(names[1], STORED)
    assert [row["name"] for row in (first, *rows)] == [names[0].name, names[2].name]


async def test_a_search_that_is_left_early_closes(catalog: Catalog) -> None:
    await catalog.add(NAME, STORED)
    rows = catalog.search(Search(Kind.SCIENCE))
    next(rows)
    rows.close()
    assert not list(rows)


def test_a_catalog_of_another_schema_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ValueError, match="this catalog has schema 99"):
        Catalog(path)


def test_values_go_through_placeholders() -> None:
    evil = "'; DROP TABLE objects; --"
    sql, values = Search(Kind.SCIENCE, (Condition("instrument", "=", evil),)).statement()
    assert evil not in sql
    assert values == ["science", evil]


@pytest.mark.parametrize(("column", "operator"), [("size; --", "="), ("size", "= 1 OR 1")])
def test_columns_and_operators_are_known_ones(column: str, operator: str) -> None:
    with pytest.raises(AssertionError):
        Condition(column, operator, 1)


@pytest.mark.parametrize("versions", Versions)
@pytest.mark.parametrize(
    "conditions",
    [
        (),
        (Condition("instrument", "=", "mag"), Condition("data_level", "=", "l2")),
        (Condition("start_date", ">=", "20260101"), Condition("start_date", "<=", "20260102")),
        (Condition("ingested", ">=", 1768910400),),
        (Condition("name", "=", NAME.name),),
        (Condition("key", "=", NAME.key),),
    ],
    ids=lambda conditions: "-".join(condition.column for condition in conditions) or "all",
)
def test_no_search_reads_the_whole_table(
    catalog: Catalog, path: Path, conditions: tuple[Condition, ...], versions: Versions
) -> None:
    assert "SCAN objects" not in plan(path, Search(Kind.SCIENCE, conditions, versions))


def test_j2000_is_counted_in_tdb() -> None:
    # The mission's own example: 812631669.2765242 s is 2025-10-01T23:00:00.094 UTC.
    assert unix_from_j2000(812631669.2765242) == pytest.approx(1759359600.094, abs=0.005)
