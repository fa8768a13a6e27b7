"""AuroraX, of the University of Calgary: where satellites were, what cameras saw, and when they were close.

archive.py       searches it, and has it sign URLs
query.py         what it can be asked for, checked before it is asked
moments.py       its times, and ranges of them in windows
searching.py     a search: submitted, waited for, cancelled
document.py      a search's result, record by record
products.py      data products as files
content.py       what a product's file looks like
keys.py          object keys for what has no names
sources.py       its data sources, listed and changed
availability.py  how many records it has of each day
forms.py         files of records taken apart
records.py       records to push: read, and all of them checked
batches.py       records on their way, and what the archive says of them
visible.py       which pushed records a search finds
api.py           the two ways to its API: in public, and with the key
refusals.py      what its refusals mean
"""

from imap_bulk.archives.aurorax.archive import PRODUCTION_URL, AuroraxArchive
from imap_bulk.archives.aurorax.query import (
    Chosen,
    Condition,
    ConjunctionQuery,
    EphemerisQuery,
    ProductQuery,
    Query,
)
from imap_bulk.archives.aurorax.searching import Kind, Polling

__all__ = [
    "PRODUCTION_URL",
    "AuroraxArchive",
    "Chosen",
    "Condition",
    "ConjunctionQuery",
    "EphemerisQuery",
    "Kind",
    "Polling",
    "ProductQuery",
    "Query",
]
