"""What can go wrong, sorted by whether another attempt can help.

    BulkError                     ends one transfer; anything else (disk full, a bug) ends the run
    ├── TransientError            another attempt may help
    │   ├── Interrupted             the connection failed, or the body ended short
    │   ├── Stalled                 the other side sent nothing for too long
    │   ├── Busy                    429 or 503; may say when to come back
    │   ├── UrlExpired              storage no longer takes the signed URL: sign anew
    │   ├── Vanished                404 for what was listed or signed a moment ago
    │   ├── Garbled                 an answer that nobody can read: a login page, half a JSON document
    │   ├── WrongPart               storage sent another part of the object than was asked for
    │   ├── ObjectChanged           the archive's object became another one while it was fetched
    │   ├── DigestMismatch          the bytes that arrived are not the bytes that were promised
    │   │   └── OtherSize             storage names an object of another size than is expected
    │   └── ServerFault             500, 502, 504: the archive's own trouble
    ├── IncompleteRun             what `Result.raise_for_failures` raises
    └── PermanentError            another attempt would end the same way
        ├── NotFound                the archive does not have the file
        ├── AccessDenied            a key is missing, unknown, or may not do this
        ├── AlreadyArchived         the archive has a file of this name
        ├── ReadOnly                this archive takes no uploads
        ├── Rejected                the other side refused
        ├── SourceChanged           the file changed on disk while it was sent
        ├── Corrupted               a file on disk is no longer what it was
        ├── Unverified              nothing to verify against, and verification was required
        ├── NotCached               neither here nor in the cache, and offline nobody is asked
        ├── BadQuery                a search condition that no archive understands
        ├── BadManifest             lines of a manifest that cannot be used
        ├── BadName                 names outside the archive's conventions
        ├── BadBucket               a bucket that cannot be used as it was named
        └── UnsafePath              a path that leads out of the data directory

Every message is one sentence for a person: what happened, to which file, what to do. No message
holds a credential or the query string of a signed URL. A status code that nobody foresaw is
permanent: hammering on the unknown is how clients get blocked.
"""

import re
from collections.abc import Callable

_NAME = re.compile("`([a-z_]+)`")


class BulkError(Exception):
    """One transfer, query or manifest cannot go on."""


class TransientError(BulkError):
    """Another attempt may help."""


class Interrupted(TransientError):
    """The connection failed or the body ended short."""


class Stalled(TransientError):
    """The other side sent nothing for longer than the idle timeout."""


class Busy(TransientError):
    """The other side asks for patience (429, 503)."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        """Keep `retry_after`: seconds the other side asked for, or None."""
        super().__init__(message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type["Busy"], tuple[str, float | None]]:
        return type(self), (str(self), self.retry_after)


class UrlExpired(TransientError):
    """Storage no longer takes the signed URL."""


class Vanished(TransientError):
    """404 for what was listed or signed a moment ago: the archive also says so when its storage is throttled."""


class Garbled(TransientError):
    """An answer that nobody can read; transient because whatever stands in between may go away."""


class WrongPart(TransientError):
    """Storage sent another part of the object than was asked for."""


class ObjectChanged(TransientError):
    """The archive's object became another one while it was fetched."""


class DigestMismatch(TransientError):
    """The bytes are not the promised ones; transient because the usual cause is the way, not the source."""


class OtherSize(DigestMismatch):
    """Storage names an object of another size; told twice, it is no longer taken for the way's fault."""


class ServerFault(TransientError):
    """The archive failed (500, 502, 504)."""


class IncompleteRun(BulkError):
    """Some of what was wanted is not there."""


class PermanentError(BulkError):
    """Another attempt would end the same way."""


class NotFound(PermanentError):
    """The archive does not have the file."""


class AccessDenied(PermanentError):
    """A key is missing, unknown, or may not do this."""


class AlreadyArchived(PermanentError):
    """The archive has a file of this name."""


class ReadOnly(PermanentError):
    """This archive takes no uploads."""


class Rejected(PermanentError):
    """The other side refused."""


class SourceChanged(PermanentError):
    """The file changed on disk while it was sent."""


class Corrupted(PermanentError):
    """A file on disk is missing, or no longer what it was."""


class Unverified(PermanentError):
    """There was nothing to verify against, and verification was required."""


class NotCached(PermanentError):
    """A file is neither here nor in the cache, and offline nobody is asked."""


class BadQuery(PermanentError):
    """A search condition that no archive understands.

    Its words have the names of conditions between backticks, as in `start_date`; a surface may spell them anew.
    """

    def spelled(self, spelling: Callable[[str], str]) -> str:
        """Return its words, the names of conditions in the spelling of a surface."""
        return _NAME.sub(lambda match: spelling(match[1]), str(self))


class _BadLines(PermanentError):
    """An error with one problem a line, all of them found before anything moves."""

    def __init__(self, summary: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__("\n  ".join((summary, *problems)))
        self.summary = summary
        self.problems = problems

    def __reduce__(self) -> tuple[type["_BadLines"], tuple[str, tuple[str, ...]]]:
        return type(self), (self.summary, self.problems)


class BadManifest(_BadLines):
    """Lines of a manifest that cannot be used; `problems` names each with its number."""


class BadName(_BadLines):
    """Names outside the archive's conventions; `problems` has one entry a name."""


class BadBucket(PermanentError):
    """A bucket that cannot be used as it was named, or with the credentials that were given for it."""


class UnsafePath(PermanentError):
    """A path that leads out of the data directory."""
