"""The options that commands share, and the tools to make more like them."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from imap_bulk.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

DEFAULT = Settings()


def all_of(*decorators: Decorator[Any]) -> Decorator[Any]:
    """Make one decorator of several, whose options stand in this order in the help."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def several(name: str, words: Callable[[], tuple[str, ...]] | None, text: str) -> Decorator[Any]:
    """Make an option that takes several values, which `words` completes."""
    complete = completing(words) if words else None
    many = f"{text}; repeat, or separate by commas."
    return click.option(name, multiple=True, metavar="NAME,...", shell_complete=complete, help=many)


_OTHERWISE = {"document": "--query", "any_of": "--any", "ids": "--id"}
"""Name of a value -> its option, where that has another name."""


def option_of(name: str) -> str:
    """Spell the name of a value as its option."""
    return _OTHERWISE.get(name, f"--{name.replace('_', '-')}")


def completing(words: Callable[[], tuple[str, ...]]) -> Callable[..., list[CompletionItem]]:
    """Offer words to the shell; of a list with commas, its last member is completed."""

    def complete(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        done, comma, begun = typed.rpartition(",")
        return [CompletionItem(done + comma + word) for word in words() if word.startswith(begun)]

    return complete


class _Path(click.Path):
    """A path, there or to be made; not an empty variable of a shell, which would stand for this directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raise click.BadParameter for what is of the other kind, and for nothing at all."""
        if value == "":
            cure = "name a file" if self.file_okay else "write . for this directory"
            self.fail(f"it is empty; {cure}.", param, ctx)
        return super().convert(value, param, ctx)


class Number(click.FloatRange):
    """A number in a range, which nan and inf are not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Raise click.BadParameter for what is none."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number to count with.", param, ctx)
        return number


DIRECTORY = _Path(file_okay=False, path_type=Path)
FILE = _Path(dir_okay=False, path_type=Path)

quiet = click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
as_json = click.option("--json", "as_json", is_flag=True, help="Print events as JSON Lines on stdout.")

_MULTIPLES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
_LEAST_REQUESTS = 0.001
_NUMBER = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)([kMG]?)")


def _rate(_context: click.Context, _parameter: click.Parameter, text: str | None) -> float | None:
    """Read bytes per second. Raises click.BadParameter."""
    if text is None:
        return None
    match = _NUMBER.fullmatch(text)
    rate = float(match[1]) * _MULTIPLES[match[2]] if match else 0.0
    if rate < 1:
        raise click.BadParameter("write bytes per second, at least 1, as in 500k, 10M or 1.5G.")
    return rate


def _per_second(_context: click.Context, _parameter: click.Parameter, number: float | None) -> float | None:
    """Hold requests per second to what can be waited for. Raises click.BadParameter."""
    if number is not None and not _LEAST_REQUESTS <= number < math.inf:
        raise click.BadParameter(f"write requests per second, at least {_LEAST_REQUESTS:g}, as in 5 or 0.5.")
    return number


def writable(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """See before a long run that its file can be written. Raises click.BadParameter."""
    if path is None:
        return None
    if hindrance := hindrance_to_write(path):
        raise click.BadParameter(f"{hindrance}.")
    return path


def _page(context: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """See before a long run that its page can be written. Raises click.BadParameter."""
    if path is not None and path.suffix not in (".html", ".htm"):
        raise click.BadParameter("name a page, as in run.html; run.jsonl and run.prov.json come to lie beside it.")
    return writable(context, parameter, path)


def hindrance_to_write(path: Path) -> str | None:
    """Say why no file of this name can be made; None where it can."""
    if not path.parent.is_dir():
        return f"there is no directory {path.parent}; make it first"
    if not os.access(path.parent, os.W_OK):
        return f"this user may not write to {path.parent}; choose another place"
    return None


transfer_options: Decorator[Any] = all_of(
    click.option(
        "-j", "--jobs", type=click.IntRange(1, 512), default=DEFAULT.jobs, show_default=True, metavar="N",
        help="Files that move at once.",
    ),
    click.option(
        "--processes", type=click.IntRange(1, 64), metavar="N",
        help="Processes that share the work.  [default: as many as pay]",
    ),
    click.option(
        "--retries", type=click.IntRange(0, 100), default=DEFAULT.retries, show_default=True, metavar="N",
        help="Attempts after the first, for each file.",
    ),
    click.option(
        "--limit-rate", callback=_rate, metavar="RATE",
        help="Bytes per second of the whole run, as in 500k, 10M or 1G.",
    ),
    click.option(
        "--limit-requests", type=float, callback=_per_second, metavar="N",
        help="Requests per second of the whole run.",
    ),
    click.option("--dry-run", is_flag=True, help="Print what would move, and move nothing."),
    click.option("--overwrite", is_flag=True, help="Move also what is there and right."),
    click.option("--require-verified", is_flag=True, help="Fail files that only their size could confirm."),
    click.option("--no-fsync", is_flag=True, help="Do not wait for the disk to confirm each file."),
    click.option(
        "--report", type=FILE, callback=_page, metavar="FILE.html",
        help="Write down how the run went: a page, and beside it .jsonl and .prov.json.",
    ),
    click.option(
        "--transport", type=click.Choice(["auto", "lean", "aiohttp"]), default=DEFAULT.transport,
        show_default=True, help="How requests travel; auto is lean, and aiohttp through proxies.",
    ),
    quiet,
    as_json,
)  # fmt: skip

dask = click.option(
    "--dask", metavar="ADDRESS",
    help="Have the workers of a Dask cluster pull, as in tcp://HOST:8786, or local:4 for four processes.",
)  # fmt: skip
