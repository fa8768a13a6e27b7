"""lsst list and lsst schema: what the archive has."""

import sys
from collections.abc import AsyncGenerator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.lsst.door import collection, door, level
from imap_bulk.cli.place import Place

if TYPE_CHECKING:
    from imap_bulk.archives.lsst.service import Service

_WHAT = ("levels", "databases", "tables", "collections", "kinds", "images")


@click.command("list", short_help="List levels, databases, tables, collections, kinds, images.")
@click.argument("what", type=click.Choice(_WHAT))
@level
@click.option("--database", default="", metavar="NAME", help="Database whose tables are listed.")
@collection
@click.option("--kind", default="", metavar="KIND", help="Kind of images, as in calexp.")
@click.option(
    "--containing", default="", metavar="TEXT",
    help="Only names with this in them; also 'DR%', as in SQL, or '/a regular expression/'.",
)  # fmt: skip
@click.pass_obj
def list_(place: Place, /, what: str, containing: str, **where: str) -> ExitCode:
    """List names, one a line.

    \b
    Examples:
      imap-bulk lsst list databases --level L2 --containing Stripe82
      imap-bulk lsst list images --level L2 --collection DR1 --kind calexp
    """
    from imap_bulk.archives.lsst.containing import matcher

    needed = {"tables": ["database"], "collections": ["level"], "kinds": ["level", "collection"]}
    needed["images"] = ["level", "collection", "kind"]
    if missing := [f"--{name}" for name in needed.get(what, []) if not where[name]]:
        raise click.UsageError(f"To list {what}, give {' and '.join(missing)}.")
    url, token = door(place)
    run(_print_names(url, token, what, matcher(containing), {**where, "containing": containing}))
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
    if not dot or not database or not name:
        raise click.BadParameter("write DATABASE.TABLE, as in DR1.Object.", param_hint="DATABASE.TABLE")
    url, token = door(place)

    async def ask() -> str:
        from imap_bulk.archives.lsst.service import Service

        async with Service(url, token) as service:
            return await service.schema(database, name)

    click.echo(run(ask()))
    return ExitCode.DONE
