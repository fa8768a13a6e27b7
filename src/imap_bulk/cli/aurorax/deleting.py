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
from imap_bulk.manifest import is_utf8
from imap_bulk.urls import is_web_address

if TYPE_CHECKING:
    from imap_bulk.archives.aurorax import AuroraxArchive
    from imap_bulk.archives.aurorax.keys import Triple

_MOST_TOLD = 20
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
    named = f"the {given['kind'].replace('-', ' ')} {_told(doomed)} of {forms.source_name(source)}"
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


def _told(doomed: tuple[str, str] | list[str]) -> str:
    """Say what is meant; and of URLs what nobody else tells: the archive takes those of no product, too."""
    if isinstance(doomed, tuple):
        return f"from {doomed[0]} to {doomed[1]}"
    for url in doomed:
        if not is_web_address(url):
            click.echo(f"Note: {url!r} is no whole URL; a product goes by the one it was pushed with.", err=True)
    return f"of {doomed[0]}" if len(doomed) == 1 else f"of {len(doomed)} URLs"


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
    for url in given["urls"]:
        if not _may_be_url(url):
            raise BadQuery(f"--url {url!r} is no URL of a data product; write it without blanks.")
    listed = _listed(path) if path else []
    if not (urls := list(dict.fromkeys([*given["urls"], *listed]))):
        raise click.UsageError("Say which data products: --url URL, or --url-list FILE.")
    return urls


def _listed(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadManifest(f"{path} is no text in UTF-8; write one URL a line.") from None
    told = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    if bad := [f"line {number}: {text!r} is no URL" for number, text in told if not _may_be_url(text)]:
        more = [f"… and {len(bad) - _MOST_TOLD} more"] if len(bad) > _MOST_TOLD else []
        raise BadManifest(f"{path} holds more than one URL a line; write one", (*bad[:_MOST_TOLD], *more))
    return [text for _, text in told]


def _may_be_url(text: str) -> bool:
    """Whether a product could go by this: the archive knows also such as are not absolute."""
    return text.split() == [text] and is_utf8(text)
