"""The group `imap-bulk aurorax`, whose commands are imported when they are asked for."""

from importlib import import_module

import click

_ROOMS = {
    "sources": "sources",
    "availability": "asking",
    "query": "asking",
    "pull": "moving",
    "push": "moving",
    "delete": "deleting",
}
"""Command -> the module it lives in."""


class _Commands(click.Group):
    """Imports commands when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_ROOMS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ROOMS:
            return None
        command = getattr(import_module(f"imap_bulk.cli.aurorax.{_ROOMS[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=_Commands, short_help="The same for AuroraX: ephemeris, keograms, conjunctions.")
def aurorax() -> None:
    """Ask AuroraX where satellites were and what all-sky cameras saw; pull it; push records.

    --url, --api-key and --data-dir stand before the word aurorax. Environment: IMAP_BULK_AURORAX_URL (else
    https://api.aurorax.space) and IMAP_BULK_AURORAX_API_KEY, which is needed only to change something.

    \b
    Examples:
      imap-bulk aurorax sources --program themis-asi
      imap-bulk aurorax pull --program trex --platform gillam --product-type keogram \\
          --start-date 20200201 --end-date 20200205
      imap-bulk aurorax pull --kind ephemeris --program swarm --platform swarma \\
          --start-date 20190101 --end-date 20190131
    """
