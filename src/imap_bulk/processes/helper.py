"""What a helper process runs, `python -m imap_bulk.processes.helper`; its parent speaks to it over pipes.

It ends when its input does: a parent that is gone, even killed, leaves nobody behind.
"""

import asyncio
import os
import stat
import sys
from contextlib import nullcontext, suppress

from imap_bulk.engine.engine import Engine
from imap_bulk.engine.pace import Paces
from imap_bulk.model import Outcome, Pacing, Progress, Setback
from imap_bulk.processes.supply import Supply
from imap_bulk.processes.wire import Telling, messages, packed
from imap_bulk.processes.words import Deal, End, HostGave, HostIsBusy, Kit, News, Share, Want
from imap_bulk.transport import StorageTransport

_TELL_SECONDS = 0.05


class _Helper:
    """Does for its parent what that gives it to do."""

    def __init__(self, kit: Kit, output: int) -> None:
        self._kit = kit
        self._output = output
        self._telling = Telling()
        self._paces = Paces(kit.settings)
        self._supply = Supply(lambda count: self._say(Want(count)), 2 * kit.settings.jobs)

    async def work(self) -> None:
        """Move what comes, and tell of it, until there is no more."""
        kit = self._kit
        opened = kit.open_delivery(kit.settings) if kit.open_delivery else nullcontext()
        storage = StorageTransport(kit.settings, kit.archive.name)
        async with kit.archive, storage as transport, opened as begin_delivery:
            engine = Engine(
                kit.archive, transport, kit.root, kit.settings, kit.keep, begin_delivery, paces=self._paces
            )
            running = asyncio.ensure_future(engine.run(self._supply, self._note))
            try:
                while not running.done():
                    await asyncio.wait([running], timeout=_TELL_SECONDS)
                    self._tell()
                await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                self._tell()

    def hear(self, message: object) -> None:
        """Take what the parent says."""
        match message:
            case Deal(transfers):
                self._telling.expect(transfers)
                self._supply.add(transfer for _, transfer in transfers)
            case HostIsBusy(host, error):
                self._paces.of(host).hear_of(error)
            case HostGave(host, thing):
                self._paces.known.hear_of(host, thing)
            case Share(jobs):
                self._paces.narrow(jobs)

    def end(self, error: Exception | None) -> None:
        """Say the last word."""
        self._say(End(error))

    def _note(self, event: Progress | Setback | Outcome | Pacing) -> None:
        self._telling.take(event)
        if isinstance(event, Setback):  # the others may have to wait as well
            self._tell()

    def _tell(self) -> None:
        for host, thing in self._paces.known.news():
            self._say(HostGave(host, thing))
        if told := self._telling.collect():
            self._say(News(told))

    def _say(self, message: object) -> None:
        # Waits if the pipe is full. The parent always reads: what it has to say itself waits in its memory.
        view = memoryview(packed(message))
        while view:
            view = view[os.write(self._output, view) :]


async def _help(output: int) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    said = messages(reader)
    kit = await anext(said, None)
    if not isinstance(kit, Kit):
        return
    helper = _Helper(kit, output)
    work = asyncio.ensure_future(helper.work())

    async def listen() -> None:
        async for message in said:
            helper.hear(message)
        work.cancel()  # the parent is gone, or wants no more

    listening = asyncio.ensure_future(listen())
    try:
        await work
    except asyncio.CancelledError:
        return
    except Exception as error:
        helper.end(error)
    else:
        helper.end(None)
    finally:
        listening.cancel()


def _is_pipe(fd: int) -> bool:
    """Whether somebody can speak to us here; asyncio waits for ever on what is no pipe, no socket."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:  # closed
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def main() -> None:
    """Help."""
    if not _is_pipe(0):
        sys.exit("Error: this is a part of imap-bulk that only imap-bulk can start; run imap-bulk instead")
    output = os.dup(1)
    os.dup2(2, 1)  # what anybody prints must not come between the frames
    with suppress(BrokenPipeError):
        asyncio.run(_help(output))
    os._exit(0)  # all is put away, and the parent waits


if __name__ == "__main__":
    main()
