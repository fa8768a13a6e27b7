"""The routes of jobs: what they cost, how far they are, what they have brought."""

from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from imap_bulk.server.lsst import content, replies
from imap_bulk.server.lsst.content import Content
from imap_bulk.server.lsst.faults import committed
from imap_bulk.server.lsst.jobs import Failed, Job, Jobs, Work

_ENDINGS = {
    "image/fits": "fits",
    "application/fits": "fits",
    "application/json": "json",
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "text/html": "html",
    "application/x-votable+xml": "vot",
    "text/plain": "txt",
}
"""Content-Type -> how the name of a result ends."""


class Waiting:
    """The routes below /image/v0/{digits}."""

    def __init__(self, jobs: Jobs, clock: Callable[[], float], service_root: Callable[[web.Request], str]) -> None:
        self._jobs = jobs
        self._clock = clock
        self._service_root = service_root

    def add_routes(self, router: web.UrlDispatcher, prefix: str) -> None:
        """Add them; to be added before those of images, whose first word is never a number."""
        job = prefix + "/image/v0/{job:[0-9]+}"
        router.add_get(job, self._job)
        router.add_get(job + "/explain", self._explain)
        router.add_get(job + "/status", self._status)
        router.add_get(job + "/results", self._results)
        router.add_get(job + r"/results/{number:[0-9]+}.{ending:[a-z]+}", self._result)
        router.add_delete(job, self._cancel)

    def accepted(self, request: web.Request, work: Work, cost: str) -> web.Response:
        """Begin a job, and answer where it can be looked at."""
        fault = committed(request)
        job = self._jobs.add(_failing if fault == "job-fails" else work, cost, never_ends=fault == "job-hangs")
        answer = replies.json_reply({"id": job.id}, 202)
        answer.headers["Location"] = self._url(request, job)
        return answer

    async def _job(self, request: web.Request) -> web.Response:
        job = self._found(request)
        return replies.json_reply({"id": job.id, **self._told(job)})

    async def _explain(self, request: web.Request) -> web.Response:
        return replies.json_reply(self._found(request).cost)

    async def _status(self, request: web.Request) -> web.Response:
        return replies.json_reply([self._told(self._found(request))])

    async def _results(self, request: web.Request) -> web.Response:
        job = self._found(request)
        refusal = self._refusal(job)
        if refusal is not None:
            return refusal
        base = f"{self._url(request, job)}/results"
        return replies.json_reply(
            [
                result if isinstance(result, str) else f"{base}/{number}.{_ENDINGS[result.content_type]}"
                for number, result in enumerate(job.results, 1)
            ]
        )

    async def _result(self, request: web.Request) -> web.Response:
        job, number = self._found(request), int(request.match_info["number"][:9])
        refusal = self._refusal(job)
        if refusal is not None:
            return refusal
        result = job.results[number - 1] if 0 < number <= len(job.results) else None
        if not isinstance(result, Content) or _ENDINGS[result.content_type] != request.match_info["ending"]:
            return replies.failure(404, "OSError", "Image Not Found")
        return content.reply(request, result)

    async def _cancel(self, request: web.Request) -> web.Response:
        self._jobs.cancel(self._found(request))
        return web.Response(status=204)

    def _told(self, job: Job) -> dict[str, Any]:
        now = self._clock()
        return {"status": job.status(now), "startTime": job.start_time(), "progress": job.progress(now)}

    def _refusal(self, job: Job) -> web.Response | None:
        """Return what is answered instead of results; None where there are some."""
        status = job.status(self._clock())
        if status == "done":
            return None
        if status == "error":
            return replies.json_reply(job.error, 500)
        if status == "cancelled":
            return replies.failure(404, "Cancelled", f"the request {job.id} was cancelled")
        return replies.failure(404, "NotReady", f"the request {job.id} is {status}")

    def _found(self, request: web.Request) -> Job:
        job = self._jobs.find(int(request.match_info["job"][:18]))
        if job is None:
            raise LookupError(f"there is no request {request.match_info['job'][:18]}")
        return job

    def _url(self, request: web.Request, job: Job) -> str:
        return f"{self._service_root(request)}/image/v0/{job.id}"


async def _failing() -> Sequence[Content | str]:
    raise Failed({"exception": "RuntimeError", "message": "the job has failed, as it was asked to"})
