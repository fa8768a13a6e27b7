"""This process and its helpers, which move transfers from one iterator."""

import asyncio
import itertools
import time
from collections.abc import Iterable, Iterator
from functools import partial

from imap_bulk.engine.attempts import Report
from imap_bulk.engine.engine import Engine
from imap_bulk.engine.pace import Paces
from imap_bulk.engine.together import as_one
from imap_bulk.errors import Busy
from imap_bulk.model import Outcome, Pacing, Progress, Setback, Transfer
from imap_bulk.processes.child import Child
from imap_bulk.processes.load import Load
from imap_bulk.processes.wire import Dealt
from imap_bulk.processes.words import Deal, End, HostGave, HostIsBusy, News, Share, Want
from imap_bulk.settings import Settings

_MANY = 1500
"""From so many transfers on a helper is started at once, to be there when it is needed: that takes another core a
fifth of a second, and so many small files take three times as long."""

_LOOK_SECONDS = 0.1
_LEAST_SECONDS = 0.5
"""What is left to do must take so long, by the pace until now, for a helper to be of use."""


class Team:
    """Moves transfers here, and has helpers move some of them for as long as that pays."""

    def __init__(
        self,
        engine: Engine,
        paces: Paces,
        settings: Settings,
        transfers: Iterable[Transfer],
        count: int,
        report: Report,
    ) -> None:
        self._engine = engine
        self._paces = paces
        self._settings = settings
        self._report = report
        self._plan = iter(transfers)
        self._undone: list[Transfer] = []
        """What a lost helper has not done."""
        self._left = count
        self._ended = 0
        self._numbers = itertools.count()
        self._helpers: list[Child] = []
        self._gates: dict[str, tuple[float, Busy]] = {}
        """Until when (`time.monotonic`) a host wants to be left alone."""
        self._started_at = time.monotonic()

    async def run(self, kit: bytes, most: int, memory: int) -> None:
        """Move everything, with `most` helpers at most, each lent the `memory` that its kit says, in bytes.

        What a lost helper leaves is done here.
        """
        try:
            await self._to_the_end(kit, most, memory)
        finally:
            for pacing in self._paces.told():
                self._report(pacing)

    async def _to_the_end(self, kit: bytes, most: int, memory: int) -> None:
        while True:
            async with as_one() as group:
                here = group.create_task(self._engine.run(self, self._hear_here))
                group.create_task(self._recruit(group, here, kit, most, memory))
            if not self._undone:
                return
            # By an engine that looks anew: the lost helper's part files are to go on from, or to remove.
            self._plan, self._left, self._undone, most = iter(self._undone), len(self._undone), [], 0

    def __iter__(self) -> Iterator[Transfer]:
        return self

    def __next__(self) -> Transfer:
        transfer = next(self._plan)
        self._left -= 1
        return transfer

    async def _recruit(
        self, group: asyncio.TaskGroup, here: "asyncio.Task[None]", kit: bytes, most: int, memory: int
    ) -> None:
        """Take on one helper after the other, for as long as this process remains what the run waits for."""
        if not self._is_told and self._left < _MANY and not await self._is_held_up(here):
            return
        for _ in range(most):
            try:
                child = await Child.start(kit)
            except OSError:  # no memory, or no more processes: then without
                return
            pays = self._is_told
            try:
                pays = pays or await self._is_held_up(here)
            finally:
                if not pays:
                    await child.end()
            if not pays:
                return
            group.create_task(self._have_helped(child, memory))

    async def _is_held_up(self, here: "asyncio.Task[None]") -> bool:
        """Wait until this process is what the run waits for; False if that does not happen while much is left."""
        load = Load()
        while True:
            await asyncio.wait([here], timeout=_LOOK_SECONDS)
            if here.done():
                return False
            if load.is_high() and self._seconds_left() > _LEAST_SECONDS:
                return True

    @property
    def _is_told(self) -> bool:
        """Whether somebody has said how many processes there shall be, so that nothing need be proven."""
        return self._settings.processes > 0

    def _seconds_left(self) -> float:
        return (time.monotonic() - self._started_at) * self._left / max(1, self._ended)

    async def _have_helped(self, child: Child, memory: int) -> None:
        """Give one helper memory and something to do until there is no more."""
        try:
            async with self._paces.budget.hold(memory):
                await self._deal_to(child)
        finally:
            await child.end()

    async def _deal_to(self, child: Child) -> None:
        """Give one helper something to do until there is no more; take back what it leaves undone."""
        dealt = Dealt()
        self._helpers.append(child)
        self._share_out()
        self._tell_of_the_past(child)
        try:
            async for message in child.messages():
                match message:
                    case Want(files):
                        child.say(Deal(self._deal(dealt, files)))
                    case News(told):
                        dealt.hear(told, partial(self._hear, child))
                    case HostGave(host, thing):
                        self._paces.known.hear_of(host, thing)
                        self._pass_on_what_is_known()
                    case End(error):
                        if error:
                            raise error
                        break
        except asyncio.CancelledError:
            await self._call_off(child, dealt)
            raise
        finally:
            self._helpers.remove(child)
            self._share_out()
            self._undone += dealt.left()

    async def _call_off(self, child: Child, dealt: Dealt) -> None:
        """Have a helper put away what it is at, and hear what it has done."""
        child.dismiss()
        async for message in child.messages():
            if isinstance(message, News):
                dealt.hear(message.told, self._report)

    def _deal(self, dealt: Dealt, count: int) -> list[tuple[int, Transfer]]:
        """Take what a helper asks for, but no more than its share of what is left, so that all end together.

        There may be more than was counted, as long as others are still being decided on.
        """
        share = self._left // (1 + len(self._helpers)) if self._left > 0 else count
        some = list(zip(self._numbers, itertools.islice(self, max(1, min(count, share))), strict=False))
        dealt.open.update(some)
        return some

    def _share_out(self) -> None:
        jobs = max(1, self._settings.jobs // (1 + len(self._helpers)))
        self._paces.narrow(jobs)
        for child in self._helpers:
            child.say(Share(jobs))

    def _tell_of_the_past(self, child: Child) -> None:
        """Tell a newcomer what hosts have given, and how long they want to be left alone yet."""
        for host, thing in self._paces.known.given.items():
            child.say(HostGave(host, thing))
        now = time.monotonic()
        for host, (until, error) in self._gates.items():
            if until > now:
                child.say(HostIsBusy(host, Busy(str(error), until - now)))

    def _pass_on_what_is_known(self) -> None:
        for host, thing in self._paces.known.news():
            for child in self._helpers:
                child.say(HostGave(host, thing))

    def _hear_here(self, event: Progress | Setback | Outcome | Pacing) -> None:
        self._pass_on_what_is_known()
        if not isinstance(event, Pacing):  # an engine that is run twice would tell of the first time again
            self._hear(None, event)

    def _hear(self, teller: Child | None, event: Progress | Setback | Outcome | Pacing) -> None:
        """Pass on what the engine here, or a helper, has to tell; that a host is busy concerns all."""
        self._ended += isinstance(event, Outcome)
        if isinstance(event, Setback) and isinstance(event.error, Busy):
            self._spread(teller, event.host, event.error)
        self._report(event)

    def _spread(self, teller: Child | None, host: str, error: Busy) -> None:
        self._gates[host] = time.monotonic() + (error.retry_after or 0.0), error
        if teller:
            self._paces.of(host).hear_of(error)
        for child in self._helpers:
            if child is not teller:
                child.say(HostIsBusy(host, error))
