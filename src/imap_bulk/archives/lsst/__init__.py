"""LSST's Data Access services, version 0, as their page of 2015 describes them.

archive.py     lists images, and says where to GET them from; looks at what came
service.py     the session: questions, lists, the schema of a table
images.py      which images are wanted; their keys, and what to ask for
cutouts.py     positions and sizes, and the parameters that they become
jobs.py        requests that take long: waited for, or cancelled
paging.py      a list, page by page
containing.py  names that contain a text
envelopes.py   what the services wrap their answers in, errors among them
statement.py   a SELECT, in parts
queries.py     the answers to SQL, merged in order
forms.py       the forms in which tables are written
fits.py        whether a file is a whole FITS file
sums.py        the checksums that it carries (extra: imap-bulk[lsst])
"""

from imap_bulk.archives.lsst.archive import LsstArchive
from imap_bulk.archives.lsst.images import ImageQuery

__all__ = ["ImageQuery", "LsstArchive"]
