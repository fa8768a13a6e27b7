"""AuroraX's pull and push."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from imap_bulk.cli import delivering, options, words
from imap_bulk.cli.aurorax import filters
from imap_bulk.cli.aurorax.sources import read_draft_of
from imap_bulk.cli.aurorax.target import source_options, target_of
from imap_bulk.cli.console import Console
from imap_bulk.cli.ending import ExitCode, code_of, run
from imap_bulk.cli.moving import pull_files
from imap_bulk.cli.options import DEFAULT
from imap_bulk.cli.place import Place
from imap_bulk.cli.wishes import wishes_of
from imap_bulk.cli.words import Verb
from imap_bulk.errors import BadManifest
from imap_bulk.settings import Settings

if TYPE_CHECKING:
    from imap_bulk.archives.aurorax.keys import Triple
    from imap_bulk.archives.aurorax.records import Records

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_BATCHES_AT_ONCE = 4


@click.command(short_help="Bring files, ephemeris or conjunctions.")
@filters.search_options
@click.option(
    "--window", type=click.Choice(["day", "month"]),
    help="Ephemeris: how much of a source goes into one file.  [day]",
)  # fmt: skip
@click.option("--file-base-url", metavar="URL", help="Data products: where files are whose address is not whole.")
@delivering.to
@options.transfer_options
@click.pass_obj
def pull(place: Place, /, **given: Any) -> ExitCode:
    """Bring what matches: files of data products, ephemeris by source and day, or conjunctions in one document.

    Files go to aurorax/ below the data directory. A day is not pulled twice, even if the archive gets more
    records of it later: --overwrite asks anew. AuroraX names no digests: documents are held to the number of
    records that was announced, images and movies to how such a file begins, and the summary says so.

    \b
    Examples:
      imap-bulk aurorax pull --program trex --platform gillam --product-type keogram \\
          --start-date 20200201 --end-date 20200205
      imap-bulk aurorax pull --kind ephemeris --program swarm --platform swarma \\
          --start-date 20190101 --end-date 20190131 --where 'nbtrace_region in north polar cap'
      imap-bulk aurorax pull --kind conjunctions --query conjunctions.json
    """
    wishes = wishes_of(given)
    wanted = filters.query_of(given)
    archive = filters.archive_at(place, wishes.settings, given["search_timeout"])
    return pull_files(archive, archive.search(wanted), place.data_dir, wishes, _hint_when_empty)


def _hint_when_empty() -> str:
    return "`imap-bulk aurorax sources` lists the programs and platforms, `… availability` the days"


@click.command(short_help="Send records to the archive.")
@click.argument("records", nargs=-1, required=True, metavar="RECORDS...")
@click.option("--kind", type=click.Choice(["ephemeris", "data-products"]), required=True, help="What they are.")
@source_options
@click.option(
    "--create-source", type=_FILE, metavar="FILE",
    help="Add the data source, as this JSON object describes it, if there is none.",
)  # fmt: skip
@click.option("--verify", is_flag=True, help="Search until all are visible; name those that are not.")
@click.option(
    "--verify-timeout", type=options.Number(0), default=300.0, show_default=True, metavar="SECONDS",
    help="How long to search for them.",
)  # fmt: skip
@click.option(
    "--batch-size", type=click.IntRange(1, 500), default=500, show_default=True, metavar="N",
    help="Records in one request.",
)  # fmt: skip
@click.option("--no-bisect", is_flag=True, help="Do not send good records again to find the bad one among them.")
@click.option("--fail-on-duplicate", is_flag=True, help="Fail records that the archive has already.")
@click.option(
    "-j", "--jobs", type=click.IntRange(1, 64), default=_BATCHES_AT_ONCE, show_default=True, metavar="N",
    help="Requests at once.",
)  # fmt: skip
@click.option(
    "--retries", type=click.IntRange(0, 100), default=DEFAULT.retries, show_default=True, metavar="N",
    help="Attempts after the first, for each request.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Check everything, and send nothing.")
@click.option("--overwrite", is_flag=True, help="Send also what was accepted before.")
@options.quiet
@options.as_json
@click.pass_obj
def push(place: Place, /, **given: Any) -> ExitCode:
    """Send the records in each RECORDS file: JSON Lines, a JSON array, CSV, or - for standard input.

    All records are checked before the first is sent; one bad line stops all. Program, platform and instrument
    type may be left out: they are those of the source. What was accepted before is not sent again.

    Accepted is not done: the archive works records in later, and tells nobody if it could not. --verify asks.

    \b
    Examples:
      imap-bulk aurorax push records.jsonl --kind ephemeris --source-id 400 --verify
      imap-bulk aurorax push keograms.csv --kind data-products --source "trex/gillam/RGB ASI"
    """
    from imap_bulk.archives.aurorax.records import read_records

    target = target_of(given)
    if given["records"].count("-") > 1:
        raise BadManifest("- is among the files of records twice; standard input can be read once")
    files = (("standard input" if name == "-" else name, _lines(name)) for name in given["records"])
    read = read_records(files, filters.kind_of(given["kind"]))
    return _push(place, read, target, given)


def _push(place: Place, read: "Records", target: "int | Triple", given: dict[str, Any]) -> ExitCode:
    from imap_bulk.records import PushWishes, push_records

    settings = Settings(retries=given["retries"], overwrite=given["overwrite"])
    archive = filters.archive_at(place, settings)
    draft = read_draft_of(given["create_source"], target) if given["create_source"] else None
    wishes = PushWishes(
        most_per_batch=given["batch_size"],
        in_flight=given["jobs"],
        bisect=not given["no_bisect"],
        fail_on_duplicate=given["fail_on_duplicate"],
        verify=given["verify"],
        verify_timeout=given["verify_timeout"],
    )
    with Console(Verb.RECORDS, quiet=given["quiet"], json=given["as_json"]) as console:
        result = run(
            push_records(
                archive, read, target, place.data_dir, console, wishes,
                create=draft, warn=lambda text: console.tell(f"Note: {text}."), dry_run=given["dry_run"],
            )
        )  # fmt: skip
        if given["dry_run"] and console.plan:
            console.tell(words.plan(Verb.RECORDS, console.plan))
    return code_of(result)


def _lines(name: str) -> Iterator[bytes]:
    """Yield the lines of a file of records. Raises BadManifest."""
    if name == "-":
        yield from sys.stdin.buffer
        return
    if not name:  # an empty variable of a shell, which as a path would be this directory
        raise BadManifest("an empty name is among the files of records; leave it out")
    try:
        with Path(name).open("rb") as file:
            yield from file
    except FileNotFoundError:
        raise BadManifest(f"there is no file {name}; check the path") from None
    except IsADirectoryError:
        raise BadManifest(f"{name} is a directory; name the files of records in it") from None
    except OSError as error:
        raise BadManifest(f"{name} cannot be read: {error.strerror}") from None
