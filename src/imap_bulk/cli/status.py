"""`imap-bulk status`: what is here, and what failed."""

import click

from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.place import Place
from imap_bulk.environment import read_environment


@click.command(short_help="Tell what is here, and what failed.")
@click.option(
    "--failed", type=click.Choice(["pull", "push"]), metavar="pull|push",
    help="Print only what failed in the last run, as a manifest that this command reads.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@click.pass_obj
def status(place: Place, failed: str | None, as_json: bool) -> ExitCode:
    """Tell what the journal of the data directory knows: what was moved, how it was verified, what failed and why.

    Every file that was pulled is looked for on disk, but none is read: that is what verify does. No archive is
    asked. What --failed prints are files alone: give --to and other options of the run again.

    \b
    Examples:
      imap-bulk --data-dir /data status
      imap-bulk status --failed pull | imap-bulk pull -
    """
    if failed and as_json:
        raise click.UsageError(
            "--failed prints a manifest, and --json tells what failed as well; give one of them."
        )
    if failed:
        _print_failed(place, failed)
        return ExitCode.DONE
    from imap_bulk.cli import standing
    from imap_bulk.status import survey

    found = survey(place.data_dir)
    command = standing.command_to(place.data_dir, read_environment().data_dir)
    click.echo(standing.as_json(found) if as_json else standing.told(found, command))
    return ExitCode.DONE


def _print_failed(place: Place, direction: str) -> None:
    from imap_bulk import manifest
    from imap_bulk.model import Direction
    from imap_bulk.status import failures

    failed = failures(place.data_dir, Direction(direction))
    named = ((each.key if direction == Direction.PULL else each.path, each.digest, None) for each in failed)
    for line in manifest.write(named):
        click.echo(line, nl=False)
