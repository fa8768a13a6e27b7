"""Objects in a bucket of any S3-compatible storage: bytes go between client and bucket, never through here.

Nobody tells this server that a PUT has ended. So a row is *pending* from its signing on, and a HEAD promotes it
at the next query, download or upload that its name has to do with. A pending row of which nothing has come is
forgotten a day after its URL has expired: a PUT that began in time may still be under way by then.
Two uploads signed for one name before either ends are S3's own affair: the last writer wins there, and the
catalog keeps the time of the first.

URLs are signed, and objects asked for, by obstore (Apache arrow-rs-object-store in Python's clothes). The
alternative was botocore; measured with obstore 0.12.1 and botocore 1.44.5 on the machine of the benchmarks:

                             obstore                        botocore
    installed                16 MB, 1 dependency, MIT       33 MB, 4 dependencies, Apache
    import, first URL        20 ms, 10 ms                   200 ms, 110 ms
    one more URL             20 us                          270 us
    HEAD                     blocks: a thread for each      blocks: a thread for each
    signature                version 4                      version 2 for an endpoint of one's own, unless told
    presign options          method, lifetime               all of S3's: headers, content type, response overrides

obstore has coroutines, too. They are not used: a thread of its own that lets go of one while the interpreter ends
makes the process abort (figures in `delivery/listing.py`).

Of the options, only method and lifetime are wanted: the SDC's URLs sign the host alone. Whoever comes to need
response overrides (`response-content-disposition`) has to come back to this table: obstore has none, because
object_store's `Signer` has none.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

import obstore
from obstore.exceptions import BaseError

from imap_bulk import filenames
from imap_bulk.bucket import BucketOptions, words
from imap_bulk.digest import Digest, hasher
from imap_bulk.errors import BadBucket, BadName
from imap_bulk.filenames import FileName
from imap_bulk.server.catalog import Catalog, Expected, Search, StoredObject
from imap_bulk.server.importing import Report, Survey
from imap_bulk.server.store import Unreachable

if TYPE_CHECKING:
    from obstore import ObjectMeta

_FORGET_AFTER = 86_400
"""Seconds after the end of a URL's life in which its upload may still end."""

_MOST_REQUESTS = 32
"""How many the bucket is asked at once."""

_BATCH_ROWS = 1_000

P = ParamSpec("P")
T = TypeVar("T")


