"""The cache as people meet it: the options that choose one, what is said of it, and `imap-bulk cache`."""

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli import words
from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.options import DIRECTORY, Decorator, all_of
from imap_bulk.cli.place import refuse_file
from imap_bulk.environment import read_cache_dir, usual_cache_dir

if TYPE_CHECKING:
    from imap_bulk.cache import Cache, Usage

_MULTIPLES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BYTES = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,3})?)([kMGT]?)B?")

cache_dir = click.option(
    "--cache-dir", type=DIRECTORY, metavar="DIR",
    help="Take files of known sha256 from here, and keep what was verified.  [IMAP_BULK_CACHE_DIR]",
)  # fmt: skip
no_cache = click.option("--no-cache", is_flag=True, help="Neither use nor fill a cache.")
cache_options: Decorator[Any] = all_of(cache_dir, no_cache)


def chosen(cache_dir: Path | None, no_cache: bool, *, usually: bool) -> "Cache | None":
    """Return the cache that was asked for, or else the user's where one is `usually` used. Raises UsageError."""
    from imap_bulk.cache import Cache

    if no_cache:
        if cache_dir:
            raise click.UsageError("Give --cache-dir or --no-cache, not both.")
        return None
    asked = cache_dir or read_cache_dir()
    if not (asked or usually):
        return None
    root = asked or usual_cache_dir()
    refuse_file(root, "IMAP_BULK_CACHE_DIR" if asked else None, "--cache-dir or IMAP_BULK_CACHE_DIR")
    return Cache(root)


def complaint(cache: "Cache | None") -> str | None:
    """Say that the cache takes no more, and why."""
    if cache is None or cache.fault is None:
        return None
    reason = cache.fault.strerror or cache.fault
    return f"The cache {cache.root} took no more files ({reason}); what was pulled is not touched by that."


def _bytes(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    """Read a number of bytes. Raises click.BadParameter."""
    match = _BYTES.fullmatch(text)
    if not match:
        raise click.BadParameter("write a number of bytes, as in 500M, 10G or 0.")
    return int(float(match[1]) * _MULTIPLES[match[2]])


@click.group(short_help="Look at the cache, or make it smaller.")
@click.option(
    "--cache-dir", type=DIRECTORY, metavar="DIR",
    help="Where it is.  [IMAP_BULK_CACHE_DIR; else the user's cache directory]",
)  # fmt: skip
@click.pass_context
def cache(ctx: click.Context, cache_dir: Path | None) -> None:
    """Look at the cache of verified files, or make it smaller.

    `pull --locked` and the pytest plugin use it without being asked; `pull` and `lock` do when --cache-dir or
    IMAP_BULK_CACHE_DIR names one. Entries are found by the sha256 of their content, and hashed again whenever
    one is taken. Any number of processes may share a cache; removing it costs downloads and nothing else.

    \b
    Examples:
      imap-bulk cache info
      imap-bulk cache prune --max-size 10G
    """
    ctx.obj = chosen(cache_dir, no_cache=False, usually=True)


@cache.command(short_help="Tell where it is and how much it holds.")
@click.pass_obj
def info(cache: "Cache") -> ExitCode:
    """Tell where the cache is, how much it holds, and how long some of that was not used."""
    click.echo(f"{cache.root}: {_words(cache.usage())}")
    return ExitCode.DONE


@cache.command(short_help="Remove what was not used for longest.")
@click.option(
    "--max-size", callback=_bytes, required=True, metavar="SIZE",
    help="What may stay, as in 500M or 10G; 0 removes everything.",
)  # fmt: skip
@click.pass_obj
def prune(cache: "Cache", max_size: int) -> ExitCode:
    """Remove entries, the least recently used first, until no more than --max-size is left.

    Jobs that are running are not disturbed: at worst they fetch again what they would have taken from here.
    """
    pruned = cache.prune(max_size)
    click.echo(f"Removed {words.files(pruned.files)}, {words.size(pruned.bytes)}.")
    click.echo(f"{cache.root}: {_words(pruned.left)}")
    return ExitCode.DONE


def _words(usage: "Usage") -> str:
    if usage.oldest is None:
        return "empty"
    age = words.duration(max(0.0, time.time() - usage.oldest))
    return f"{words.files(usage.files)}, {words.size(usage.bytes)}; the oldest was last used {age} ago"
