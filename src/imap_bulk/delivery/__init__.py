"""Files go to a bucket instead of the disk, verified on the way and proven there.

    GET -> part file -> verified -> signed PUT -> the bucket's answer held against what was sent -> part file gone

The engine knows of it what `engine/delivery.py` says, and nothing of S3. A file goes up in one PUT, carried by the
engine's own upload: within the limits of the run, paced and retried as everything else, in the memory of two
chunks. It bears `Content-MD5`, signed with the URL: storage takes the object whole and right, or not at all; and,
for those who read the object without us, its sha256 as metadata.

There are no multipart uploads, and so none to be left behind, invisible and paid for, by a kill: obstore, which
would make them, can neither list nor abort them. The price is that an object has at most 5 GiB (what an archive
takes in one signed PUT has no more), and that it goes up in one stream. The ETag of an object that came in one
PUT is the MD5 of its content, unless the bucket encrypts with keys of its own.

destination.py  where files go, as plain values that travel to workers
putting.py      one signed PUT, and what the bucket holds afterwards proven
listing.py      what a bucket holds, or why it cannot be told
shipment.py     one run: what is there and right stays out of the plan, what comes is remembered
"""

from imap_bulk.delivery.destination import Destination
from imap_bulk.delivery.shipment import Shipment

__all__ = ["Destination", "Shipment"]