class Bucket:
    """The objects in one bucket, with the catalog of them; `lifetime_upload` in seconds."""

    def __init__(
        self, options: BucketOptions, catalog: Catalog, clock: Callable[[], float], *, lifetime_upload: int
    ) -> None:
        self._options = options
        self._store = options.open()
        self._catalog = catalog
        self._clock = clock
        self._lifetime_upload = lifetime_upload
        self._threads = ThreadPoolExecutor(_MOST_REQUESTS, thread_name_prefix="bucket")

    async def check(self) -> None:
        """See that the bucket is there and may be listed: else a missing object is a 403. Raises BadBucket."""
        try:
            await self._ask(obstore.list_with_delimiter, self._store)
        except (BaseError, OSError) as error:
            raise BadBucket(
                f"{self._options.place} at {self._options.origin} cannot be listed ({words(error)}); "
                "check bucket, endpoint and credentials"
            ) from None

    async def close(self) -> None:
        """Let the threads go; every request has a caller that has waited for it."""
        await asyncio.to_thread(self._threads.shutdown)

    async def _ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Have a thread ask the bucket, and wait. Raises what `call` does."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **kwargs))

    async def sign(self, method: Literal["GET", "PUT"], key: str, lifetime: int) -> str:
        """Return the URL that lets its bearer `method` the object for `lifetime` seconds."""
        return await self._ask(obstore.sign, self._store, method, key, timedelta(seconds=lifetime))

    async def find(self, key: str) -> StoredObject | None:
        """Return what is archived at `key`, having asked the bucket if an upload was signed."""
        for expected in self._catalog.pending(key=key):
            await self._settle(expected)
        return self._catalog.find(key)

    async def settle(self, search: Search) -> None:
        """Ask the bucket for every pending object that would match. Raises Unreachable."""
        async with asyncio.TaskGroup() as group:
            for expected in self._catalog.pending(search):
                group.create_task(self._settle(expected))

    async def expect(self, file: FileName) -> None:
        """Write the pending row."""
        await self._catalog.expect(file, StoredObject(0, "", "", int(self._clock())))

    async def store(self, file: FileName, pieces: AsyncIterator[bytes | bytearray]) -> StoredObject:
        """Put an object that begins in this process. Raises Unreachable."""
        body = bytearray()
        async for piece in pieces:
            body += piece
        digests = {name: hasher(name) for name in ("md5", "sha256")}
        for hash_ in digests.values():
            hash_.update(body)
        try:
            await self._ask(obstore.put, self._store, file.key, bytes(body), use_multipart=False)
        except (BaseError, OSError) as error:
            raise Unreachable(f"{file.key} cannot be stored: {words(error)}") from None
        stored = StoredObject(
            len(body), digests["md5"].hexdigest(), digests["sha256"].hexdigest(), int(self._clock())
        )
        await self._catalog.add(file, stored)
        return stored

    async def rescan(self, report: Report) -> Survey:
        """Make the catalog true to the bucket. Raises BadBucket."""
        survey, listed = Survey(), set[str]()
        try:
            pages = obstore.list(self._store, chunk_size=_BATCH_ROWS)
            while batch := await self._ask(next, pages, ()):
                listed.update(told["path"] for told in batch)
                await asyncio.to_thread(self._catalog.add_many, self._unknown(batch, survey))
                report(survey)
        except (BaseError, OSError) as error:
            raise BadBucket(f"{self._options.place} cannot be listed ({words(error)})") from None
        gone = [key for key, _ in self._catalog.known() if key not in listed]
        await asyncio.to_thread(self._catalog.remove_many, gone)
        survey.missing = len(gone)
        survey.is_over = True
        report(survey)
        return survey

    def _unknown(self, batch: Sequence["ObjectMeta"], survey: Survey) -> list[tuple[FileName, StoredObject]]:
        """Return rows for what is not catalogued as it is."""
        rows = []
        for told in batch:
            file, stored, known = _file_of(told["path"]), _stored(told), self._catalog.find(told["path"])
            if file is None:
                survey.leave_out(f"{told['path']} is not the key of a data file")
            elif known and (known.size, known.md5) == (stored.size, stored.md5):
                survey.known += 1
            else:
                rows.append((file, stored))
                survey.added += 1
                survey.added_bytes += stored.size
        return rows

    async def _settle(self, expected: Expected) -> None:
        """Promote a pending row, or forget it, or leave it. Raises Unreachable."""
        file = expected.file
        try:
            told = await self._ask(obstore.head, self._store, file.key)
        except FileNotFoundError:
            last = expected.stored.ingested + self._lifetime_upload + _FORGET_AFTER
            if self._clock() > last:
                await self._catalog.forget(file.key)
            return
        except (BaseError, OSError) as error:
            raise Unreachable(f"{file.key} cannot be asked for: {words(error)}") from None
        await self._catalog.add(file, _stored(told))


def _stored(told: "ObjectMeta") -> StoredObject:
    """Read what a HEAD or a listing tells. An ETag is the MD5 of what came in one PUT, else it is opaque."""
    md5 = Digest.from_etag(told["e_tag"])
    return StoredObject(told["size"], md5.value if md5 else "", "", int(told["last_modified"].timestamp()))


def _file_of(key: str) -> FileName | None:
    try:
        file = filenames.parse(key.rpartition("/")[2], legacy=True)
    except BadName:
        return None
    return file if file.key == key else None
