"""What only asks: availability, query."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli import options
from imap_bulk.cli.aurorax import filters, forms
from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.place import Place
from imap_bulk.errors import BadQuery

if TYPE_CHECKING:
    from datetime import date

    from imap_bulk.archives.aurorax import AuroraxArchive, Query
    from imap_bulk.archives.aurorax.availability import Available

_RECORDS = {
    "data-products": "data products",
    "ephemeris": "ephemeris records",
    "conjunctions": "conjunctions",
}


@click.command(short_help="Search, and print what is found.")
@filters.search_options
@forms.output_format
@click.option("--describe", is_flag=True, help="Tell what the archive understands, and search nothing.")
@click.option(
    "--synchronous", is_flag=True,
    help="Search in one request: at most two days of ephemeris, ten years of data products.",
)  # fmt: skip
@click.pass_obj
def query(place: Place, /, **given: Any) -> ExitCode:
    """Search for records and print them; files are not fetched.

    \b
    Examples:
      imap-bulk aurorax query --program auroramax --start-date 20200101 --end-date 20200102
      imap-bulk aurorax query --kind ephemeris --program swarm --start-date 2019-01-01T06:00:00 \\
          --end-date 2019-01-01T06:30:00 --where 'nbtrace_region in north polar cap'
      imap-bulk aurorax query --kind conjunctions --ground themis-asi --space swarm \\
          --start-date 20200101 --end-date 20200102
    """
    wanted = filters.query_of(given)
    if given["synchronous"] and given["kind"] == "conjunctions":
        raise click.UsageError("there is no synchronous search for conjunctions; leave --synchronous out.")
    archive = filters.archive_at(place, options.DEFAULT, given["search_timeout"])
    run(_query(archive, wanted, given))
    return ExitCode.DONE


async def _query(archive: "AuroraxArchive", query: "Query", given: dict[str, Any]) -> None:
    from imap_bulk.archives.aurorax import ConjunctionQuery

    async with archive:
        if given["describe"]:
            click.echo(await archive.described(query))
            return
        if given["synchronous"] and not isinstance(query, ConjunctionQuery):
            records = forms.each(await archive.records_at_once(query))
        else:
            records = archive.records(query)
        kind = given["kind"]
        await forms.show(kind.replace("-", "_"), _RECORDS[kind], records, given["output_format"])


@click.command(short_help="Count records by source and day.")
@click.option(
    "--kind", type=click.Choice(filters.KINDS[:2]), default="data-products", show_default=True,
    help="What is counted.",
)  # fmt: skip
@filters.chosen
@filters.dates
@click.option("--source-type", metavar="TYPE", help="Kind of source: ground, leo, heo, lunar, event_list.")
@click.option("--product-type", metavar="TYPE", help="Data products of this type alone, as in keogram.")
@click.option("--missing", is_flag=True, help="List the days of which there is nothing.")
@click.option("--slow", is_flag=True, help="Have everything counted anew, not looked up in a summary.")
@forms.output_format
@click.pass_obj
def availability(place: Place, /, **given: Any) -> ExitCode:
    """Count the records of each source on each day, or list the days of which there is none.

    \b
    Examples:
      imap-bulk aurorax availability --kind ephemeris --program swarm --start-date 20190101 --end-date 20190110
      imap-bulk aurorax availability --program trex --start-date 20200201 --end-date 20200229 --missing
    """
    filters.refuse_unfit(given)
    first, last = _days(given)
    if given["product_type"] and given["kind"] == "ephemeris":
        raise click.UsageError("--product-type is for --kind data-products, not for ephemeris.")
    archive = filters.archive_at(place, options.DEFAULT)
    run(_availability(archive, first, last, given))
    return ExitCode.DONE


def _days(given: dict[str, Any]) -> "tuple[date, date]":
    first, last = (moment.date() for moment in filters.range_of(given))
    if first > last:
        raise BadQuery(f"the start {first} comes after the end {last}; swap them.")
    return first, last


async def _availability(archive: "AuroraxArchive", first: "date", last: "date", given: dict[str, Any]) -> None:
    from imap_bulk.archives.aurorax.availability import Available, availability
    from imap_bulk.archives.aurorax.sources import triple_of

    async with archive:
        found = await availability(
            archive.api,
            filters.kind_of(given["kind"]),
            filters.chosen_of(given),
            first,
            last,
            source_type=given["source_type"],
            product_type=given["product_type"],
            slow=given["slow"],
        )
        if given["missing"]:  # a source that has nothing at all may be left out of the answer
            known = {each.triple for each in found}
            listed = await archive.sources.listed(filters.chosen_of(given), source_type=given["source_type"])
            found += [Available(source, {}) for source in listed if triple_of(source) not in known]
    if not found:
        click.echo("Hint: no data source has any; `imap-bulk aurorax sources` lists them", err=True)
    if given["missing"]:
        await forms.show("missing", "days without records", _missing(found, first, last), given["output_format"])
    else:
        await forms.show("availability", "days with records", _counts(found), given["output_format"])


async def _counts(found: "list[Available]") -> AsyncIterator[forms.Record]:
    for each in found:
        for day, count in sorted(each.counts.items()):
            if count:
                yield {"source": "/".join(each.triple), "day": day, "records": count}


async def _missing(found: "list[Available]", first: "date", last: "date") -> AsyncIterator[forms.Record]:
    for each in found:
        for day in each.missing(first, last):
            yield {"source": "/".join(each.triple), "day": day}
