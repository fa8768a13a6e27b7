"""The plan is dealt to whoever is there, and dealt again when somebody is gone."""

import asyncio
import itertools
import pickle
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from pydoc import locate
from typing import Any, NamedTuple

from distributed import Client, Future

from imap_bulk import __version__
from imap_bulk.engine.attempts import Report
from imap_bulk.errors import Busy, Interrupted, Rejected
from imap_bulk.fanout.worker import hear_of, work
from imap_bulk.model import Setback, Transfer
from imap_bulk.processes.wire import Dealt, Told
from imap_bulk.settings import Settings

_SMALLEST_CHUNK, _LARGEST_CHUNK = 32, 2000
"""Transfers. Each chunk opens its connections anew: few large ones are best, but all should end together."""

_LOOK_SECONDS = 1.0


class _Chunk(NamedTuple):
    """Some transfers on their way at one worker."""

    number: int
    address: str
    transfers: Sequence[Transfer]
    dealt: Dealt


class Dealer:
    """Deals the plan to whoever is there."""

    def __init__(
        self,
        client: Client,
        kit: bytes,
        token: Path,
        settings: Settings,
        report: Report,
        transfers: Iterable[Transfer],
        count: int,
    ) -> None:
        self._client = client
        self._kit = kit
        self._token = token
        self._settings = settings
        self._report = report
        self._plan = iter(transfers)
        self._undealt = count
        self._again: deque[Transfer] = deque()
        self._chunks: dict[int, _Chunk] = {}
        self._numbers = itertools.count()
        self._seats: dict[str, asyncio.Task[None]] = {}
        self._tellings: set[asyncio.Future[Any]] = set()
        self._is_dealt = False
        self.topic = f"imap-bulk-{token.name}"

    async def to_the_end(self, patience: float) -> None:
        """Keep a seat for every worker that is there, until all is done.

        Raises Interrupted after `patience` seconds without any worker, and what ended a worker's engine.
        """
        alone_since = time.monotonic()
        try:
            while True:
                present = await self._present()
                await self._vacate(self._seats.keys() - present)
                if self._is_dealt and not self._again and not self._seats:
                    return
                for address in present - self._seats.keys():
                    if self._again or not self._is_dealt:
                        self._seats[address] = asyncio.create_task(self._sit(address))
                alone_since = time.monotonic() if present else alone_since
                if time.monotonic() - alone_since > patience:
                    raise Interrupted("no worker is left in the Dask cluster; start some, and run it again")
                await self._look_around()
        finally:
            await self._vacate(list(self._seats))
            for telling in self._tellings:
                telling.cancel()

    async def _present(self) -> set[str]:
        assert self._client.scheduler, "the client is connected"
        return set((await self._client.scheduler.identity())["workers"])

    async def _look_around(self) -> None:
        """Wait until a seat is through, or it is time to see who has come and gone. Raises what a seat raised."""
        if not self._seats:
            await asyncio.sleep(_LOOK_SECONDS)
            return
        done, _ = await asyncio.wait(
            self._seats.values(), timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        for address in [address for address, seat in self._seats.items() if seat in done]:
            await self._seats.pop(address)

    async def _vacate(self, addresses: Iterable[str]) -> None:
        """Take the seats of workers that are gone; what they had not done is dealt again."""
        for address in list(addresses):
            seat = self._seats.pop(address)
            seat.cancel()
            await asyncio.gather(seat, return_exceptions=True)

    async def _sit(self, address: str) -> None:
        """Give one worker a chunk after another; after one without trouble it need not begin slowly again."""
        if not await self._is_fit(address):
            return
        is_warm = False
        while chunk := self._deal(address):
            try:
                await self._have_done(chunk, is_warm=is_warm)
            finally:
                del self._chunks[chunk.number]
                self._undealt += len(chunk.dealt.open)
                self._again.extend(chunk.dealt.left())
            is_warm = chunk.dealt.attempts <= len(chunk.transfers)

    async def _is_fit(self, address: str) -> bool:
        """See that a worker has what we have: one without it dies of its first chunk, and its nanny of the next.

        False for one that has just gone. Raises Rejected.
        """
        told = await self._client.run(locate, "imap_bulk.__version__", workers=[address], on_error="return")
        found = told.get(address)
        if found != __version__ and not isinstance(found, OSError):
            has = f"imap-bulk {found}" if isinstance(found, str) else "no imap-bulk"
            raise Rejected(f"the Dask worker at {address} has {has}; install imap-bulk[dask] {__version__} there")
        return bool(found == __version__)

    def _deal(self, address: str) -> _Chunk | None:
        """Take half of what would be a fair share of what is left, so that all end together."""
        size = max(_SMALLEST_CHUNK, min(self._undealt // (2 * len(self._seats)), _LARGEST_CHUNK))
        some = [self._again.popleft() for _ in range(min(size, len(self._again)))]
        fresh = itertools.islice(self._plan, size - len(some))
        some += (replace(transfer, path=transfer.path.absolute()) for transfer in fresh)  # workers are elsewhere
        if len(some) < size:
            self._is_dealt = True
        if not some:
            return None
        self._undealt -= len(some)
        chunk = _Chunk(next(self._numbers), address, some, Dealt(dict(enumerate(some))))
        self._chunks[chunk.number] = chunk
        return chunk

    async def _have_done(self, chunk: _Chunk, *, is_warm: bool) -> None:
        part = share(self._settings, len(self._seats))
        if is_warm:
            part = replace(part, jobs_start=part.jobs)
        future: Future[bytes] = self._client.submit(
            work,
            *(self._kit, self._token, part, self.topic, chunk.number, chunk.transfers),
            key=f"{self.topic}-{chunk.number}",
            workers=[chunk.address],
            allow_other_workers=False,
        )
        try:
            self._take(chunk, await future)
        finally:
            future.release()  # type: ignore[no-untyped-call]

    def hear(self, event: tuple[float, Any]) -> None:
        """Take what a worker tells of its chunk while that lasts."""
        number, told = event[1]
        if chunk := self._chunks.get(number):
            self._take(chunk, told)

    def _take(self, chunk: _Chunk, told: bytes) -> None:
        events: Told = pickle.loads(told)  # noqa: S301  from our own workers, as Dask itself does it
        for _, event in events:
            if isinstance(event, Setback) and isinstance(event.error, Busy):
                self._spread(chunk, event.host, event.error)
        chunk.dealt.hear(events, self._report)

    def _spread(self, chunk: _Chunk, host: str, error: Busy) -> None:
        """Tell the other workers what a host has told the one with this chunk: to come back later."""
        others = [address for address in self._seats if address != chunk.address]
        if not others:
            return
        telling = asyncio.ensure_future(
            self._client.run(hear_of, self.topic, host, error, workers=others, on_error="ignore")
        )
        self._tellings.add(telling)
        telling.add_done_callback(self._tellings.discard)


def share(settings: Settings, seats: int) -> Settings:
    """Give each of so many workers its part of what a host is asked at most; at least one file at a time."""

    def part(whole: float | None) -> float | None:
        return None if whole is None else whole / seats

    return replace(
        settings,
        jobs=max(1, settings.jobs // seats),
        limit_requests=part(settings.limit_requests),
        limit_rate=part(settings.limit_rate),
    )
