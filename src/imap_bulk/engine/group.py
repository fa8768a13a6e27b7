"""Files are committed in groups: whatever is ready while one group is on its way to the disk forms the next.

A thread hop per file costs a small file half of its time, and of several fsyncs in a row only the first is dear:
it takes the others' bytes along.
"""

import asyncio
from collections.abc import Sequence

from imap_bulk.engine.behind import outwait
from imap_bulk.engine.commit import PartFile, fsync_directory


class GroupCommit:
    """Commits part files, all that are ready at a time together, and has the disk confirm them."""

    def __init__(self) -> None:
        self._ready: dict[PartFile, asyncio.Future[None]] = {}
        self._running: asyncio.Task[None] | None = None

    async def commit(self, part: PartFile) -> None:
        """Give a part file its final name, and wait until that survives a power cut, even when cancelled.

        Raises OSError.
        """
        committed = asyncio.get_running_loop().create_future()
        self._ready[part] = committed
        self._running = self._running or asyncio.create_task(self._run())
        await outwait(committed)

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
