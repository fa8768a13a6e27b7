"""LSST's commands: lsst list, schema, query, pull; and push, which is refused."""

import click

from imap_bulk.cli.ending import ExitCode
from imap_bulk.cli.lsst.names import list_, schema
from imap_bulk.cli.lsst.pull import pull
from imap_bulk.cli.lsst.query import query
from imap_bulk.cli.place import Place


@click.group(short_help="LSST's Data Access: lists, SQL, images, cutouts.")
def lsst() -> None:
    """Ask an archive that speaks LSST's API for Data Access Services, version 0, as its page of 2015 describes it.

    No server of LSST's is live. Name one by IMAP_BULK_LSST_URL, or by --url before the command; a token, where one
    is needed, by IMAP_BULK_LSST_API_KEY or --api-key. Images go below the data directory.

    \b
    Examples:
      imap-bulk demo --archive lsst
      imap-bulk --url http://127.0.0.1:8000 lsst list databases
    """


@lsst.command(hidden=True, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.pass_obj
def push(place: Place, /) -> ExitCode:
    """Refuse: nothing can be sent to this archive."""
    del place
    raise click.UsageError("The LSST archive is read-only: it takes no uploads.")


for _command in (list_, schema, query, pull):
    lsst.add_command(_command)
