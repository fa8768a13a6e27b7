"""`imap-bulk doctor`: what stands in the way, as lines for people or for programs."""

import json
from typing import TYPE_CHECKING

import click

from imap_bulk.cli.ending import ExitCode, run
from imap_bulk.cli.events import SCHEMA
from imap_bulk.cli.logs import Discreet
from imap_bulk.cli.options import DEFAULT
from imap_bulk.cli.place import Place

if TYPE_CHECKING:
    from imap_bulk.archives.imap import ImapArchive
    from imap_bulk.doctor import Finding


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
    async for finding in examine(archive, place.named_dir):
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
