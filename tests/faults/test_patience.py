"""R9: whoever is silent or drips is given up after 30 s, give or take a tenth, with the settings that all have.

In virtual time; in a nightly run also in real seconds.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from tests.faults.bench import name_of
from tests.faults.hasty import in_no_time

from imap_bulk import aio
from imap_bulk.errors import Stalled
from imap_bulk.model import Event, Outcome
from imap_bulk.server.app import ArchiveServer, ServerOptions
from imap_bulk.server.chaos import Decision
from imap_bulk.server.chaos.fault import Commit, Fault, Kind
from imap_bulk.server.wire import Exchange
from imap_bulk.settings import MIB, Settings

LASTS = 300.0
"""How long a fault goes on, if nobody gives up."""

MORE_THAN_BUFFERS_TAKE = 64 * MIB

Library = tuple[Path, dict[str, str]]


async def pass_time(x: Exchange, seconds: float) -> None:
    """Do nothing for a while, or until the server stops."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await x.closing.wait()


async def silence(x: Exchange) -> web.StreamResponse:
    """Say nothing, and read nothing."""
    await pass_time(x, LASTS)
    return x.close()


def half_and_then(interval: float, pieces: int = 1 << 20) -> Commit:
    """Send half of the body at once, and of the rest a byte in each interval; fall silent after so many."""

    async def commit(x: Exchange) -> web.StreamResponse:
        await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
        half = x.answer.half()
        await x.body(half)
        for position in range(half.stop, half.stop + int(LASTS / interval)):
            await pass_time(x, interval)
            if position < half.stop + pieces:
                await x.body(x.answer.part[position : position + 1])
        return x.close()

    return commit


async def drip(x: Exchange) -> web.StreamResponse:
    """Send the body from its first byte on at a byte a second."""
    await x.head(x.answer.status, x.answer.headers, len(x.answer.part))
    for position in range(int(LASTS)):
        await x.body(x.answer.part[position : position + 1])
        await pass_time(x, 1)
    return x.close()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong, and for which requests."""

    name: str
    kinds: Kind
    commit: Commit


TROUBLES = [
    Trouble("silence instead of a signed URL", Kind.DOWNLOAD, silence),
    Trouble("silence instead of a body", Kind.BODY, silence),
    Trouble("silence after half of a body", Kind.BODY, half_and_then(LASTS)),
    Trouble("a byte a second", Kind.BODY, drip),
    Trouble("a byte a second after half of a body", Kind.BODY, half_and_then(1.0)),
    Trouble("a byte in twenty seconds", Kind.BODY, half_and_then(20.0)),
    Trouble("one byte after twenty-nine seconds", Kind.BODY, half_and_then(29.0, pieces=1)),
    Trouble("silence instead of a signed URL to upload to", Kind.UPLOAD, silence),
    Trouble("storage that stops reading", Kind.PUT, silence),
]


async def seconds_until_given_up(library: Library, place: Path, trouble: Trouble, size: str) -> float:
    """Move one file, with one attempt, while every request of some kind meets the trouble."""
    outcomes: list[Outcome] = []

    def note(event: Event) -> None:
        if isinstance(event, Outcome):
            outcomes.append(event)

    def decide(kind: Kind, method: str, path: str) -> Decision | None:
        fault = Fault("trouble", trouble.name, trouble.kinds, trouble.commit, True)
        return Decision(fault, 0) if kind in trouble.kinds else None

    settings = Settings(retries=0, fsync=False)
    async with ArchiveServer(ServerOptions(library[0], chaos="streak=2", grace=0.0)) as server:
        vars(server.chaos)["decide"] = decide
        began = asyncio.get_running_loop().time()
        if trouble.kinds in Kind.UPLOAD | Kind.PUT:
            source = place / name_of("upload")
            source.write_bytes(bytes(MORE_THAN_BUFFERS_TAKE))
            await aio.push([source], data_dir=place / "data", url=server.url, settings=settings, report=note)
        else:
            names = [name_of(size)]
            await aio.pull(names, data_dir=place / "data", url=server.url, settings=settings, report=note)
        seconds = asyncio.get_running_loop().time() - began
    assert [type(outcome.error) for outcome in outcomes] == [Stalled]
    return seconds


CASES = pytest.mark.parametrize(
    ("trouble", "size"),
    [
        pytest.param(trouble, size, id=f"{trouble.name}, {size}")
        for trouble in TROUBLES
        for size in (("small", "large") if trouble.kinds in Kind.BODY else ("small",))
    ],
)


@CASES
def test_silence_and_drips_are_given_up_after_thirty_seconds(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: Trouble, size: str
) -> None:
    async def story() -> float:
        return await seconds_until_given_up(library, tmp_path, trouble, size)

    assert 27 <= in_no_time(monkeypatch, story) <= 33


@pytest.mark.soak
@CASES
async def test_in_real_seconds_too(library: Library, tmp_path: Path, trouble: Trouble, size: str) -> None:
    seconds = await seconds_until_given_up(library, tmp_path, trouble, size)
    print(f"{trouble.name}, {size}: given up after {seconds:.2f} s")
    assert 27 <= seconds <= 33
