"""What stands in the way on this machine, its network and its disk: each check a small function, each a finding.

examination.py   all of them, in order
finding.py       what a check has found, and the remedy
network.py       proxy, certificates, names
service.py       the archive: whether it answers, what its clock says, whether it takes the key
disk.py          room, and whether files are committed as they should be
locks.py         whether a lock keeps a second process out
versions.py      what is installed

Findings are made to be pasted into a bug report: no check repeats a key, a password or an answer's body.
"""

from imap_bulk.doctor.examination import examine
from imap_bulk.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]
