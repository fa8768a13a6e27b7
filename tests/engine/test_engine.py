"""The engine: bounded, honest about every transfer, stopped by what no transfer can mend."""

import asyncio
import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from tests.engine.scripted import Run, Storage, good, refusal

from imap_bulk import errors
from imap_bulk.engine.engine import Engine
from imap_bulk.model import Direction, Outcome, Pacing, Setback, Status, Transfer
from imap_bulk.transport import StorageTransport


def many(root: Path, count: int) -> list[Transfer]:
    return [Transfer(Direction.PULL, f"imap/{number}", root / "imap" / str(number)) for number in range(count)]


async def test_every_transfer_has_exactly_one_outcome(run: Run, storage: Storage) -> None:
    storage.answers = [good(), refusal(418), good()]
    outcomes = await run(*many(run.root, 20))
    assert sorted(outcome.transfer.key for outcome in outcomes) == sorted(
        transfer.key for transfer in many(run.root, 20)
    )
    assert [outcome.status for outcome in outcomes].count(Status.FAILED) == 1


async def test_no_more_than_the_jobs_are_in_flight(run: Run, storage: Storage) -> None:
    in_flight = most = 0

    async def counting(request: web.Request) -> web.StreamResponse:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0)
        in_flight -= 1
        return await good()(request)

    storage.answers = [counting]
    run.settings = replace(run.settings, jobs=3)
    await run(*many(run.root, 30))
    assert 1 <= most <= 3


async def test_the_plan_is_read_only_as_far_as_the_movers_their_tickets_and_the_signers_go(
    run: Run, storage: Storage
) -> None:
    taken = 0
    ahead: list[int] = []

    def counted() -> Iterator[Transfer]:
        nonlocal taken
        for transfer in many(run.root, 50):
            taken += 1
            ahead.append(taken - len([event for event in run.events if isinstance(event, Outcome)]))
            yield transfer

    storage.answers = [good()]
    run.settings = replace(run.settings, jobs=4)
    async with StorageTransport(run.settings, storage.url) as transport:
        await Engine(run.signer, transport, run.root, run.settings).run(counted(), run.events.append)
    assert max(ahead) <= 3 * 4


@pytest.mark.parametrize("step", ["os.pwrite", "os.fsync", "os.replace", "os.open"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE])
async def test_what_no_transfer_can_mend_ends_the_run(
    run: Run, storage: Storage, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    storage.answers = [good()]
    run.settings = replace(run.settings, fsync=True)
    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        await run(*many(run.root, 20))
    monkeypatch.undo()
    assert len(storage.requests) < 20
    assert not [path for path in run.root.rglob("*") if path.is_file()]


async def test_a_cancelled_run_says_which_transfers_it_left(run: Run, storage: Storage) -> None:
    async def never(_: web.Request) -> web.StreamResponse:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    started = asyncio.Event()
    storage.answers = [never]
    running = asyncio.create_task(run(*many(run.root, 2)))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert {event.status for event in run.events if isinstance(event, Outcome)} == {Status.CANCELLED}
    assert not [path for path in run.root.rglob("*") if path.is_file()]


async def test_a_silent_storage_is_given_up(run: Run, storage: Storage) -> None:
    release = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    storage.answers = [silent]
    run.settings = replace(run.settings, idle_timeout=0.05, retries=0)
    (outcome,) = await run(*many(run.root, 1))
    release.set()
    assert type(outcome.error) is errors.Stalled


async def test_attempts_that_fail_and_the_pace_of_each_host_are_told(run: Run, storage: Storage) -> None:
    storage.answers = [refusal(500, "InternalError"), good()]
    (wanted,) = many(run.root, 1)
    (outcome,) = await run(wanted)
    assert outcome.status is Status.DONE
    (setback,) = (event for event in run.events if isinstance(event, Setback))
    assert (setback.transfer, setback.attempt, type(setback.error)) == (wanted, 1, errors.ServerFault)
    assert storage.url.endswith(setback.host)
    told = {event.host: event for event in run.events if isinstance(event, Pacing)}
    assert set(told) == {"archive", setback.host}
    assert sum(told[setback.host].durations.values()) == 2
    assert told[setback.host].changes[0][1:] == (run.settings.jobs_start, "started")
