"""What shows imap-bulk at work: demo."""

from pathlib import Path

import click

from imap_bulk.cli.ending import ExitCode, run


@click.command(short_help="Show the whole flow on this machine.")
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Keep the files here instead of a temporary directory.",
)  # fmt: skip
def demo(keep: Path | None) -> ExitCode:
    """Start an archive here, push sample files to it, query, pull and verify them. Takes a few seconds."""
    from imap_bulk.cli.demo import show

    return run(show(keep))
