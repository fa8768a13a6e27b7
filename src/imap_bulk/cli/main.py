"""The command `imap-bulk`: its global options, its commands, and what errors mean to people and to shells."""

import errno
import logging
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from imap_bulk import __version__
from imap_bulk.cli import logs, streams
from imap_bulk.cli.ending import INTERRUPTED, ExitCode
from imap_bulk.cli.options import DIRECTORY, option_of
from imap_bulk.cli.place import Place
from imap_bulk.cli.recording import ARGUMENTS
from imap_bulk.errors import BadBucket, BadManifest, BadName, BadQuery, BulkError, TransientError

_LOG = logging.getLogger(__name__)

_ROOMS = {
    "query": "imap",
    "pull": "imap",
    "push": "imap",
    "lock": "locking",
    "verify": "verifying",
    "bag": "verifying",
    "status": "status",
    "doctor": "doctor",
    "cache": "caching",
    "serve": "serving",
    "demo": "demo",
    "aurorax": "aurorax",
    "lsst": "lsst",
}
"""Command -> the module it lives in."""

_FULL = {errno.ENOSPC, errno.EDQUOT}

_EPILOG = """\b
Exit codes:
  0    everything wanted is there
  1    some files failed for good
  2    wrong usage, manifest or names; nothing was moved
  74   this machine could not go on: disk full, permission
  75   only passing failures remain; run it again
  130  interrupted
  70   a bug in imap-bulk; please report it
"""


class _Commands(click.Group):
    """Imports commands when they are asked for; the one place where errors become messages and exit codes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = tuple(args)  # a report tells what to type to run again
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ROOMS:
            return None
        command = getattr(import_module(f"imap_bulk.cli.{_ROOMS[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except click.NoSuchOption as error:
            raise _misplaced(error) or error from None
        except click.ClickException as error:
            error.message = streams.readable(error.message)  # type: ignore[misc]  # there is no other way in
            raise
        except click.exceptions.Exit:
            raise
        except BrokenPipeError:
            code = ExitCode.DONE
        except BaseException as error:
            place = ctx.obj if isinstance(ctx.obj, Place) else None
            code = _report(_cause(error), place, ctx.invoked_subcommand)
        _let_stdout_go()
        ctx.exit(code or 0)


def _misplaced(error: click.NoSuchOption) -> click.UsageError | None:
    """Explain an option that stands behind the command, and belongs before it."""
    option, group = error.option_name, error.ctx and error.ctx.parent
    while group and not any(option in parameter.opts for parameter in group.command.params):
        group = group.parent
    if not (error.ctx and group):
        return None
    before = group.command_path.partition(" ")[2]
    name = error.ctx.command_path.removeprefix(group.command_path).strip()
    spelled = " ".join(filter(None, ("imap-bulk", before, option, "…", name, "…")))
    return click.UsageError(f"{option} stands before the command: {spelled}", error.ctx)


def _cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _report(error: BaseException, place: Place | None, command: str | None) -> ExitCode:
    """Tell people what ended the command; return what to tell the shell."""
    code, text = _explain(error, place, command)
    secrets = place.secrets if place else ()
    prefix = "" if code is ExitCode.INTERRUPTED else "Error: "
    click.echo(logs.Discreet(secrets).cut(prefix + streams.readable(text)), err=True)
    _LOG.debug("the traceback", exc_info=error)
    return code


def _explain(error: BaseException, place: Place | None, command: str | None) -> tuple[ExitCode, str]:
    match error:
        case KeyboardInterrupt():
            return ExitCode.INTERRUPTED, INTERRUPTED
        case BadQuery():
            return ExitCode.USAGE, error.spelled(option_of)
        case BadManifest() | BadName() | BadBucket():
            return ExitCode.USAGE, str(error)
        case TransientError():
            return ExitCode.AGAIN, f"{error}; another try may help: run the same command again"
        case BulkError():
            return ExitCode.FAILED, str(error)
        case OSError():
            where = place.named_dir if place and command != "query" else streams.STANDARD_OUTPUT
            return ExitCode.MACHINE, _machine_words(error, where)
    said = " ".join(str(error).split())
    bug = f"a bug in imap-bulk: {type(error).__name__}: {said}"
    return ExitCode.BUG, f"{bug}; please report it, and run again with --debug for the traceback"


def _machine_words(error: OSError, where: Path | str) -> str:
    path = error.filename or where
    reason = error.strerror or type(error).__name__
    if path == streams.STANDARD_OUTPUT:
        cure = "make room, or send it elsewhere, and run the same command again"
        return f"standard output could not be written to ({reason}), so that it is not whole; {cure}"
    if error.errno == errno.EADDRINUSE:
        return "that port is in use already; choose another by --port, or 0 for a free one"
    if error.errno in _FULL:
        return f"no space is left for {path}; finished files are kept: make room and run the same command again"
    if isinstance(error, PermissionError):
        cure = "allow it, or choose another place, and run the same command again"
        return f"this user may not use {path} ({reason}); finished files are kept: {cure}"
    return f"{path}: {reason}; finished files are kept: mend that and run the same command again"


def _let_stdout_go() -> None:
    """Flush what is left; where the reader is gone, keep Python from complaining about it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.option("--url", metavar="URL", help="The archive's API.  [IMAP_DATA_ACCESS_URL; else production]")
@click.option(
    "--data-dir", type=DIRECTORY, metavar="DIR",
    help="Where files go, in the archive's layout.  [IMAP_DATA_DIR; else ./data]",
)  # fmt: skip
@click.option("--api-key", metavar="KEY", help="Key for what is not public, and to push.  [IMAP_API_KEY]")
@click.option("-v", "--verbose", is_flag=True, help="Tell every file.")
@click.option("--debug", is_flag=True, help="Tell everything, with tracebacks.")
@click.version_option(__version__, prog_name="imap-bulk", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context, url: str | None, data_dir: Path | None, api_key: str | None, verbose: bool, debug: bool
) -> None:
    """Move files of the IMAP mission in bulk: concurrent, retried, verified.

    Environment: IMAP_DATA_ACCESS_URL, IMAP_DATA_DIR, IMAP_API_KEY and IMAP_ACCESS_TOKEN, as with imap-data-access.
    """
    place = ctx.obj = Place(data_dir, url, api_key)
    if verbose or debug:
        level = logging.DEBUG if debug else logging.INFO
        ctx.call_on_close(logs.start(level, place.secrets))


def main() -> None:
    """Run the command line; ends the process."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    streams.prepare()
    try:
        cli(prog_name="imap-bulk")
    except OSError as error:  # --version alone is written before any command begins
        code = _report(error, None, None)
        _let_stdout_go()
        sys.exit(code)
