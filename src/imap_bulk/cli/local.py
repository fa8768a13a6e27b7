"""What needs no archive elsewhere: verify, serve, demo."""

import asyncio
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli import options
from imap_bulk.cli.answering import answering, server_options
from imap_bulk.cli.console import Console
from imap_bulk.cli.ending import ExitCode, code_of, run
from imap_bulk.cli.options import Place
from imap_bulk.cli.storing import store_options, storing
from imap_bulk.cli.words import Verb
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from imap_bulk.server.app import ServerOptions

_DIRECTORY = click.Path(file_okay=False, path_type=Path)
_DEMOS = {"imap": "demo", "lsst": "demo_lsst"}
"""Archive -> the module of its demonstration."""

_GRACE = 0.5
"""Seconds that requests have when the archive is stopped."""


@click.command(short_help="Re-read files and hold them to their digests.")
@click.argument("manifests", nargs=-1, metavar="[MANIFEST]...")
@options.jobs
@options.quiet
@options.as_json
@click.pass_obj
def verify(place: Place, manifests: tuple[str, ...], jobs: int, quiet: bool, as_json: bool) -> ExitCode:
    """Re-read what is in the data directory, and hold it to the digests of manifests, or else to those recorded.

    \b
    Examples:
      imap-bulk --data-dir /data verify
      imap-bulk --data-dir /data verify sums.txt
    """
    from imap_bulk.sources import files_of

    files = files_of(manifests) if manifests else None
    from imap_bulk import bulk

    with Console(Verb.VERIFY, quiet=quiet, json=as_json) as console:
        result = run(bulk.verify(place.data_dir, files, Settings(jobs=jobs), console))
        if not result.wanted:
            console.tell(f"Nothing is recorded below {place.data_dir}: pull something, or name a manifest.")
    return code_of(result)


def _chaos(context: click.Context, _parameter: click.Parameter, spec: str) -> str:
    """Check a SPEC before anything starts; list the faults upon `help`. Raises click.BadParameter."""
    if not spec or context.resilient_parsing:
        return ""
    from imap_bulk.server.chaos import FAULTS, parse_spec

    if spec == "help":
        width = max(map(len, FAULTS))
        click.echo("\n".join(f"{name:{width}}  {line}" for name, line in FAULTS.items()))
        context.exit()
    try:
        parse_spec(spec)
    except ValueError as error:
        raise click.BadParameter(f"{str(error).removeprefix('chaos: ')}.", param_hint="--chaos") from None
    return spec


@click.command(short_help="Be an archive on this machine.")
@click.option("--root", type=_DIRECTORY, required=True, help="Where the files are; made if missing.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port of the API; 0: a free one.",
)
@click.option(
    "--storage-port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of the storage; 0: a free one.",
)
@click.option(
    "--key", "keys", multiple=True, metavar="NAME:read|write",
    help="An API key and what it may do; repeat. Without any, everybody may read and write.",
)  # fmt: skip
@click.option(
    "--chaos",
    default="",
    callback=_chaos,
    is_eager=True,
    metavar="SPEC",
    help="Commit faults, as in all=0.1 or truncate-length*2,503-date=0.05; --chaos help lists them.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N",
    help="The same seed gives the same faults to the same requests.",
)  # fmt: skip
@storing
@answering
def serve(
    root: Path, host: str, port: int, storage_port: int, keys: tuple[str, ...], chaos: str, seed: int,
    storage: str | None, s3_endpoint: str | None, rescan: bool, bring: Path | None, **answers: Any,
) -> ExitCode:  # fmt: skip
    """Serve the archive below --root, with the API of the IMAP Science Data Center, until Ctrl-C.

    When it is ready it prints its address on one line. With --chaos it fails on purpose, so that failure can be
    rehearsed.

    \b
    Examples:
      imap-bulk serve --root /archive
      imap-bulk serve --root /archive --chaos all=0.1,stall=5 --seed 7
      imap-bulk serve --root /archive --strict-generation 2026 --key lab:write --key guest:read
      imap-bulk serve --root /archive --import /data
      imap-bulk serve --root /catalog --storage s3://imap --s3-endpoint http://127.0.0.1:9000
      imap-bulk serve --chaos help
    """
    from imap_bulk.server.app import Scope, ServerOptions

    scopes = {name: Scope(scope) for name, scope in map(_split_key, keys)}
    settings = ServerOptions(
        root, host, port, storage_port, keys=scopes, grace=_GRACE, chaos=chaos, seed=seed,
        **server_options(**answers, has_keys=bool(scopes)),
        **store_options(storage, s3_endpoint, rescan, bring),
    )  # fmt: skip
    if chaos:
        click.echo(f"Committing faults: {chaos} (seed {seed})", err=True)
    try:
        run(_serve(settings))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    return ExitCode.DONE


def _split_key(text: str) -> tuple[str, str]:
    name, colon, scope = text.rpartition(":")
    if not colon or not name or scope not in ("read", "write"):
        raise click.BadParameter("write NAME:read or NAME:write, as in lab-7:write.", param_hint="--key")
    return name, scope


async def _serve(settings: "ServerOptions") -> None:
    from imap_bulk.server.app import ArchiveServer

    async with ArchiveServer(settings) as server:
        click.echo(f"Serving {settings.root} at {server.url} (storage at {server.storage_url}; Ctrl-C stops)")
        await asyncio.Event().wait()


@click.command(short_help="Show the whole flow on this machine.")
@click.option(
    "--archive",
    type=click.Choice(list(_DEMOS)),
    default="imap",
    show_default=True,
    help="Which archive is played.",
)
@click.option(
    "--keep", type=_DIRECTORY, metavar="DIR", help="Keep the files here instead of a temporary directory."
)
def demo(archive: str, keep: Path | None) -> ExitCode:
    """Start an archive here, push to it, query it, pull from it and verify what came. Takes a few seconds."""
    show: Callable[[Path | None], Coroutine[Any, Any, ExitCode]]
    show = import_module(f"imap_bulk.cli.{_DEMOS[archive]}").show
    return run(show(keep))
