"""How hard each host is pressed, and when it is left alone.

pace.py      leave for one request: waits for a slot, the gate, the breaker, the requests a second
climb.py     how many requests at once: more as long as more brings more
goodput.py   what a host brings, so that stretches of time can be compared
breaker.py   Retry-After kept by all; a host that is down is asked by one at a time
floor.py     the least that a connection must bring
buckets.py   bytes and requests per second, and memory, shared by a run
"""

from imap_bulk.engine.pace.pace import Pace, Paces, Turn

__all__ = ["Pace", "Paces", "Turn"]
