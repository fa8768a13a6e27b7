"""Every fault that the embedded archive can commit."""

from imap_bulk.server.fault import Fault
from imap_bulk.server.faults_body import BODY
from imap_bulk.server.faults_put import PUT
from imap_bulk.server.faults_range import RANGE
from imap_bulk.server.faults_status import STATUS

ALL: dict[str, Fault] = {**BODY, **RANGE, **STATUS, **PUT}
"""The faults by name, in the order in which help shows them."""
