"""R21: a million files are listed, checked and planned in the memory of a few, and every bad line is named."""

import gc
import json
import logging
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpServer

from imap_bulk import bulk, sources
from imap_bulk.archives.imap import ImapArchive, ImapQuery
from imap_bulk.digest import Digest
from imap_bulk.errors import BadManifest
from imap_bulk.journal import Journal
from imap_bulk.model import Direction, Event, Outcome, Plan, Proof, RemoteFile, Status, Transfer
from imap_bulk.settings import Settings

FEW, MANY, MILLION = 2_000, 20_000, 1_000_000

MOST_GROWTH_BYTES = 2 << 20
"""Between FEW and MANY: a hundred bytes a file. A key alone has as many."""

MOST_PEAK_MIB = 150
MOST_SECONDS_OF_A_PLAN = 30.0
MOST_SECONDS_OF_A_SECOND_PLAN = 10.0
MOST_SECONDS_TO_THE_FIRST_REQUEST = 2.0

URL = "https://archive.example"
DIGEST = Digest("md5", "9" * 32)
MOST_RECORDS_OF_AN_ANSWER = 500
A_DAY = 100
FIRST_DAY = date(2025, 10, 1)


def keys(count: int) -> Iterator[str]:
    """Name files of many days, as an archive lists them."""
    for number in range(count):
        day = FIRST_DAY + timedelta(number // A_DAY % 400)
        name = f"imap_mag_l2_n{number}_{day:%Y%m%d}_v001.0001.cdf"
        yield f"imap/mag/l2/{day:%Y/%m}/{name}"


def manifest(path: Path, count: int, bad: Iterable[int] = ()) -> str:
    """Write sums of many files; the lines with these numbers name none."""
    wrong = set(bad)
    with path.open("w") as file:
        for number, key in enumerate(keys(count), 1):
            name = f"../holiday{number}.jpg" if number in wrong else key.rpartition("/")[2]
            file.write(f"{number:064x}  {name}\n")
    return str(path)


def bad_lines(count: int) -> list[int]:
    return sorted(random.Random(21).sample(range(1, count + 1), count // 100))


async def plan(files: Any, data_dir: Path, archive: ImapArchive | None = None) -> Plan:
    """Plan a pull without moving anything."""
    plans: list[Plan] = []

    def take(event: Event) -> None:
        if isinstance(event, Plan):
            plans.append(event)

    await bulk.pull(archive or ImapArchive(URL), files, data_dir, Settings(), take, dry_run=True)
    return plans[0]


async def growth(work: Callable[[int], Coroutine[Any, Any, object]]) -> int:
    """Return by how many bytes the peak of memory is higher for MANY than for FEW; the least of three looks.

    The interpreter's own table of interned strings, to which paths add their parts, doubles now and then, and in a
    long session that alone is four megabytes.
    """
    logging.disable()  # pytest keeps every record for its report
    try:
        await work(FEW)  # whatever is kept once is there now
        grown = await _grown(work)
        for _ in range(2):
            if grown < MOST_GROWTH_BYTES:
                break
            grown = min(grown, await _grown(work))
        return grown
    finally:
        logging.disable(logging.NOTSET)


async def _grown(work: Callable[[int], Coroutine[Any, Any, object]]) -> int:
    peaks = []
    for count in (FEW, MANY):
        gc.collect()
        tracemalloc.start()
        await work(count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    return peaks[1] - peaks[0]


async def test_a_manifest_of_many_lines_is_planned_in_the_memory_of_a_few(tmp_path: Path) -> None:
    async def work(count: int) -> None:
        files = sources.files_of([manifest(tmp_path / "sums.txt", count)])
        assert (await plan(bulk.each(files), tmp_path / "data")).files == count

    assert await growth(work) < MOST_GROWTH_BYTES


async def test_a_json_array_of_many_elements_is_read_in_the_memory_of_a_few(tmp_path: Path) -> None:
    async def work(count: int) -> None:
        path = tmp_path / "files.json"
        with path.open("w") as file:
            file.writelines((",\n" if number else "[") + json.dumps(key) for number, key in enumerate(keys(count)))
            file.write("]")
        assert sum(1 for _ in sources.files_of([str(path)])) == count

    assert await growth(work) < MOST_GROWTH_BYTES


async def test_what_earlier_runs_brought_is_found_in_the_memory_of_a_few(tmp_path: Path) -> None:
    async def work(count: int) -> None:
        data_dir = tmp_path / str(count)
        if not data_dir.exists():
            bring(data_dir, count)
        files = bulk.each(RemoteFile(key) for key in keys(count))
        told = await plan(files, data_dir)
        assert (told.files, told.skipped) == (0, count)

    await work(MANY)  # so that making the files is not measured
    assert await growth(work) < MOST_GROWTH_BYTES


def bring(data_dir: Path, count: int) -> None:
    """Leave files, and a journal of them, as an earlier run does."""
    data_dir.mkdir()
    with Journal(data_dir, URL, Direction.PULL) as journal:
        for key in keys(count):
            path = data_dir / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            transfer = Transfer(Direction.PULL, key, path)
            journal.write(Outcome(transfer, Status.DONE, digest=DIGEST, verified_by=Proof.ETAG))


async def test_a_search_that_finds_many_files_is_planned_in_the_memory_of_a_few(
    aiohttp_server: AiohttpServer, tmp_path: Path
) -> None:
    held = 0

    async def answer(request: web.Request) -> web.Response:
        return found(request, held)

    app = web.Application()
    app.router.add_get("/query", answer)
    url = str((await aiohttp_server(app)).make_url("")).rstrip("/")

    async def work(count: int) -> None:
        nonlocal held
        held = count
        archive = ImapArchive(url, settings=Settings(wait_base=0.0))
        files = archive.search(ImapQuery.of(instrument="mag"))
        assert (await plan(files, tmp_path / "data", archive)).files == count

    assert await growth(work) < MOST_GROWTH_BYTES


def found(request: web.Request, held: int) -> web.Response:
    """Answer a query for days as an archive of so many files does, which cannot give many at once."""
    first, last = request.query.get("start_date", ""), request.query.get("end_date", "99991231")
    days = [FIRST_DAY + timedelta(days) for days in range(held // A_DAY)]
    asked = [number for number, day in enumerate(days) if first <= f"{day:%Y%m%d}" <= last]
    if len(asked) * A_DAY > MOST_RECORDS_OF_AN_ANSWER:
        return web.json_response({"message": "too much"}, status=413)
    records = [
        {"file_path": f"imap/mag/l2/imap_mag_l2_n{n}_{days[number]:%Y%m%d}_v001.0001.cdf"}
        for number in asked
        for n in range(A_DAY)
    ]
    return web.json_response(records)


def test_every_bad_line_of_many_is_named(tmp_path: Path) -> None:
    bad = bad_lines(MANY)
    with pytest.raises(BadManifest, match=f"has {len(bad)} problems") as told:
        sources.files_of([manifest(tmp_path / "sums.txt", MANY, bad)])
    assert [int(problem.split()[1].rstrip(":")) for problem in told.value.problems] == bad


def test_a_name_that_is_repeated_far_below_is_found(tmp_path: Path) -> None:
    path = Path(manifest(tmp_path / "sums.txt", MANY))
    again = path.read_text().splitlines()[6].partition("  ")[2]
    with path.open("a") as file:
        file.write(f"{again}\n")
    with pytest.raises(BadManifest) as told:
        sources.files_of([str(path)])
    assert told.value.problems == (
        f"line {MANY + 1}: {again!r} is listed on line 7 already; remove one of the two",
    )


# A million, in a process of its own


def planned(source: str, data_dir: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.planner", source, str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_million_lines_are_planned(tmp_path: Path) -> None:
    told = planned(manifest(tmp_path / "sums.txt", MILLION), tmp_path / "data")
    assert told["files"] == MILLION
    assert told["peak_mib"] <= MOST_PEAK_MIB
    assert told["planned"] <= MOST_SECONDS_OF_A_PLAN
    assert told["asked"] <= MOST_SECONDS_TO_THE_FIRST_REQUEST


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_thousand_bad_lines_of_a_million_are_named(tmp_path: Path) -> None:
    bad = bad_lines(MILLION)
    told = planned(manifest(tmp_path / "sums.txt", MILLION, bad), tmp_path / "data")
    assert told["bad_lines"] == bad
    assert told["peak_mib"] <= MOST_PEAK_MIB


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_million_files_that_are_there_are_found(tmp_path: Path) -> None:
    bring(tmp_path / "data", MILLION)
    names = tmp_path / "names.txt"
    with names.open("w") as file:
        file.writelines(f"{key}\n" for key in keys(MILLION))
    told = planned(str(names), tmp_path / "data")
    assert told["skipped"] == MILLION
    assert told["peak_mib"] <= MOST_PEAK_MIB
    assert told["planned"] <= MOST_SECONDS_OF_A_SECOND_PLAN
