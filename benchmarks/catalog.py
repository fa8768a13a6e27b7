"""How the embedded archive bears a mission: a catalog of a million rows, an import, and hundreds of clients.

    python -m benchmarks.catalog                     all of it, some minutes
    python -m benchmarks.catalog --rows 100000       a smaller catalog
    python -m benchmarks.catalog --only queries      queries, import or load

Queries are asked over HTTP, of `imap-bulk serve` in a process of its own; each is told with its best and worst of
ten, and with the steps that SQLite takes for it. The clients are those of the load tests.
"""

import argparse
import asyncio
import itertools
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

from tests.server import load

from imap_bulk import filenames
from imap_bulk.filenames import Kind
from imap_bulk.server.app import CATALOG_NAME
from imap_bulk.server.catalog import Catalog, StoredObject
from imap_bulk.server.imap.query import product_search

_INSTRUMENTS = ("codice", "glows", "hi", "hit", "idex", "lo", "mag", "swapi", "swe", "ultra")
_LEVELS = ("l1a", "l1b", "l1c", "l2", "l3")
_DESCRIPTORS = ("norm", "burst", "hk", "sci")
_VERSIONS = 10
_A_DAY = len(_INSTRUMENTS) * len(_LEVELS) * len(_DESCRIPTORS) * _VERSIONS
_FIRST_DAY = date(2025, 10, 1)
_BATCH_ROWS = 20_000
_ROUNDS = 10

QUERIES = {
    "one series, 100 days": "instrument=mag&data_level=l2&descriptor=norm&start_date=20251001&end_date=20260108",
    "one instrument, 5 days": "instrument=mag&start_date=20251101&end_date=20251105",
    "one level, 2 days": "data_level=l2&start_date=20251101&end_date=20251102",
    "one descriptor, 2 days": "descriptor=norm&start_date=20251101&end_date=20251102",
    "one instrument, level and extension, 25 days":
        "instrument=mag&data_level=l2&extension=cdf&start_date=20251101&end_date=20251125",
    "one day of ingestion": "instrument=mag&ingestion_start_date=20260120&ingestion_end_date=20260120",
    "latest of an instrument": "instrument=mag&latest=true",
    "latest of 50 days": "start_date=20251101&end_date=20251220&latest=true",
    "latest of a level": "data_level=l2&end_date=20260718&latest=true",
}  # fmt: skip


def main() -> None:
    """Measure, and print."""
    options = _parse()
    with tempfile.TemporaryDirectory(dir=options.into) as place:
        for part in options.only or ("queries", "import", "load"):
            PARTS[part](Path(place) / part, options.rows)


def queries(root: Path, rows: int) -> None:
    """Fill a catalog, start an archive on it, and ask."""
    root.mkdir()
    began = time.perf_counter()
    fill(root / CATALOG_NAME, rows)
    size = (root / CATALOG_NAME).stat().st_size / 1e6
    print(f"catalog: {rows:,} rows written in {time.perf_counter() - began:.0f} s, {size:,.0f} MB")
    began = time.perf_counter()
    with _serving("--root", root) as url:
        print(f"start of imap-bulk serve upon it: {time.perf_counter() - began:.2f} s")
        for title, conditions in QUERIES.items():
            seconds, count = _ask(f"{url}/query?{conditions}")
            told = f"{count:7,} records of {_candidates(root, conditions):8,}"
            told += f"  {min(seconds) * 1000:7.1f} to {max(seconds) * 1000:7.1f} ms"
            print(f"{title:46}{told}  {_plan(root, conditions)}")


def import_(root: Path, _rows: int) -> None:
    """Import a directory of many small files, and one of a few large ones."""
    for count, size in ((20_000, 4 << 10), (8, 256 << 20)):
        data = root / f"{count}"
        data.mkdir(parents=True)
        for name in itertools.islice(_names(), count):
            (data / name).write_bytes(os.urandom(4096) * (size // 4096))
        began = time.perf_counter()
        with _serving("--root", root / f"archive{count}", "--import", data):
            seconds = time.perf_counter() - began
        rate = count * size / seconds / 1e6
        print(f"import of {count:,} files of {size:,} bytes: {seconds:.1f} s, {rate:.0f} MB/s")


def load_(root: Path, _rows: int) -> None:
    """Count what 256 clients cost in memory."""
    for title, size, clients in (
        ("256 clients upload and download 8 MiB each", 8 << 20, load.many_at_once),
        ("256 slow readers of 64 MiB", 64 << 20, load.slow_readers),
    ):
        began = time.perf_counter()
        peak = asyncio.run(clients(root / title.replace(" ", "-"), 256, size))
        print(f"{title}: {time.perf_counter() - began:.1f} s, peak memory of the server {peak} MiB")
    asyncio.run(load.half_sent(root / "half", 256))
    print("256 half-sent uploads: nothing listed, nothing left")


PARTS = {"queries": queries, "import": import_, "load": load_}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.catalog", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--into", metavar="DIR", help="the disk to measure; else that of temporary files")
    return parser.parse_args()


def _names() -> Iterator[str]:
    """Name the files of day after day: every instrument, level and descriptor, in ten versions."""
    for number in itertools.count():
        day = f"{_FIRST_DAY + timedelta(number):%Y%m%d}"
        for series in itertools.product(_INSTRUMENTS, _LEVELS, _DESCRIPTORS):
            for version in range(1, _VERSIONS + 1):
                yield f"imap_{'_'.join(series)}_{day}_v001.{version:04}.cdf"


def fill(path: Path, rows: int) -> None:
    """Write a catalog of rows, 10,800 of them ingested a day."""
    catalog = Catalog(path)
    named = ((number, filenames.parse(name)) for number, name in enumerate(itertools.islice(_names(), rows)))
    stored = ((file, _stored(number)) for number, file in named)
    while batch := list(itertools.islice(stored, _BATCH_ROWS)):
        catalog.add_many(batch)
    catalog.close()


def _stored(number: int) -> StoredObject:
    return StoredObject(1000, f"{number:032x}", f"{number:064x}", 1_764_547_200 + number * 8)


@contextmanager
def _serving(*arguments: object) -> Iterator[str]:
    """Run `imap-bulk serve`; give the URL of its API when it is ready."""
    command = [sys.executable, "-m", "imap_bulk", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        line = process.stdout.readline()
        match = re.search(r"at (http://\S+) \(", line)
        assert match, line
        yield match[1]
    finally:
        process.terminate()
        process.communicate()


def _ask(url: str) -> tuple[list[float], int]:
    """Ask several times; return the seconds, and how many records came."""
    seconds, text = [], b""
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        with urllib.request.urlopen(url) as answer:
            text = answer.read()
        seconds.append(time.perf_counter() - began)
    return seconds, text.count(b'"file_path"')


def _candidates(root: Path, conditions: str) -> int:
    """Count the rows under the same conditions, in all their versions."""
    sql, values = product_search(Kind.SCIENCE, _parameters(conditions) | {"major_version": "1"}).statement()
    with closing(sqlite3.connect(root / CATALOG_NAME)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM ({sql})", values).fetchone()[0])


def _plan(root: Path, conditions: str) -> str:
    """Return which index SQLite takes."""
    sql, values = product_search(Kind.SCIENCE, _parameters(conditions)).statement()
    with closing(sqlite3.connect(root / CATALOG_NAME)) as connection:
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    return "; ".join(step for step in steps if "INDEX" in step)


def _parameters(conditions: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in conditions.split("&"))


if __name__ == "__main__":
    main()
