"""The demonstration of AuroraX: an archive on this machine, and the real commands run against it."""

import asyncio
import json
import math
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imap_bulk.cli import words
from imap_bulk.cli.demo.shell import DemoFailed, Shell, home_at, say
from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.streams import shell_word

_RECORDS = "balloon.jsonl"
_MINUTES = 720
_SOURCE = "400"
"""A source of the embedded archive that has no records of its own."""

_KEOGRAMS = ("--program", "trex", "--platform", "gillam", "--product-type", "keogram")
_KEOGRAM_DAYS = ("--start-date", "20200201", "--end-date", "20200205")
_SWARM = ("--kind", "ephemeris", "--program", "swarm", "--platform", "swarma")
_SWARM_DAYS = ("--start-date", "20190101", "--end-date", "20190103")
_FILES = 13
"""Two keograms of each of five days, three days of ephemeris."""


async def show(keep: Path | None) -> ExitCode:
    """Run the demonstration below `keep`, or in a temporary directory. Raises DemoFailed, OSError."""
    from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer

    started = time.monotonic()
    with home_at(keep) as home:
        home.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_write_records, home / _RECORDS)
        say(f"In {home}: {_RECORDS}, the positions of a balloon at {_MINUTES} minutes.", before="")
        async with AuroraxServer(AuroraxOptions(home / "archive", grace=1.0)) as server:
            say(f"At {server.url}: an archive that speaks the AuroraX API, on this machine.", before="")
            await _tell(Shell(server.url, home))
        await asyncio.to_thread(_check, home / "pulled" / "aurorax")
        _conclude(home if keep else None, time.monotonic() - started)
    return ExitCode.DONE


async def _tell(shell: Shell) -> None:
    say("Ask what there is in Gillam, Manitoba.")
    await shell.run("aurorax", "sources", "--platform", "gillam")
    say("Pull five days of keograms. Their host names no digests, so they are looked at, and called unverified.")
    await shell.run("aurorax", "pull", *_KEOGRAMS, *_KEOGRAM_DAYS)
    say("Pull three days of a satellite's positions: three searches at once, held to the number of records.")
    await shell.run("aurorax", "pull", *_SWARM, *_SWARM_DAYS)
    say("The same again: nothing moves twice.")
    await shell.run("aurorax", "pull", *_SWARM, *_SWARM_DAYS)
    say("Push the balloon, and search until all of it is visible.")
    await shell.run("aurorax", "push", _RECORDS, "--kind", "ephemeris", "--source-id", _SOURCE, "--verify")
    say("Read everything back from the disk.")
    await shell.run("verify")


def _write_records(path: Path) -> None:
    """Write where a balloon was that drifts east, as JSON Lines."""
    start = datetime(2021, 6, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        for minute in range(_MINUTES):
            epoch = start + timedelta(minutes=minute)
            lat, lon = 58 + math.sin(minute / 90), -94 + minute / 120
            record = {
                "epoch": f"{epoch:%Y-%m-%dT%H:%M:%S}",
                "location_geo": {"lat": round(lat, 4), "lon": round(lon, 4)},
            }
            file.write(json.dumps(record) + "\n")


def _check(pulled: Path) -> None:
    """Hold what was pulled to what was asked for."""
    files = [path for path in pulled.rglob("*") if path.is_file()]
    if len(files) != _FILES:
        raise DemoFailed(f"{len(files)} files are below {pulled}, not {_FILES}")


def _conclude(kept: Path | None, seconds: float) -> None:
    say(
        f"Done in {words.duration(seconds)}: {_FILES} files came, {_MINUTES} records went to the archive, and a "
        "search has shown every one of them."
    )
    if kept:
        say(f"Everything stays in {shell_word(str(kept))}. Go on with `imap-bulk aurorax query -h`.", before="")
    else:
        say("The files are gone again; `imap-bulk demo --archive aurorax --keep DIR` keeps them.", before="")
        say("Go on with `imap-bulk aurorax query -h`, and from there with the real archive.", before="")
