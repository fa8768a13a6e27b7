"""How hard each host is pressed, and when it is left alone.

paces.py     the paces of a run, one per host, and what its streams share
pace.py      leave for one request: waits for a slot, the gate, the breaker, the requests a second
climb.py     how many requests at once: more as long as more brings more
goodput.py   what a host brings, so that stretches of time can be compared
breaker.py   Retry-After kept by all; a host that is down is asked by one at a time
known.py     what hosts have given, to be asked for again when one seems to be down
floor.py     the least that a connection must bring
buckets.py   bytes and requests per second, and memory, shared by a run
"""

from imap_bulk.engine.pace.pace import Pace, Turn
from imap_bulk.engine.pace.paces import Paces

__all__ = ["Pace", "Paces", "Turn"]
