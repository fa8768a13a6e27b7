"""THE DEMONSTRATIONS: an archive on this machine, and the real commands run against it.

command.py  the command
imap.py     the demonstration of IMAP's archive
aurorax.py  that of AuroraX
lsst.py     that of LSST's archive
shell.py    where they happen, how they run commands, and how they tell of it
"""

from imap_bulk.cli.demo.command import demo

__all__ = ["demo"]
