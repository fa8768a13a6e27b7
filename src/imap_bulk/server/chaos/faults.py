"""Every fault that the embedded archive can commit."""

from imap_bulk.server.chaos.body import BODY
from imap_bulk.server.chaos.fault import Fault
from imap_bulk.server.chaos.put import PUT
from imap_bulk.server.chaos.ranges import RANGE
from imap_bulk.server.chaos.status import STATUS

ALL: dict[str, Fault] = {**BODY, **RANGE, **STATUS, **PUT}
"""The faults by name, in the order in which help shows them."""
