"""The journal: the plan of this run, and what has been moved, in SQLite beside the files.

A cache, never the truth: deleting it costs time, not correctness. What it vouches for is what this tool
verified itself and whose size and time on disk have not changed since. The plan lives in a temporary table,
private to the run and on disk when it grows, so that a million files cost no memory; a killed run is simply
run again.

journal.py   one archive and one direction: planned, done, failed
ledger.py    all archives and directions, read without changing anything
delivered.py what has been delivered to a bucket, and which of it is still there
mirrored.py  what a query has brought so far, by time of ingestion
accepted.py  which records an archive has accepted
record.py    what is known of one file
schema.py    the tables, and those of earlier versions brought up to date
database.py  the file, open, and set aside where it is damaged
"""

from imap_bulk.journal.accepted import Accepted
from imap_bulk.journal.delivered import Delivered, Held
from imap_bulk.journal.journal import Journal
from imap_bulk.journal.ledger import Deliveries, Failure, Holding, Ledger, MirrorRun, Run
from imap_bulk.journal.mirrored import Mirrored, forget_older
from imap_bulk.journal.record import Record, Voucher
from imap_bulk.journal.schema import DIRECTORY

__all__ = [
    "DIRECTORY",
    "Accepted",
    "Delivered",
    "Deliveries",
    "Failure",
    "Held",
    "Holding",
    "Journal",
    "Ledger",
    "MirrorRun",
    "Mirrored",
    "Record",
    "Run",
    "Voucher",
    "forget_older",
]
