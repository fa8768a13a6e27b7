"""R23: limits that are ours are kept within a twentieth, by the whole house, in virtual time."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.faults.bench import SMALL, Bench, name_of
from tests.faults.hasty import in_no_time

from imap_bulk.server.app import ArchiveServer, ServerOptions

Library = tuple[Path, dict[str, str]]


async def pulled(library: Library, place: Path, names: list[str], **limits: Any) -> tuple[list[float], float]:
    """Pull; tell when each request arrived at the server, and how long it all took."""
    arrivals: list[float] = []
    loop = asyncio.get_running_loop()
    async with ArchiveServer(ServerOptions(library[0], chaos="streak=2", grace=0.0)) as server:
        assert server.chaos
        vars(server.chaos)["decide"] = lambda *_: arrivals.append(loop.time())
        bench = Bench(server, place / "data", dict(library[1]))
        began = loop.time()
        result = await bench.pull(names, **limits)
        assert result.complete
        return arrivals, loop.time() - began


@pytest.mark.parametrize("rate", [1.0, 2.0, 5.0])
def test_requests_a_second_are_kept_over_any_ten_seconds(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float
) -> None:
    arrivals, _ = in_no_time(monkeypatch, lambda: pulled(library, tmp_path, SMALL, limit_requests=rate))
    assert len(arrivals) == 2 * len(SMALL)
    saved_up = max(1.0, rate / 4)
    for since in arrivals:
        arrived = sum(since <= at < since + 10 - 1e-6 for at in arrivals)
        assert arrived <= 10 * rate + saved_up
    assert (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]) == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize("megabits", [1, 5])
def test_bytes_a_second_are_kept_by_one_large_file(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, megabits: float
) -> None:
    rate, size = megabits * 1e6 / 8, 9 << 20
    _, seconds = in_no_time(monkeypatch, lambda: pulled(library, tmp_path, [name_of("large")], limit_rate=rate))
    assert size / seconds == pytest.approx(rate, rel=0.05)
