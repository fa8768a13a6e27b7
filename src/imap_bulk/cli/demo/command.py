"""`imap-bulk demo`: the demonstration of the archive that is chosen."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.options import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

_ARCHIVES = ("imap", "aurorax", "lsst")
"""Each has a module of its name here."""


@click.command(short_help="Show the whole flow on this machine.")
@click.option(
    "--archive",
    type=click.Choice(_ARCHIVES),
    default="imap",
    show_default=True,
    help="Which archive is played.",
)
@click.option(
    "--keep", type=DIRECTORY, metavar="DIR", help="Keep the files here instead of a temporary directory."
)
def demo(archive: str, keep: Path | None) -> ExitCode:
    """Start an archive here, push to it, query it, pull from it and verify what came. Takes a few seconds."""
    show: Callable[[Path | None], Coroutine[Any, Any, ExitCode]]
    show = import_module(f"imap_bulk.cli.demo.{archive}").show
    return run(show(keep))
