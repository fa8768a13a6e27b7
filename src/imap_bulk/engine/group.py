"""Files are committed in groups: whatever is ready while one group is on its way to the disk forms the next.

A thread hop per file costs a small file half of its time, and of several fsyncs in a row only the first is dear:
it takes the others' bytes along. Where the disk confirms a small file at once, as memory does, and those with a
memory of their own, even a hop per group costs more than it saves: 5,000 files of 16 KiB took 3.8 s of CPU time
committed on the event loop, 4.6 s in groups. So small files are committed there for as long as that is quick.
"""

import asyncio
import time
from collections.abc import Callable, Sequence

from imap_bulk.engine.behind import outwait
from imap_bulk.engine.commit import PartFile, fsync_directory

_QUICK_SECONDS = 0.00025
"""What a commit may take on the event loop on average: half of what a small file takes there anyhow."""

_SHARE_OF_LAST = 1 / 16
_MOST_COUNTED_SECONDS = 0.0015
"""What the last commit counts in that average, which begins at nought. So a disk that takes a millisecond or more
is found out by its third or fourth file, but not a process that had to wait for its turn on the processor once."""

_SMALL_BYTES = 1 << 20


class GroupCommit:
    """Commits part files, all that are ready at a time together, and has the disk confirm them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready: dict[PartFile, asyncio.Future[None]] = {}
        self._running: asyncio.Task[None] | None = None
        self._seconds = 0.0

    async def commit(self, part: PartFile, size: int) -> None:
        """Give a part file of `size` bytes its final name, and wait until that survives a power cut.

        It waits even when cancelled. Raises OSError.
        """
        if size <= _SMALL_BYTES and self._seconds < _QUICK_SECONDS:
            self._commit_at_once(part)
            return
        committed = asyncio.get_running_loop().create_future()
        self._ready[part] = committed
        self._running = self._running or asyncio.create_task(self._run())
        await outwait(committed)

    def _commit_at_once(self, part: PartFile) -> None:
        started = self._clock()
        _commit([part])
        took = min(self._clock() - started, _MOST_COUNTED_SECONDS)
        self._seconds += _SHARE_OF_LAST * (took - self._seconds)

    async def _run(self) -> None:
        while self._ready:
            group, self._ready = self._ready, {}
            try:
                await asyncio.to_thread(_commit, list(group))
            except Exception as error:
                for committed in group.values():
                    committed.set_exception(error)
            else:
                for committed in group.values():
                    committed.set_result(None)
        self._running = None


def _commit(parts: Sequence[PartFile]) -> None:
    """No name before its bytes are on the disk, and no success before the name is."""
    for part in parts:
        part.sync()
    for part in parts:
        part.rename()
    for directory in {part.directory for part in parts}:
        fsync_directory(directory)
