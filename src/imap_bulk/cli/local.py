"""What needs no archive elsewhere: verify, demo."""

from pathlib import Path

import click

from imap_bulk.cli import options
from imap_bulk.cli.console import Console
from imap_bulk.cli.ending import ExitCode, code_of, run
from imap_bulk.cli.options import Place
from imap_bulk.cli.words import Verb
from imap_bulk.settings import Settings

_DIRECTORY = click.Path(file_okay=False, path_type=Path)


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


@click.command(short_help="Show the whole flow on this machine.")
@click.option(
    "--keep", type=_DIRECTORY, metavar="DIR", help="Keep the files here instead of a temporary directory."
)
def demo(keep: Path | None) -> ExitCode:
    """Start an archive here, push sample files to it, query, pull and verify them. Takes a few seconds."""
    from imap_bulk.cli.demo import show

    return run(show(keep))
