"""What a bucket holds, asked for by LIST: a request for a thousand objects, not one for each.

obstore's plain functions are called here, in threads of ours, and not its coroutines: a thread of its own that
lets go of a coroutine while the interpreter ends makes the process abort. Of 145 that ended right after a failed
list, one did (obstore 0.12.1, Python 3.11); of 150 with a plain call, none.
"""

import re
from collections.abc import AsyncGenerator

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from imap_bulk import http
from imap_bulk.bucket import BucketOptions, words
from imap_bulk.engine.behind import to_the_end
from imap_bulk.errors import AccessDenied, BadBucket, BulkError, Interrupted, NotFound
from imap_bulk.retry import persist
from imap_bulk.settings import Settings

_PAGE = 1000
"""What S3 lists in one answer."""

_MISDIRECTED = "redirect without LOCATION"
"""What obstore says of a bucket in another region."""

_REFUSAL = re.compile(r"status code: (\d{3})\b[^:\n]*:? ?(.*?)(?:\n\nDebug source|\Z)", re.DOTALL)
"""How obstore tells what the server answered: its errors have no other field for it."""

Listed = tuple[str, int, str]
"""Object key below the prefix, size in bytes, ETag without quotes."""


async def check(options: BucketOptions, store: S3Store, settings: Settings) -> None:
    """See that the bucket is there and our key opens it. Raises BadBucket, or what passes."""
    await persist(_Pages(options, store, "").next, settings)


async def listed(
    options: BucketOptions, store: S3Store, directory: str, settings: Settings
) -> AsyncGenerator[list[Listed], None]:
    """Yield what lies below a directory of the prefix, in pages. Raises as `check`."""
    pages = _Pages(options, store, directory)
    while page := await persist(pages.next, settings):
        yield page


class _Pages:
    """The pages of a list; after a failure it goes on behind the last object that came."""

    def __init__(self, options: BucketOptions, store: S3Store, directory: str) -> None:
        self._options = options
        self._store = store
        self._directory = directory or None
        self._last: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._pages = obstore.list(self._store, self._directory, offset=self._last, chunk_size=_PAGE)

    async def next(self) -> list[Listed]:
        """Return a page, empty at the end. Raises as `check`."""
        try:
            page = await to_the_end(next, self._pages, None)
        except (BaseError, OSError) as error:
            self._begin()
            raise _judged(error, self._options) from None
        if not page:
            return []
        self._last = page[-1]["path"]
        return [(told["path"], told["size"], (told["e_tag"] or "").strip('"')) for told in page]


def _judged(error: Exception, options: BucketOptions) -> BulkError:
    """Turn obstore's error into ours, with the remedy."""
    subject = f"{options.shown} at {options.origin}"
    if _MISDIRECTED in str(error):
        return BadBucket(f"{subject} is in another region; set AWS_REGION to that of the bucket")
    match = _REFUSAL.search(str(error))
    if not match:
        return Interrupted(f"{subject} cannot be listed: {http.one_line(words(error))}")
    judged = http.bucket_error(int(match[1]), {}, match[2].encode(), subject)
    return BadBucket(str(judged)) if isinstance(judged, AccessDenied | NotFound) else judged
