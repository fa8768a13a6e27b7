"""What goes on behind an answer: jobs that are asked for, looked at, fetched from and cancelled."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imap_bulk.server.lsst.content import Content

Work = Callable[[], Awaitable[Sequence["Content | str"]]]
"""Makes the results of a job: files, or the URLs of what is served anyhow. Raises `Failed`."""

_AT_ONCE = 4
_MOST_JOBS = 10_000
_MOST_BYTES = 256 << 20


class Failed(Exception):
    """A job came to nothing; `document` is the error that its results answer with."""

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(document)
        self.document = document


@dataclass(slots=True)
class Job:
    """One job; times in Unix seconds."""

    id: int
    cost: str
    results: Sequence[Content | str] = ()
    error: dict[str, Any] | None = None
    started: float | None = None
    ready_at: float = 0.0
    is_over: bool = False
    is_cancelled: bool = False
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def status(self, now: float) -> str:
        """Return queued, running, done, error or cancelled."""
        if self.is_cancelled:
            return "cancelled"
        if self.started is None:
            return "queued"
        if not self.is_over or now < self.ready_at:
            return "running"
        return "error" if self.error else "done"

    def progress(self, now: float) -> str:
        """Return how much of the time has passed, as the page writes it: `34%`."""
        if self.status(now) in ("done", "error"):
            return "100%"
        if self.started is None or now <= self.started:
            return "0%"
        return f"{min(99, int(100 * (now - self.started) / max(self.ready_at - self.started, 1e-9)))}%"

    def start_time(self) -> str:
        """Return when it began, in UTC, with the page's slashes; nothing while it waits."""
        return datetime.fromtimestamp(self.started, UTC).strftime("%Y/%m/%d %H:%M:%S") if self.started else ""

    @property
    def size(self) -> int:
        """Bytes of the results."""
        return sum(len(result.body) for result in self.results if isinstance(result, Content))


class Jobs:
    """All jobs of a server. The oldest that are over are forgotten when they are too many, or hold too much."""

    def __init__(self, delay: float, clock: Callable[[], float] = time.time) -> None:
        self._delay = delay
        self._clock = clock
        self._jobs: dict[int, Job] = {}
        self._ids = itertools.count(654)
        self._places = asyncio.Semaphore(_AT_ONCE)

    def add(self, work: Work, cost: str, *, never_ends: bool = False) -> Job:
        """Begin a job; one that never ends holds no place, lest others wait for it."""
        job = Job(next(self._ids), cost)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(job, work, float("inf") if never_ends else self._delay))
        self._forget()
        return job

    def find(self, job_id: int) -> Job | None:
        """Return a job that is known."""
        return self._jobs.get(job_id)

    def cancel(self, job: Job) -> None:
        """End a job, and forget what it has brought."""
        if job.task:
            job.task.cancel()
        job.is_cancelled = True
        job.results = ()

    async def close(self) -> None:
        """End all jobs."""
        tasks = [job.task for job in self._jobs.values() if job.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, job: Job, work: Work, delay: float) -> None:
        async with self._places:
            job.started = self._clock()
            job.ready_at = job.started + delay
            try:
                job.results = await work()
            except Failed as failed:
                job.error = failed.document
            except Exception as error:
                job.error = {"exception": type(error).__name__, "message": str(error)}
            job.is_over = True

    def _forget(self) -> None:
        now = self._clock()
        for job in list(self._jobs.values()):
            held = sum(each.size for each in self._jobs.values())
            if len(self._jobs) <= _MOST_JOBS and held <= _MOST_BYTES:
                return
            if job.status(now) not in ("queued", "running"):
                del self._jobs[job.id]
