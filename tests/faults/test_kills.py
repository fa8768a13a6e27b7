"""R1, R2: killed at any time, a pull leaves no wrong byte under a final name, and is simply run again."""

import asyncio
import json
import random
import time
from pathlib import Path

import pytest
from tests.faults.clients import ended, fill, final_files, left_over, pull_arguments, run, start

from imap_bulk.server.app import ArchiveServer
from imap_bulk.settings import Settings

MIB = 1 << 20
SEED = 20261122
SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]
POINTS = ["write", "fsync", "rename", "fsync-directory", "journal"]
CRASHES = (1, 2, 5)
"""At which passing of a point a normal run crashes; a nightly one does so at each of the first hundred."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [10, pytest.param(250, marks=SOAK)])
async def test_kill_9_at_any_time_costs_nothing_but_time(
    server: ArchiveServer, tmp_path: Path, kills: int
) -> None:
    dice = random.Random(SEED)
    wanted = await fill(server, [dice.randrange(200_000) for _ in range(80)] + [20 * MIB])
    places = [tmp_path / str(number) for number in range(4)]
    await asyncio.gather(
        *(
            _pull_under_fire(server, wanted, place, kills, random.Random(f"{SEED} {place.name}"))
            for place in places
        )
    )


async def _pull_under_fire(
    server: ArchiveServer, wanted: dict[str, str], place: Path, kills: int, dice: random.Random
) -> None:
    """Kill pulls until `kills` have died, and then let one live."""
    data_dir = place / "whole"
    killed = runs = 0
    life = 60.0  # of a client that is let live: the first one
    while killed < kills:
        started = time.monotonic()
        client = await start(*pull_arguments(server, data_dir, "--jobs", "2"))
        try:
            async with asyncio.timeout(dice.uniform(0.3, 1.0) * life if runs else None):
                await client.wait()
            life = time.monotonic() - started
        except TimeoutError:
            if client.returncode is None:  # it may have ended at that very moment
                client.kill()
                killed += 1
        await ended(client)
        runs += 1
        have = await asyncio.to_thread(final_files, data_dir)
        assert have.items() <= wanted.items(), "a wrong byte under a final name"
        if have == wanted:  # all there: begin anew, in a new place
            data_dir = place / str(runs)
    last = await run(*pull_arguments(server, data_dir))
    assert last.code == 0, last.stderr
    assert final_files(data_dir) == wanted
    assert left_over(data_dir) == []


async def test_a_killed_pull_of_a_large_file_goes_on_where_it_was(server: ArchiveServer, tmp_path: Path) -> None:
    wanted = await fill(server, [200 * MIB])
    data_dir = tmp_path / "data"
    client = await start(*pull_arguments(server, data_dir, "--json"))
    while not list(data_dir.rglob(".*.part.json")):
        assert client.returncode is None
        await asyncio.sleep(0)
    client.kill()
    await ended(client)
    again = await run(*pull_arguments(server, data_dir, "--json"))
    assert again.code == 0, again.stderr
    assert final_files(data_dir) == wanted
    outcome = next(line for line in map(json.loads, again.stdout.splitlines()) if line["event"] == "outcome")
    assert outcome["bytes"] < 200 * MIB


@pytest.mark.parametrize(
    "number", [*CRASHES, *(pytest.param(number, marks=SOAK) for number in range(1, 101) if number not in CRASHES)]
)
@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_between_any_two_steps_of_the_commit_costs_nothing_but_time(
    server: ArchiveServer, tmp_path: Path, point: str, number: int
) -> None:
    at_once = Settings().jobs if point == "fsync-directory" else 1  # files that are committed as one group
    wanted = await fill(server, [100_000] * (at_once * number + 10))
    data_dir = tmp_path / "data"
    arguments = pull_arguments(server, data_dir)
    crashed = await run(point, str(number), *arguments, module="tests.faults.crash")
    assert crashed.code == 137, crashed.stderr
    assert final_files(data_dir).items() <= wanted.items()
    again = await run(*arguments)
    assert again.code == 0, again.stderr
    assert final_files(data_dir) == wanted
    assert left_over(data_dir) == []
