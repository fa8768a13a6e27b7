"""The catalogue databases as SQLite files, one for each, built once below a root."""
# ruff: noqa: S608 - statements are built from the schema; every value goes through a placeholder

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from math import cos, radians
from pathlib import Path

from imap_bulk.server.lsst.sample import (
    ARCSEC_PER_PIXEL,
    DATABASES,
    FILTERS,
    FIRST_EXACT_ID,
    HEIGHT,
    IMAGES,
    STARS,
    WIDTH,
    Image,
)
from imap_bulk.server.lsst.schema import ALERTS, COADDS, EXPOSURES, OBJECTS, SOURCES, Table

_LAYOUT = 1
"""To be raised when the tables change: files of another layout are built anew."""

_SUFFIX = ".sqlite3"
_ALERT_ROWS = 100
_FIRST_ID = 8404051561545729

# A number between 0 and 1 for row n, from the seed: Knuth's multiplier spreads neighbours widely.
_SPREAD = "((n * 2654435761 + :seed * 40503 + {salt}) % 1000003) / 1000003.0"
_NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :rows) "
_PLACE = "40 + 20 * {a}, 2.5 * {b} - 1.25"
"""A strip of the sky that no image shows."""

_MANY_OBJECTS = f"""{_NUMBERS} INSERT INTO main.Object
SELECT :first + n, {_PLACE}, 1 + 1000 * {{c}},
    CASE WHEN n % 7 THEN 0.1 + {{a}} END,
    CASE WHEN n % 5 = 0 THEN :first + n / 5 END,
    CASE WHEN n % 11 = 0 THEN 'blend, "near" a star' END
FROM numbers"""
_MANY_SOURCES = f"""{_NUMBERS} INSERT INTO main.DeepForcedSource
SELECT CASE WHEN n < :rows / 2 THEN :first ELSE :exact END + n,
    CASE n % 2 WHEN 0 THEN 5646240694 ELSE 3325410171 END, :first + n, {_PLACE},
    datetime(1431621801 + n * 60, 'unixepoch'),
    CASE WHEN n % 7 THEN {{c}} END, CASE WHEN n % 7 THEN {{a}} END, n % 13 = 0
FROM numbers"""
_ALERTS = f"""{_NUMBERS} INSERT INTO main.DiaSource
SELECT 1000 + n, 360 * {{a}}, 2.5 * {{b}} - 1.25, CASE WHEN n % 3 THEN {{c}} END,
    datetime(1431621801 + n, 'unixepoch')
FROM numbers"""


def paths(root: Path) -> dict[str, Path]:
    """Return database -> its file below `root`."""
    return {database.name: root / f"{database.name}{_SUFFIX}" for database in DATABASES}


def build(root: Path, *, rows: int, seed: int) -> dict[str, Path]:
    """Build what is not there yet below `root`, with `rows` rows in the large tables; return `paths`."""
    version = zlib.crc32(f"{_LAYOUT} {rows} {seed}".encode()) & 0x7FFFFFFF
    for database in DATABASES:
        path = root / f"{database.name}{_SUFFIX}"
        if _version(path) == version:
            continue
        unfinished = path.with_suffix(".building")
        unfinished.unlink(missing_ok=True)
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")  # whatever is cut short is built anew
            connection.execute("PRAGMA synchronous = OFF")
            for table in database.tables:
                connection.execute(table.sqlite("main"))
                _fill(connection, database.name, table, rows=rows, seed=seed)
            connection.execute(f"PRAGMA user_version = {version}")
            connection.commit()
        unfinished.replace(path)
    return paths(root)


def _version(path: Path) -> int | None:
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError:
        return None


def _fill(connection: sqlite3.Connection, database: str, table: Table, *, rows: int, seed: int) -> None:
    if table is EXPOSURES:
        _insert(connection, table, map(_exposure_row, IMAGES["calexp"]))
    elif table is COADDS:
        _insert(connection, table, map(_coadd_row, IMAGES["deepCoadd"]))
    elif table is ALERTS:
        _generate(connection, _ALERTS, _ALERT_ROWS, seed)
    elif table is SOURCES:
        _generate(connection, _MANY_SOURCES, rows, seed)
    elif database == "joe_myDb":
        _insert(connection, table, ((number, 9.5, -1.16, 3.2, None, None, None) for number in (1, 2, 3)))
    else:
        assert table is OBJECTS
        _insert(connection, table, ((s.id, s.ra, s.dec, s.flux, s.flux**0.5, None, "star") for s in STARS))
        if database != "DR1":
            _generate(connection, _MANY_OBJECTS, rows - len(STARS), seed)


def _insert(connection: sqlite3.Connection, table: Table, rows: Iterator[tuple[object, ...]]) -> None:
    marks = ", ".join("?" for _ in table.columns)
    connection.executemany(f"INSERT INTO main.{table.name} VALUES ({marks})", rows)


def _generate(connection: sqlite3.Connection, statement: str, rows: int, seed: int) -> None:
    spread = {name: _SPREAD.format(salt=salt) for name, salt in (("a", 0), ("b", 271828), ("c", 314159))}
    values = {"rows": rows, "seed": seed, "first": _FIRST_ID, "exact": FIRST_EXACT_ID}
    if rows > 0:
        connection.execute(statement.format(**spread), values)


def _exposure_row(image: Image) -> tuple[object, ...]:
    names = image.names
    where = (int(names["run"]), FILTERS.index(image.filter), int(names["camcol"]), int(names["field"]))
    started = image.created.strftime("%Y-%m-%d %H:%M:%S")
    return image.id, *where, image.filter, image.ra, image.dec, *corners(image), started


def _coadd_row(image: Image) -> tuple[object, ...]:
    where = (int(image.names["tract"]), image.names["patch"])
    return image.id, *where, image.filter, image.ra, image.dec, *corners(image)


def corners(image: Image) -> Iterator[float]:
    """Yield ra and dec of the four corners, to a small fraction of a pixel (the field is flat enough)."""
    half_dec = HEIGHT / 2 * ARCSEC_PER_PIXEL / 3600
    half_ra = WIDTH / 2 * ARCSEC_PER_PIXEL / 3600 / cos(radians(image.dec))
    for east, north in ((1, -1), (1, 1), (-1, 1), (-1, -1)):
        yield round((image.ra + east * half_ra) % 360, 7)
        yield round(image.dec + north * half_dec, 7)
