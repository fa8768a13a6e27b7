"""`imap-bulk serve`: archives on this machine."""

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from imap_bulk.cli import ground
from imap_bulk.cli.answering import answering, server_options
from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.options import DIRECTORY, Decorator, all_of
from imap_bulk.cli.storing import store_options, storing

if TYPE_CHECKING:
    from imap_bulk.server.app import ArchiveServer
    from imap_bulk.server.aurorax.server import AuroraxServer
    from imap_bulk.server.lsst.server import LsstServer

T = TypeVar("T")

_GRACE = 0.5
"""Seconds that requests have when an archive is stopped."""

_NAMES = {"imap": "IMAP", "aurorax": "AuroraX", "lsst": "LSST"}
_FAULTS_OF_OTHERS = ("aurorax_faults", "lsst_faults")
_OF_OTHERS = (*_FAULTS_OF_OTHERS, "lsst_genuine", "lsst_page_size")
_FOR_ALL = {"root", "host", "port", "keys", "seed", "archives"}


def _archives(_context: click.Context, _parameter: click.Parameter, text: str) -> list[str]:
    """Read a list of archives. Raises click.BadParameter."""
    names = list(dict.fromkeys(text.split(",")))
    if not set(names) <= _NAMES.keys():
        raise click.BadParameter(f"write one or more of {', '.join(_NAMES)}, separated by commas.")
    return names


def _own_address(_context: click.Context, _parameter: click.Parameter, host: str) -> str:
    """Take what can be listened on. Raises click.BadParameter."""
    try:
        if not host:  # an empty variable of a shell: it would stand for all addresses
            raise OSError
        socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except (OSError, UnicodeError):
        cure = "write one as in 127.0.0.1, or 0.0.0.0 for all of them."
        raise click.BadParameter(f"{host!r} is no address of this machine; {cure}") from None
    return host


def _faults_of_other(context: click.Context, parameter: click.Parameter, spec: str) -> str:
    """List the faults of an archive upon `help`."""
    if spec != "help" or context.resilient_parsing:
        return spec
    if parameter.name == "aurorax_faults":
        from imap_bulk.server.aurorax.committing import FAULTS
    else:
        from imap_bulk.server.lsst.faults import FAULTS
    _list_faults(context, FAULTS)
    return ""


def _list_faults(context: click.Context, faults: Mapping[str, str]) -> None:
    width = max(map(len, faults))
    click.echo("\n".join(f"{name:{width}}  {line}" for name, line in faults.items()))
    context.exit()


_of_others: Decorator[Any] = all_of(
    click.option(
        "--archives", default="imap", show_default=True, callback=_archives, metavar="NAME,...",
        help="Which archives: imap, aurorax, lsst.",
    ),
    click.option("--aurorax-faults", default="", callback=_faults_of_other, is_eager=True, metavar="SPEC",
        help="As --chaos, for AuroraX; it has faults of its own: help lists them.",
    ),
    click.option("--lsst-faults", default="", callback=_faults_of_other, is_eager=True, metavar="SPEC",
        help="As --chaos, for LSST; it has faults of its own: help lists them.",
    ),
    click.option("--lsst-genuine", is_flag=True, help="Answer as LSST's servers once did, with all they lacked."),
    click.option(
        "--lsst-page-size", type=click.IntRange(1), default=1000, show_default=True, metavar="N",
        help="Entries of a list in one answer of LSST.",
    ),
)  # fmt: skip
"""Which archives, and of those beside IMAP's how they answer."""


def _chaos(context: click.Context, _parameter: click.Parameter, spec: str) -> str:
    """Check a SPEC before anything starts; list the faults upon `help`. Raises click.BadParameter."""
    if not spec or context.resilient_parsing:
        return ""
    from imap_bulk.server.chaos import FAULTS, parse_spec

    if spec == "help":
        _list_faults(context, FAULTS)
    try:
        parse_spec(spec)
    except ValueError as error:
        raise click.BadParameter(f"{str(error).removeprefix('chaos: ')}.", param_hint="--chaos") from None
    return spec


@click.command(short_help="Be an archive on this machine.")
@click.option("--root", type=DIRECTORY, required=True, help="Where the files are; made if missing.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, callback=_own_address, help="Address to listen on."
)
@click.option(
    "--port",
    type=click.IntRange(0, ground.LAST_PORT),
    default=8000,
    show_default=True,
    help="Port of the first archive; others take the next ones. 0: free ones.",
)
@click.option(
    "--storage-port",
    type=click.IntRange(0, ground.LAST_PORT),
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
@_of_others
@click.pass_context
def serve(
    context: click.Context, /, root: Path, host: str, port: int, keys: tuple[str, ...], archives: Sequence[str],
    seed: int, **given: Any,
) -> ExitCode:  # fmt: skip
    """Serve archives below --root until Ctrl-C: IMAP's, or those that --archives names, each on a port of its own.

    When one is ready it prints its address on one line. With --chaos it fails on purpose, so that failure can be
    rehearsed. AuroraX and LSST come with sample data.

    \b
    Examples:
      imap-bulk serve --root /archive
      imap-bulk serve --root /archive --chaos all=0.1,stall=5 --seed 7
      imap-bulk serve --root /archive --strict-generation 2026 --key lab:write --key guest:read
      imap-bulk serve --root /archive --import /data
      imap-bulk serve --root /catalog --storage s3://imap --s3-endpoint http://127.0.0.1:9000
      imap-bulk serve --chaos help
      imap-bulk serve --root /archive --archives imap,aurorax,lsst
    """
    scopes = dict(map(_split_key, keys))
    _refuse_in_vain(context, archives)
    ground.check_ports(host, _ports(port, given["storage_port"], len(archives)))
    chosen = {name: given.pop(name) for name in _OF_OTHERS}
    servers = [
        _MAKERS[name](_Site(root, host, port + number if port else 0, scopes, seed), given, chosen)
        for number, name in enumerate(archives)
    ]
    for faults in filter(None, (given["chaos"], *(chosen[name] for name in _FAULTS_OF_OTHERS))):
        click.echo(f"Committing faults: {faults} (seed {seed})", err=True)
    try:
        with ground.fresh_root(root):
            run(_serve(root, dict(zip(archives, servers, strict=True))))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)
    return ExitCode.DONE


