"""`--report`: a run, written down, with the command that runs it again but for its secrets."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imap_bulk.cli import logs
from imap_bulk.cli.place import OTHER_ARCHIVES, Place
from imap_bulk.cli.streams import shell_word
from imap_bulk.cli.wishes import Wishes
from imap_bulk.model import Event
from imap_bulk.urls import public_url

if TYPE_CHECKING:
    from imap_bulk.archives.base import Archive
    from imap_bulk.cli.console import Console
    from imap_bulk.cli.words import Verb

ARGUMENTS = "imap_bulk.arguments"
"""Where the context keeps what was typed."""


@contextmanager
def recorded(
    console: "Console", verb: "Verb", archive: "Archive", data_dir: Path, wishes: Wishes
) -> Iterator[Callable[[Event], None]]:
    """Yield who takes the events of a run: the console, and with `--report` also a recorder, written at the end.

    What was heard is written also of a run that was stopped.
    """
    if wishes.report is None or wishes.dry_run:
        yield console
        return
    from imap_bulk.report import Doing, Recorder, write

    recorder = Recorder(Doing(str(verb), archive.name, str(wishes.to or data_dir), _command()))

    def both(event: Event) -> None:
        recorder(event)
        console(event)

    try:
        yield both
    finally:
        write(recorder, wishes.report)
        recorder.close()
        console.tell(f"Written down in {wishes.report}")


def _command() -> str:
    """Spell the command that is being run."""
    context = click.get_current_context()
    place = context.find_object(Place)
    archive = context.find_root().invoked_subcommand
    key = f"IMAP_BULK_{archive.upper()}_API_KEY" if archive in OTHER_ARCHIVES else "IMAP_API_KEY"
    command = command_line(context.meta.get(ARGUMENTS, ()), key)
    return logs.Discreet(place.secrets if place else ()).cut(command)


def command_line(arguments: Sequence[str], key: str = "IMAP_API_KEY") -> str:
    """Spell a command for a shell: the key is left to a variable, and a URL goes without its user."""
    told = ["imap-bulk"]
    before = ""
    for argument in arguments:
        name, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        option = name if equals else before
        if option == "--api-key":
            told.append(f'{name}{equals}"${key}"')
        elif option == "--url":
            told.append(f"{name}{equals}{shell_word(public_url(value))}")
        else:
            told.append(shell_word(argument))
        before = argument
    return " ".join(told)
