"""How things stand, with what was moved and with this machine: status, doctor."""

import json
from typing import TYPE_CHECKING

import click

from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.events import SCHEMA
from imap_bulk.cli.logs import Discreet
from imap_bulk.cli.options import DEFAULT
from imap_bulk.cli.place import Place
from imap_bulk.environment import read_environment

if TYPE_CHECKING:
    from imap_bulk.archives.imap import ImapArchive
    from imap_bulk.doctor import Finding


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
    asked.

    \b
    Examples:
      imap-bulk --data-dir /data status
      imap-bulk status --failed pull | imap-bulk pull -
    """
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


@click.command(short_help="Look for what stands in the way.")
@click.option("--json", "as_json", is_flag=True, help="Print findings as JSON Lines.")
@click.pass_obj
def doctor(place: Place, as_json: bool) -> ExitCode:
    """Look at this machine, the way to the archive, the key, and the place of the data directory.

    What it prints holds no key and no password: paste it into a bug report. It exits with 1 if there is a problem.
    """
    findings = run(_examine(place, place.imap(DEFAULT), as_json))
    problems = sum(finding.state == "problem" for finding in findings)
    warnings = sum(finding.state == "warning" for finding in findings)
    if not as_json:
        counts = [(problems, "problem"), (warnings, "warning")]
        told = ", ".join(f"{count} {word}{'s' * (count > 1)}" for count, word in counts if count)
        click.echo(f"{told or 'Nothing stands in the way'}.")
    return ExitCode.FAILED if problems else ExitCode.DONE


async def _examine(place: Place, archive: "ImapArchive", as_json: bool) -> list["Finding"]:
    from imap_bulk.doctor import examine

    discreet, findings = Discreet(place.secrets), []
    async for finding in examine(archive, place.data_dir):
        findings.append(finding)
        click.echo(discreet.cut(_finding_fields(finding) if as_json else _finding_line(finding)))
    return findings


_COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


def _finding_line(finding: "Finding") -> str:
    state = click.style(f"{finding.state:7}", fg=_COLOURS[finding.state], bold=finding.state == "problem")
    return f"{state}  {finding.check:12}  {finding.said}{f'; {finding.remedy}' if finding.remedy else ''}"


def _finding_fields(finding: "Finding") -> str:
    fields = {"check": finding.check, "state": finding.state, "said": finding.said, "remedy": finding.remedy}
    return json.dumps({"schema": SCHEMA, "event": "finding", **fields})
