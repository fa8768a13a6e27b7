"""A pull or a push of any archive, as a person sees it: progress, summary, exit code."""

from collections.abc import AsyncIterable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imap_bulk.cli import caching, hints, mirroring, words
from imap_bulk.cli.console import Console
from imap_bulk.cli.ending import ExitCode, code_of, run
from imap_bulk.cli.markdown import JobSummary
from imap_bulk.cli.recording import recorded
from imap_bulk.cli.wishes import Wishes
from imap_bulk.cli.words import Verb

if TYPE_CHECKING:
    from imap_bulk.archives.base import Archive
    from imap_bulk.bulk import Move, Report
    from imap_bulk.delivery import Destination
    from imap_bulk.mirror import Mirror
    from imap_bulk.model import Event, RemoteFile, Result, Transfer


def pull_files(
    archive: "Archive",
    files: "AsyncIterable[RemoteFile]",
    data_dir: Path,
    wishes: Wishes,
    hint_when_empty: Callable[[], str | None] = lambda: None,
    mirror: "Mirror | None" = None,
) -> ExitCode:
    """Pull `files`, which is usually a search, by this process or a cluster; say why there may be none.

    Files of a `mirror` are its own; it hears how they fare, and is told the end.
    """
    from imap_bulk import bulk

    move = None if wishes.dask is None else _fanout(wishes.dask, wishes.to)
    with (
        _console(Verb.PULL, wishes) as console,
        recorded(console, Verb.PULL, archive, data_dir, wishes) as recorder,
    ):
        report: Report = JobSummary(wishes.summary, Verb.PULL, recorder) if wishes.summary else recorder
        report = _heard_by(mirror, report) if mirror else report
        work = bulk.pull(
            archive, files, data_dir, wishes.settings, report, dry_run=wishes.dry_run,
            move=move, cache=wishes.cache, offline=wishes.offline, destination=wishes.to,
        )  # fmt: skip
        result = run(work)
        _tell_plan(console, Verb.PULL, wishes)
        _tell_hint(console, result, wishes)
        if complaint := caching.complaint(wishes.cache):
            console.tell(complaint)
        is_later = mirror is not None and mirror.watermark is not None
        if mirror:
            mirroring.tell(console, mirror, result, as_json=wishes.as_json)
        if not result.wanted and not (console.plan and console.plan.files) and not is_later:
            console.tell("No file matches.")
            if hint := hint_when_empty():
                console.tell(f"Hint: {hint}")
    return code_of(result)


def push_files(archive: "Archive", transfers: "Iterable[Transfer]", data_dir: Path, wishes: Wishes) -> ExitCode:
    """Push `transfers`."""
    from imap_bulk import bulk

    with (
        _console(Verb.PUSH, wishes) as console,
        recorded(console, Verb.PUSH, archive, data_dir, wishes) as report,
    ):
        result = run(bulk.push(archive, transfers, data_dir, wishes.settings, report, dry_run=wishes.dry_run))
        _tell_plan(console, Verb.PUSH, wishes)
        _tell_hint(console, result, wishes)
    return code_of(result)


def _heard_by(mirror: "Mirror", report: "Report") -> "Report":
    def both(event: "Event") -> None:
        mirror.hear(event)
        report(event)

    return both


def _fanout(address: str, to: "Destination | None") -> "Move":
    """Have a Dask cluster move the files. Raises click.UsageError where Dask is missing, BadQuery."""
    try:
        from imap_bulk.fanout import Fanout
    except ModuleNotFoundError:
        raise click.UsageError("--dask needs Dask; install imap-bulk[dask].") from None
    return Fanout(address, to).move


def _console(verb: Verb, wishes: Wishes) -> Console:
    return Console(verb, quiet=wishes.quiet, json=wishes.as_json, to=str(wishes.to or ""))


def _tell_plan(console: Console, verb: Verb, wishes: Wishes) -> None:
    if wishes.dry_run and console.plan:
        console.tell(words.plan(verb, console.plan))


def _tell_hint(console: Console, result: "Result", wishes: Wishes) -> None:
    if wishes.dask is None and (hint := hints.more_jobs(result, console.pacings, wishes.settings)):
        console.tell(f"Hint: {hint}")
