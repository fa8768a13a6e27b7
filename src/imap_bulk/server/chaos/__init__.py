"""Faults on demand, from a seed.

chaos.py     which request meets which fault
spec.py      how faults are asked for
entry.py     one entry of that
faults.py    every fault, in one table
body.py      a body cut off, silent, changed, of a wrong length, strangely wrapped
ranges.py    a part that was not asked for, or of another object
status.py    busy, broken, expired, missing, elsewhere
put.py       an upload that fails half-way, or whose answer is lost
fault.py     what a fault is
"""

from imap_bulk.server.chaos.chaos import FAULTS, Chaos, Committed, Decision
from imap_bulk.server.chaos.spec import parse_spec

__all__ = ["FAULTS", "Chaos", "Committed", "Decision", "parse_spec"]
