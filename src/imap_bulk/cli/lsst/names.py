"""lsst list and lsst schema: what the archive has."""

import sys
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.filters import refuse_empty, refuse_unreadable
from imap_bulk.cli.lsst.door import collection, door, level
from imap_bulk.cli.place import Place
from imap_bulk.manifest import is_utf8

if TYPE_CHECKING:
    from imap_bulk.archives.lsst.service import Service

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "levels": (),
    "databases": (),
    "tables": ("database",),
    "collections": ("level",),
    "kinds": ("level", "collection"),
    "images": ("level", "collection", "kind"),
}
"""What can be listed -> the options that say where."""


@click.command("list", short_help="List levels, databases, tables, collections, kinds, images.")
@click.argument("what", type=click.Choice(list(_NEEDED)))
@level
@click.option("--database", metavar="NAME", help="Database whose tables are listed.")
@collection
@click.option("--kind", metavar="KIND", help="Kind of images, as in calexp.")
@click.option(
    "--containing", metavar="TEXT",
    help="Only names with this in them; also 'DR%', as in SQL, or '/a regular expression/'.",
)  # fmt: skip
@click.pass_obj
def list_(place: Place, /, what: str, **given: str | None) -> ExitCode:
    """List names, one a line.

    \b
    Examples:
      imap-bulk lsst list databases --level L2 --containing Stripe82
      imap-bulk lsst list images --level L2 --collection DR1 --kind calexp
    """
    from imap_bulk.archives.lsst.containing import matcher

    refuse_unreadable(given)
    refuse_empty(given)
    where = {name: value or "" for name, value in given.items()}
    if missing := [f"--{name}" for name in _NEEDED[what] if not where[name]]:
        raise click.UsageError(f"To list {what}, give {' and '.join(missing)}.")
    known = {*_NEEDED[what], "containing", *(["level"] if what in ("databases", "tables") else [])}
    if odd := [f"--{name}" for name, value in where.items() if value and name not in known]:
        raise click.UsageError(f"{' and '.join(odd)} does not narrow the list of {what}; leave it out.")
    url, token = door(place)
    run(_print_names(url, token, what, matcher(where["containing"]), where))
    return ExitCode.DONE


async def _print_names(url: str, token: str | None, what: str, wanted: Any, where: Mapping[str, str]) -> None:
    from imap_bulk.archives.lsst.service import Service

    found = 0
    async with Service(url, token) as service:
        async for name in _names(service, what, where):
            if wanted(name):
                found += 1
                sys.stdout.write(name + "\n")
    if not found:
        click.echo(f"There are no such {what}.", err=True)


async def _names(service: "Service", what: str, where: Mapping[str, str]) -> AsyncGenerator[str, None]:
    """Yield what is listed at the place in the tree that belongs to `what`."""
    if what == "levels":
        for name in await service.few("/meta/v0/db", what):
            yield name
    elif what == "databases" and not where["level"]:
        async for _, name in service.databases(where["containing"]):
            yield name
    else:
        path, place = await _place(service, what, where)
        narrowed = {"containing": where["containing"]} if "/db/" in path and where["containing"] else {}
        async for name in service.names(path, f"the {what} of {place}", narrowed):
            yield name


async def _place(service: "Service", what: str, where: Mapping[str, str]) -> tuple[str, str]:
    """Return the path of a list, and what people call the place."""
    level, database = where["level"], where["database"]
    if what == "databases":
        return f"/meta/v0/db/{_path(level)}", level
    if what == "tables":
        return f"/meta/v0/db/{_path(level or await service.level_of(database), database)}/tables", database
    names = ("level", "collection", "kind")[: ("collections", "kinds", "images").index(what) + 1]
    parts = [where[name] for name in names]
    return f"/meta/v0/image/{_path(*parts)}", "/".join(parts)


def _path(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


@click.command(short_help="Print the schema of a table.")
@click.argument("table", metavar="DATABASE.TABLE")
@click.pass_obj
def schema(place: Place, /, table: str) -> ExitCode:
    """Print the statement that creates a table.

    \b
    Example:
      imap-bulk lsst schema DC_W13_Stripe82.Science_Ccd_Exposure
    """
    database, dot, name = table.partition(".")
    if not is_utf8(table):
        raise click.BadParameter("its name is no text in UTF-8; write it as one.", param_hint="DATABASE.TABLE")
    if not dot or not database or not name:
        raise click.BadParameter("write DATABASE.TABLE, as in DR1.Object.", param_hint="DATABASE.TABLE")
    url, token = door(place)

    async def ask() -> str:
        from imap_bulk.archives.lsst.service import Service

        async with Service(url, token) as service:
            return await service.schema(database, name)

    click.echo(run(ask()))
    return ExitCode.DONE
