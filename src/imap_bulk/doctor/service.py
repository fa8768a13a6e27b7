"""The archive: whether it answers, what its clock says, whether it takes the key."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace

from imap_bulk.archives.imap import ImapArchive
from imap_bulk.doctor.finding import Finding, ok, problem, warning
from imap_bulk.errors import BulkError
from imap_bulk.http import Reply, unix_time

_REFUSALS = (401, 403)
_NOTED_SKEW, _WORST_SKEW = 30.0, 300.0
"""Seconds. S3 refuses a clock that is 15 minutes off; the Date of an answer is whole seconds."""

_SLOW_SECONDS = 5.0


async def check(archive: ImapArchive) -> AsyncIterator[Finding]:
    """Ask the archive for nothing, in public and with what opens its door."""
    asked_at, started = time.time(), time.monotonic()
    try:
        reply = await _ask(replace(archive, api_key=None, access_token=None))
    except BulkError as error:
        yield problem("archive", *_said(error, "check --url, the network and the proxy"))
        return
    seconds = time.monotonic() - started
    yield check_answer(archive.name, reply, seconds)
    yield check_clock(reply.headers.get("Date"), asked_at + seconds)
    yield await check_key(archive)


async def _ask(archive: ImapArchive) -> Reply:
    async with archive:
        return await archive.greet()


def _said(error: BulkError, remedy: str) -> tuple[str, str]:
    """Say what an error says, with a remedy unless it brings its own."""
    said, _, own = str(error).partition("; ")
    return said, own or remedy


def check_answer(name: str, reply: Reply, seconds: float) -> Finding:
    """Tell whether it is an archive that answers, and how soon."""
    said = f"{name} answered {reply.status} in {seconds * 1000:.0f} ms"
    if reply.status == 200 and not reply.body.lstrip().startswith((b"[", b"{")):
        return problem("archive", f"{said}, but {_kind(reply)} came", "look whether a login page stands between")
    if reply.status == 429 or reply.status >= 500:
        return warning("archive", said, "it has trouble of its own, or too much to do: try again later")
    if reply.status != 200 and reply.status not in _REFUSALS:
        return problem("archive", f"{said}: {reply.words}", "check --url: this is no archive's answer")
    if seconds > _SLOW_SECONDS:
        return warning("archive", said, "that is slow: see to the network, or try again later")
    return ok("archive", said)


def _kind(reply: Reply) -> str:
    return "a web page" if b"<html" in reply.body[:1000].lower() else "something that is no list of files"


def check_clock(date: str | None, now: float) -> Finding:
    """Hold this machine's clock to the Date of an answer; `now` in Unix time."""
    told = unix_time(date or "")
    if told is None:
        return warning("clock", "the archive does not say what time it is", "look at this machine's clock")
    skew = now - told
    said = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the archive"
    remedy = "set this machine's clock, and switch its synchronisation on"
    if abs(skew) >= _WORST_SKEW:
        return problem("clock", said, remedy)
    if abs(skew) >= _NOTED_SKEW:
        return warning("clock", said, remedy)
    return ok("clock", f"within {max(1.0, abs(skew)):.0f} s of the archive")


async def check_key(archive: ImapArchive) -> Finding:
    """Tell whether the archive takes the API key or the access token."""
    if not (archive.api_key or archive.access_token):
        return ok("key", "none is set: enough for what is public; to push, set IMAP_API_KEY")
    kind, variable = ("API key", "IMAP_API_KEY") if archive.api_key else ("access token", "IMAP_ACCESS_TOKEN")
    try:
        reply = await _ask(archive)
    except BulkError as error:
        return problem("key", *_said(error, "see to the archive first"))
    if reply.status == 200:
        return ok("key", f"the {kind} is taken")
    if reply.status in _REFUSALS:
        remedy = f"check {variable} for what is missing or too much, or ask for a new one"
        return problem("key", f"the {kind} is refused ({reply.status})", remedy)
    return warning("key", f"asked with the {kind}, the archive answered {reply.status}", "try again later")
