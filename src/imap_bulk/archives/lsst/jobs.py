"""Asynchronous requests: what takes long is asked for, waited for, and fetched; or cancelled."""

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from imap_bulk.archives.lsst.envelopes import read_document, read_page
from imap_bulk.archives.lsst.service import Service
from imap_bulk.errors import BulkError, Garbled, Rejected
from imap_bulk.http import Reply, one_line

_LOG = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

DEADLINE = 600.0
"""Seconds that a request may take."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 10.0
_GROWTH = 1.5
_FAREWELL = 0.8
"""Seconds that may pass over cancelling: an interrupted command has little more than one."""

_ID_FIELDS = ("id", "resourceId", "requestId")
_ID = re.compile(r"[1-9][0-9]{0,18}")
_DONE = {"done", "completed", "complete", "success", "finished"}
_FAILED = {"error", "failed", "failure", "cancelled", "canceled", "aborted"}


class State(Enum):
    """How far a request is."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Patience:
    """How a request is waited for; `deadline` in seconds. Tests bring a clock of their own."""

    deadline: float = DEADLINE
    sleep: Sleep = asyncio.sleep
    clock: Clock = time.monotonic


async def submit(service: Service, path: str, params: Mapping[str, str], subject: str) -> str:
    """POST what is to be done; return the request's id. Raises Garbled without one, and as `read_document`."""
    return id_of(await service.ask("POST", path, params), subject)


def id_of(reply: Reply, subject: str) -> str:
    """Find the id in the answer to a POST: bare, in an object, or at the end of the Location. Raises Garbled."""
    answer = read_document(reply, subject) if reply.body.strip() or reply.status >= 300 else None
    if isinstance(answer, dict):
        answer = next((answer[name] for name in _ID_FIELDS if name in answer), None)
    found = answer if answer is not None else reply.headers.get("Location", "").rstrip("/").rpartition("/")[2]
    if isinstance(found, bool) or not _ID.fullmatch(str(found)):
        raise Garbled(f"{subject}: the archive took the request but gave no id ({reply.words})")
    return str(found)


async def finished(service: Service, job: str, patience: Patience, subject: str) -> tuple[str, ...]:
    """Wait until a request is done; return the addresses of its results.

    Raises Rejected when it fails or is not done by the deadline. What is not waited for to its end is cancelled.
    """
    try:
        if _LOG.isEnabledFor(logging.INFO):
            _LOG.info("%s: request %s%s", subject, job, await _estimate(service, job))
        await _wait(service, job, patience, subject)
    except BaseException as error:
        if not isinstance(error, _Ended):
            await _cancel(service, job)
        raise
    reply = await service.persist("GET", f"/image/v0/{job}/results")
    return read_page(reply, f"{subject}: request {job}").names


async def results(service: Service, job: str, subject: str) -> tuple[str, ...]:
    """Return the addresses of a request's results, if it is done and they are still there."""
    return read_page(await service.ask("GET", f"/image/v0/{job}/results"), f"{subject}: request {job}").names


class _Ended(Rejected):
    """The request came to its own end, and that was no good one."""


async def _wait(service: Service, job: str, patience: Patience, subject: str) -> None:
    pause, latest = _FIRST_PAUSE, patience.clock() + patience.deadline
    while (state := await _state(service, job, subject)) is State.WORKING:
        if patience.clock() + pause > latest:
            raise Rejected(
                f"{subject}: request {job} was not done after {patience.deadline:g} s and was cancelled; "
                "give it longer by --deadline"
            )
        await patience.sleep(pause)
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
    if state is State.FAILED:
        raise _Ended(f"{subject}: request {job} failed: {await _why(service, job)}")


async def _state(service: Service, job: str, subject: str) -> State:
    reply = await service.persist("GET", f"/image/v0/{job}/status")
    return state_of(read_document(reply, f"{subject}: request {job}"))


def state_of(answer: Any) -> State:
    """Read a status: a word, or an object with one, or that in a list. Unknown words mean that it goes on."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if isinstance(answer, dict):
        answer = answer.get("status")
    word = str(answer).strip().lower()
    if word in _DONE:
        return State.DONE
    return State.FAILED if word in _FAILED else State.WORKING


async def _why(service: Service, job: str) -> str:
    """Ask why a request has failed: its results are the document that says so."""
    reply = await service.ask("GET", f"/image/v0/{job}/results")
    return reply.words


async def _estimate(service: Service, job: str) -> str:
    """Ask what a request will cost; nothing if the archive does not say."""
    try:
        reply = await service.ask("GET", f"/image/v0/{job}/explain")
    except BulkError:
        return ""
    if reply.status != 200:
        return ""
    with contextlib.suppress(ValueError, RecursionError):
        return f", {one_line(json.loads(reply.body))}"
    return f", {reply.words}"


async def _cancel(service: Service, job: str) -> None:
    """Tell the archive that nobody waits any more; also when we are cancelled ourselves, and not for long."""

    async def delete() -> None:
        with contextlib.suppress(Exception):  # what led here is what counts
            async with asyncio.timeout(_FAREWELL):
                await service.ask("DELETE", f"/image/v0/{job}")

    farewell = asyncio.create_task(delete())
    while not farewell.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(farewell)
