"""R8: storms of 503 and 429 over the whole house: in virtual time, and in a nightly run as long as they last."""

import asyncio
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.faults.bench import assert_true
from tests.faults.clients import fill
from tests.faults.hasty import in_no_time
from tests.faults.storms import ASKED, Storm

from imap_bulk import aio
from imap_bulk.model import Event, Outcome
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.wire import Origin
from imap_bulk.settings import Settings

LENGTH = 60.0
FEW, MANY = 200, 320
MOST_EXTRA = FEW // 10
"""A tenth of a request a file, whatever the number of files: as many as 200 would have."""

USUAL = Settings(fsync=False)
SOAK = [pytest.mark.soak, pytest.mark.timeout(600)]

Shelf = tuple[Path, dict[str, str]]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Fill an archive with many small files; return its root, and their sha256 by key."""
    root = tmp_path_factory.mktemp("shelf") / "archive"

    async def filled() -> dict[str, str]:
        async with ArchiveServer(ServerOptions(root)) as server:
            return await fill(server, [4 << 10] * MANY)

    return root, asyncio.run(filled())


async def survive(shelf: Shelf, data_dir: Path, files: int, settings: Settings = USUAL, **weather: Any) -> Storm:
    """Pull so many files through a storm, and hold the run to the truth: nothing lost, nothing wrong."""
    wanted = dict(list(shelf[1].items())[:files])
    outcomes: list[Outcome] = []

    def note(event: Event) -> None:
        if isinstance(event, Outcome):
            outcomes.append(event)

    async with ArchiveServer(ServerOptions(shelf[0], chaos="streak=2", grace=0.1)) as server:
        storm = Storm(server, length=LENGTH, obeyed=settings.retry_after_max, **weather)
        names = [key.rpartition("/")[2] for key in wanted]
        result = await aio.pull(names, data_dir=data_dir, url=server.url, settings=settings, report=note)
    assert_true(result, outcomes, data_dir, wanted)
    assert result.done == files
    return storm


def growth(storm: Storm) -> float:
    """Hold the goodput of 10 s, from 10 s after the storm on, to that of the 10 s before it."""
    back = storm.may_come
    return storm.rate(back + 10, back + 20) / storm.rate(storm.begin - 10, storm.begin)


BOTH = tuple(Origin)
WEATHER = [
    *((form, BOTH, True) for form in ASKED),
    ("bare", (Origin.API,), False),
    ("bare", (Origin.STORAGE,), False),
    ("seconds", (Origin.STORAGE,), True),
]


@pytest.mark.parametrize(
    ("form", "origins", "cuts", "seed"),
    [
        *((*weather, 0) for weather in WEATHER),
        *(pytest.param(*weather, seed, marks=SOAK) for weather in WEATHER for seed in range(1, 20)),
    ],
)
def test_a_storm_of_a_minute_costs_a_tenth_of_a_request_a_file_and_no_file(
    shelf: Shelf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    origins: tuple[Origin, ...],
    cuts: bool,
    seed: int,
) -> None:
    random.seed(seed)

    async def story() -> Storm:
        return await survive(shelf, tmp_path, FEW, form=form, begin=12.0, origins=origins, cuts=cuts, seed=seed)

    storm = in_no_time(monkeypatch, story)
    assert storm.too_early == 0
    assert 1 <= storm.extra(FEW) <= MOST_EXTRA


@pytest.mark.parametrize("form", ["bare", "huge"])
@pytest.mark.parametrize("origins", [BOTH, (Origin.STORAGE,)], ids=["both", "storage"])
def test_ten_seconds_after_a_storm_files_come_as_before(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, origins: tuple[Origin, ...]
) -> None:
    random.seed(1)

    async def story() -> Storm:
        return await survive(shelf, tmp_path, MANY, form=form, begin=20.0, origins=origins)

    assert growth(in_no_time(monkeypatch, story)) >= 0.9


@pytest.mark.soak
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("form", ASKED)
async def test_a_real_minute_of_storm(shelf: Shelf, tmp_path: Path, form: str, seed: int) -> None:
    """In real seconds; a Retry-After of 30 years is cut to 20 s, which a user may choose."""
    settings = replace(USUAL, retry_after_max=20.0)
    storm = await survive(shelf, tmp_path, MANY, settings, form=form, begin=20.0, seed=seed, cuts=seed == 2)
    back = storm.may_come
    rates = [storm.rate(since, since + 10) for since in (storm.begin - 10, back, back + 10)]
    sys.stderr.write(
        f"{form} {seed}: {storm.extra(MANY)} more requests than files, {storm.too_early} too early; "
        f"files/s in 10 s before it, after it, and then: {rates}\n"
    )
    assert storm.too_early == 0
    assert 1 <= storm.extra(MANY) <= MOST_EXTRA
    assert growth(storm) >= 0.9