def _ports(first: int, storage: int, count: int) -> dict[int, str]:
    """Return the ports that are asked for, each with the option that does. Raises click.UsageError."""
    asked = {first + number: "--port" for number in range(count)} if first else {}
    if max(asked, default=0) > ground.LAST_PORT:
        raise click.UsageError(f"{count} archives from --port {first} on need ports beyond {ground.LAST_PORT}.")
    if storage in asked:
        raise click.UsageError(f"--storage-port {storage} is that of an archive as well; give it one of its own.")
    return {storage: "--storage-port", **asked} if storage else asked


def _split_key(text: str) -> tuple[str, str]:
    name, colon, scope = text.rpartition(":")
    if not colon or not name.isprintable() or not name or scope not in ("read", "write"):
        raise click.BadParameter("write NAME:read or NAME:write, as in lab-7:write.", param_hint="--key")
    return name, scope


def _refuse_in_vain(context: click.Context, archives: Sequence[str]) -> None:
    """Refuse options of an archive that is not served. Raises click.UsageError."""
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if given and name not in _FOR_ALL and _owner(name) not in archives:
            option = parameter.opts[0]
            raise click.UsageError(f"{option} is for {_owner(name)}; add that to --archives, or leave it out.")


def _owner(name: str) -> str:
    """Tell which archive an option is for."""
    return next((archive for archive in _NAMES if name.startswith(f"{archive}_")), "imap")


@dataclass(frozen=True, slots=True)
class _Site:
    """What all archives are told."""

    root: Path
    host: str
    port: int
    scopes: Mapping[str, str] = field(repr=False)
    seed: int


def _imap(site: _Site, given: dict[str, Any], _chosen: Mapping[str, Any]) -> "ArchiveServer":
    from imap_bulk.server.app import ArchiveServer, Scope, ServerOptions

    answers = {name: given[name] for name in given if name not in {*_STORE, "storage_port", "chaos"}}
    options = ServerOptions(
        site.root, site.host, site.port, given["storage_port"], chaos=given["chaos"], seed=site.seed, grace=_GRACE,
        keys={name: Scope(scope) for name, scope in site.scopes.items()},
        **server_options(**answers, has_keys=bool(site.scopes)),
        **store_options(*(given[name] for name in _STORE)),
    )  # fmt: skip
    return ArchiveServer(options)


_STORE = ("storage", "s3_endpoint", "rescan", "bring")


def _aurorax(site: _Site, _given: Mapping[str, Any], chosen: Mapping[str, Any]) -> "AuroraxServer":
    from imap_bulk.server.aurorax.server import AuroraxOptions, AuroraxServer

    faults = chosen["aurorax_faults"]
    options = AuroraxOptions(
        site.root / ".aurorax", site.host, site.port, site.scopes, seed=site.seed, faults=faults, grace=_GRACE
    )
    return _checked(lambda: AuroraxServer(options), "--aurorax-faults")


def _lsst(site: _Site, _given: Mapping[str, Any], chosen: Mapping[str, Any]) -> "LsstServer":
    from imap_bulk.server.lsst.server import LsstOptions, LsstServer

    options = LsstOptions(
        site.root / ".lsst", site.host, site.port, page_size=chosen["lsst_page_size"], seed=site.seed,
        faults=chosen["lsst_faults"], genuine=chosen["lsst_genuine"], grace=_GRACE,
    )  # fmt: skip
    return _checked(lambda: LsstServer(options), "--lsst-faults")


def _checked(make: Callable[[], T], hint: str) -> T:
    try:
        return make()
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint=hint) from None


_MAKERS: dict[str, Callable[[_Site, dict[str, Any], Mapping[str, Any]], Any]] = {
    "imap": _imap,
    "aurorax": _aurorax,
    "lsst": _lsst,
}


async def _serve(root: Path, servers: Mapping[str, Any]) -> None:
    async with AsyncExitStack() as stack:
        for server in servers.values():
            await stack.enter_async_context(server)
        for name, server in servers.items():
            if name == "imap":
                click.echo(f"Serving {root} at {server.url} (storage at {server.storage_url}; Ctrl-C stops)")
            else:
                click.echo(f"Serving {_NAMES[name]} at {server.url} (Ctrl-C stops)")
        await asyncio.Event().wait()
