"""Whether a name still means the file that was looked at: another process may give it to other bytes."""

import os
from typing import NamedTuple, Self


class Stamp(NamedTuple):
    """One file on disk, by its inode; with the time of its last write, in ns since 1970, where others write it.

    Not of a file that is written here: SMB moves that time when the file is closed.
    """

    inode: int
    mtime_ns: int | None = None

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Take it from what `stat` tells."""
        return cls(status.st_ino, status.st_mtime_ns)

    def fits(self, status: os.stat_result) -> bool:
        """Tell whether this is that file, not written to since."""
        return self.inode == status.st_ino and self.mtime_ns in (None, status.st_mtime_ns)
