"""The IMAP Science Data Center.

archive.py   searches it, and has it sign URLs
query.py     what it can be asked for, checked before any request
params.py    a query spelled for the wire, as its generations and tables understand it
asking.py    the parts of a search, of which the next few are on their way
doubts.py    whether a 404 is believed
content.py   what came in place of a file
split.py     a query whose answer is too large, as parts that do not overlap
records.py   its answers, of three generations, and what it cannot filter itself
signed.py    the signed URLs it gives
"""

from imap_bulk.archives.imap.archive import ImapArchive
from imap_bulk.archives.imap.query import ImapQuery

__all__ = ["ImapArchive", "ImapQuery"]
