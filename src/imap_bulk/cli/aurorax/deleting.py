"""AuroraX's delete: of ephemeris by dates, of data products by their URLs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli.aurorax import consent, filters, forms
from imap_bulk.cli.aurorax.target import source_options, target_of
from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.options import DEFAULT
from imap_bulk.cli.place import Place
from imap_bulk.errors import BadManifest, BadQuery

if TYPE_CHECKING:
    from imap_bulk.archives.aurorax import AuroraxArchive
    from imap_bulk.archives.aurorax.keys import Triple

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Delete ephemeris or data products from the archive.")
@click.option("--kind", type=click.Choice(["ephemeris", "data-products"]), required=True, help="What they are.")
@source_options
@filters.dates
@click.option("--url", "urls", multiple=True, metavar="URL", help="Data products: the one of this URL; repeat.")
@click.option("--url-list", type=_FILE, metavar="FILE", help="Data products: a file with one URL a line.")
@consent.yes
@click.pass_obj
def delete(place: Place, /, **given: Any) -> ExitCode:
    """Delete the ephemeris of a range, or data products by their URLs. The files at those URLs stay.

    \b
    Examples:
      imap-bulk aurorax delete --kind ephemeris --source-id 400 --start-date 20200101 --end-date 20200131
      imap-bulk aurorax delete --kind data-products --source-id 400 --url-list urls.txt --yes
    """
    target = target_of(given)
    doomed = _range(given) if given["kind"] == "ephemeris" else _urls(given)
    archive, data_dir = filters.archive_at(place, DEFAULT), place.data_dir
    source = run(_find(archive, target))
    what = (
        f"from {doomed[0]} to {doomed[1]}"
        if isinstance(doomed, tuple)
        else f"of {len(doomed)} URL{'s' * (len(doomed) > 1)}"
    )
    named = f"the {given['kind'].replace('-', ' ')} {what} of {forms.source_name(source)}"
    if not consent.agreed(f"Delete {named}?", yes=given["yes"]):
        return ExitCode.FAILED
    from imap_bulk.records import forget

    try:
        run(_delete(archive, source, doomed))
    finally:  # also when no answer came: to send a record once more does no harm, to leave one out does
        forget(archive, filters.kind_of(given["kind"]), source, data_dir)
    later = "; the archive does so in its own time" if given["kind"] == "ephemeris" else ""
    click.echo(f"Asked to delete {named}{later}.")
    return ExitCode.DONE


async def _find(archive: "AuroraxArchive", target: "int | Triple") -> forms.Record:
    async with archive:
        return await (archive.sources.get(target) if isinstance(target, int) else archive.sources.named(target))


async def _delete(archive: "AuroraxArchive", source: forms.Record, doomed: tuple[str, str] | list[str]) -> None:
    async with archive:
        if isinstance(doomed, tuple):
            await archive.sources.delete_ephemeris(source, *doomed)
        else:
            await archive.sources.delete_products(source, doomed)


def _range(given: dict[str, Any]) -> tuple[str, str]:
    from imap_bulk.archives.aurorax.moments import written

    if given["urls"] or given["url_list"]:
        raise click.UsageError("URLs are for --kind data-products; ephemeris is deleted by dates.")
    start, end = filters.range_of(given)
    if start > end:
        raise BadQuery(f"the start {written(start)} comes after the end {written(end)}; swap them.")
    return written(start), written(end)


def _urls(given: dict[str, Any]) -> list[str]:
    if given["start_date"] or given["end_date"]:
        raise click.UsageError("Dates are for --kind ephemeris; data products are deleted by URL.")
    path: Path | None = given["url_list"]
    listed = _listed(path) if path else []
    if not (urls := list(dict.fromkeys([*given["urls"], *listed]))):
        raise click.UsageError("Say which data products: --url URL, or --url-list FILE.")
    return urls


def _listed(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split()
    except UnicodeDecodeError:
        raise BadManifest(f"{path} is no text in UTF-8; write one URL a line.") from None
