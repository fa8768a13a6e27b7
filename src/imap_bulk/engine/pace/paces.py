"""The paces of a run, one per host, and what its streams share."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import replace

from imap_bulk.engine.pace.buckets import Bucket, Budget, Clock, Sleep
from imap_bulk.engine.pace.floor import Floor
from imap_bulk.engine.pace.known import KnownGood
from imap_bulk.engine.pace.pace import Check, Pace, Uniform, nothing_known
from imap_bulk.model import Pacing
from imap_bulk.settings import Settings


class Paces:
    """The paces of a run, one per host, and what its streams share: bytes and requests a second, and memory."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        uniform: Uniform = random.uniform,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._uniform = uniform
        self._paces: dict[str, Pace] = {}
        self._bytes = Bucket(settings.limit_rate, clock=clock, sleep=sleep) if settings.limit_rate else None
        # At least one whole request: a bucket of a quarter second would never hold it at 2 a second.
        requests = settings.limit_requests
        self._requests = Bucket(requests, 1.0, clock=clock, sleep=sleep) if requests else None
        self.budget = Budget(settings.memory_bytes)
        self.known = KnownGood()
        """What hosts have given, for their health checks."""
        self.check: Check = nothing_known
        """Makes the health check of a host; whoever runs an engine sets it."""

    def of(self, host: str) -> Pace:
        """Give the pace of `host`, the same one every time."""
        if host not in self._paces:
            self._paces[host] = Pace(
                self._settings,
                self._clock,
                self._sleep,
                self._uniform,
                host=host,
                requests=self._requests,
                check=self._ask,
            )
        return self._paces[host]

    async def _ask(self, host: str) -> bool:
        return await self.check(host)  # which is set later than a pace may be asked for

    def told(self) -> Iterator[Pacing]:
        """Yield how each host was pressed."""
        for host, pace in self._paces.items():
            yield Pacing(host, pace.changes(), dict(pace.durations))

    def narrow(self, jobs: int) -> None:
        """Allow each host so many requests at once from now on: others on this machine have the rest."""
        self._settings = replace(self._settings, jobs=jobs)
        for pace in self._paces.values():
            pace.narrow(jobs)

    @property
    def is_down(self) -> bool:
        """Whether some host is taken for down."""
        return any(pace.is_down for pace in self._paces.values())

    @property
    def is_lost(self) -> bool:
        """Whether some host has been down for longer than `outage_max`."""
        return any(pace.is_lost for pace in self._paces.values())

    @property
    def are_limited(self) -> bool:
        """Whether the run may move only so many bytes a second."""
        return self._bytes is not None

    async def spend(self, n_bytes: int) -> None:
        """Wait until the run may move `n_bytes` more."""
        if self._bytes:
            await self._bytes.take(n_bytes)

    def floor(self, subject: object) -> Floor:
        """Begin to watch the goodput of one body; `subject` names it in the error."""
        return Floor(self._settings, subject, self._clock)
