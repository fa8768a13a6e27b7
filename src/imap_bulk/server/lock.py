"""One server at a time on one root: two would each clear away what the other one is receiving."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imap_bulk.errors import PermanentError

LOCK_NAME = ".lock"


class RootInUse(PermanentError):
    """Another server holds the root."""


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Hold the lock file below `root`. Raises RootInUse.

    The kernel keeps the lock (flock), on an open file: it dies with its process, however that dies. The file
    itself stays, because who removes one takes it from under the next who waits for it.
    """
    descriptor = os.open(root / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "another one"
            raise RootInUse(
                f"{root} is served already, by process {holder}; stop that one, or choose another --root"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
